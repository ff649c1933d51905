"""Images of a registry that tests pull."""

import gzip
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanner.model import Digest, ImageReference, Platform, Unexaminable
from scanner.ports import Layer, ResolvedImage
from scanner.registry import AcrRegistry, Timing
from tests.image_samples import config_of, digest_of, manifest_of, tar_of
from tests.pulls import pull_all
from tests.registry_server import LocalCredential, Running, run_registry

QUICK = Timing(sleep=lambda _: None, connect_seconds=2.0, read_seconds=2.0)
PLAIN = tar_of(data=random.Random(3).randbytes(700_000))  # noqa: S311 - a fixed sample
BLOB = gzip.compress(PLAIN, mtime=0)
SMALL = tar_of(etc=b"x")
LINUX = Platform(os="linux", architecture="amd64")

Pulled = Mapping[Layer, Path] | Unexaminable


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Run a registry and its storage."""
    with run_registry(tmp_path) as running:
        yield running


def image_of(running: Running, blobs: Sequence[bytes], plains: Sequence[bytes]) -> ResolvedImage:
    """Put an image of these blobs into the registry, whose config claims these contents."""
    config = config_of(*plains)
    for blob in blobs:
        running.state.add_blob(blob)
    return resolved_from(running, config, manifest_of(config, *blobs))


def resolved_from(running: Running, config: bytes, document: dict[str, Any]) -> ResolvedImage:
    """Return what the registry has of a manifest."""
    manifest = json.dumps(document).encode()
    reference = ImageReference(
        registry=running.registry, repository="team/app", digest=Digest(digest_of(manifest))
    )
    return ResolvedImage(reference=reference, platform=LINUX, manifest=manifest, config=config)


def pull(running: Running, image: ResolvedImage, into: Path, **more: Any) -> Pulled:  # noqa: ANN401 - any field of it
    """Pull an image's layers into a folder."""
    registry = AcrRegistry(
        credential=LocalCredential(),
        registries=frozenset({running.registry}),
        ca_file=running.ca_file,
        blob_hosts=frozenset({running.storage}),
        timing=QUICK,
    )
    return pull_all(replace(registry, **more), image, into)


@pytest.fixture
def into(tmp_path: Path) -> Path:
    """Make an empty folder for the layers."""
    folder = tmp_path / "layers"
    folder.mkdir()
    return folder


def reason_of(pulled: Pulled) -> str:
    """Return why an image could not be pulled."""
    assert isinstance(pulled, Unexaminable)
    return pulled.reason
