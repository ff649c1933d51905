"""One running Pushscan for each test process, and the samples that are pushed to it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from local.samples.advisories import install_sample
from local.samples.images import build
from local.samples.packages import PackageCache
from local.stack import Stack
from scanner import settings
from scanner.model import Digest, ImageReference, Report
from scanner.ports import CurrentVerdict
from scanner.wiring import Wiring

_SECONDS = 90.0
_POLL_SECONDS = 0.05
_T = TypeVar("_T")


def eventually(observe: Callable[[], _T | None]) -> _T:
    """Return what `observe` returns once that is not None; TimeoutError after 90 s."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        seen = observe()
        if seen is not None:
            return seen
        time.sleep(_POLL_SECONDS)
    raise TimeoutError(observe)


@dataclass(frozen=True, kw_only=True)
class Pushscan:
    """A running stack, seen as its users see it."""

    stack: Stack
    wiring: Wiring
    samples: Path

    def push(self, sample: str, to: str) -> ImageReference:
        """Push a sample to `repository:tag`; the registry then fires its webhooks."""
        repository, _, tag = to.partition(":")
        registry = self.stack.registry
        with registry.client() as client:
            digest = client.push_layout(self.samples / sample, to)
        return ImageReference(
            registry=registry.login_server, repository=repository, digest=Digest(digest), tag=tag
        )

    def verdict(self, image: ImageReference) -> CurrentVerdict:
        """Wait for the verdict on an image."""
        return eventually(lambda: self.wiring.store.current(image))

    def report(self, image: ImageReference) -> Report:
        """Wait for the report on an image."""
        report = self.wiring.store.find_report(self.verdict(image).report_id)
        assert report is not None
        return report


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All sample images."""
    prepared = Path(".local/samples")
    if (prepared / ".prepared").exists():
        return prepared
    into = tmp_path_factory.mktemp("samples")
    for name in ("clean", "vulnerable", "multi-platform", "signature"):
        build(name, into, PackageCache(Path(".local/cache/packages")))
    return into


@pytest.fixture(scope="session")
def advisories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the sample advisories as its current ones."""
    root = tmp_path_factory.mktemp("advisories")
    install_sample(root, updated_at=datetime.now(UTC))
    return root


@pytest.fixture(scope="session")
def pushscan(
    tmp_path_factory: pytest.TempPathFactory, samples: Path, advisories: Path
) -> Iterator[Pushscan]:
    """A running Pushscan that all tests of this process share; each uses its own repositories."""
    with Stack(tmp_path_factory.mktemp("stack") / "home", advisories=advisories) as stack:
        yield Pushscan(stack=stack, wiring=Wiring(settings.read(stack.settings())), samples=samples)
