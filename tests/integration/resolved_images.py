"""What a registry says of images that tests ask it for."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanner.model import Digest, ImageReference, NotApplicable, Unexaminable
from scanner.ports import Resolved
from scanner.registry import AcrRegistry, Timing
from tests.registry_server import Handler, LocalCredential, Running, run_registry

QUICK = Timing(sleep=lambda _: None, connect_seconds=2.0, read_seconds=2.0)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Run a registry and its storage."""
    with run_registry(tmp_path) as running:
        yield running


def registry_of(running: Running, **more: Any) -> AcrRegistry:  # noqa: ANN401 - any field of it
    """Return the adapter."""
    registry = AcrRegistry(
        credential=LocalCredential(),
        registries=frozenset({running.registry}),
        ca_file=running.ca_file,
        blob_hosts=frozenset({running.storage}),
        timing=QUICK,
    )
    return replace(registry, **more)


def reference_to(running: Running, digest: str) -> ImageReference:
    """Name a manifest."""
    return ImageReference(
        registry=running.registry, repository="team/app", digest=Digest(digest), tag="v1"
    )


def resolve(running: Running, digest: str, **more: object) -> Resolved:
    """Ask for a manifest."""
    return registry_of(running, **more).resolve(reference_to(running, digest))


def reason_of(resolved: Resolved) -> str:
    """Return why there is no image."""
    assert isinstance(resolved, Unexaminable | NotApplicable)
    return resolved.reason


def answering(status: int, **headers: str) -> Callable[[Handler], bool]:
    """Answer with a status."""

    def respond(handler: Handler) -> bool:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        handler.answer(status, b"{}", named)
        return True

    return respond
