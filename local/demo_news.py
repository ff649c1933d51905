"""The second half of the demo: a build that shares layers, and news about a stored image."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from local.samples.advisories import Advisory, install_sample
from local.samples.variants import layer_sizes, on_top
from local.stack import Stack
from scanner import settings
from scanner.model import Digest, ImageReference, Status
from scanner.wiring import Wiring

_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
_REPOSITORY: Final = "demo/clean"
_FILES: Final = {
    "var/lib/dpkg/status.d/demo-tool": (
        b"Package: demo-tool\nStatus: install ok installed\nVersion: 1.0-1\n"
        b"Architecture: amd64\nMaintainer: nobody\n"
    )
}
_NEWS: Final = Advisory(
    id="CVE-2026-99999",
    ecosystem="debian 12",
    package="demo-tool",
    vulnerable=[],
    patched=["1.0-2"],
    vendor_id="",
    severity="CRITICAL",
    severity_source="debian",
    title="Made up for this demo, as the package is",
    url="https://example.com/CVE-2026-99999",
    verified="",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A stack whose stored images meet another build, and then other advisories."""

    stack: Stack
    samples: Path
    advisories: Path
    """The app's directory of databases."""
    scratch: Path

    def show(self, console: Console) -> Iterator[str]:
        """Push, update, and tell; yield what is not as expected."""
        wiring = Wiring(settings.read(self.stack.settings()))
        wiring.catch_up()
        asked = len(self.stack.registry.requests)
        image, layout = self._push_next_build()
        seconds = _until(wiring, image, Status.HEALTHY)
        console.print("\nThe next build: one layer more", style="bold")
        if seconds is None:
            yield "the next build is not healthy"
            return
        pulled, whole = self._pulled_bytes(image, layout, asked)
        console.print(
            f"{image.repository}:v2   healthy   {seconds:.1f} s   "
            f"{pulled:,} of {whole:,} bytes pulled"
        )
        asked = len(self.stack.registry.requests)
        install_sample(self.advisories, updated_at=datetime.now(UTC), more=[_NEWS])
        wiring.catch_up()
        seconds = _until(wiring, image, Status.UNHEALTHY)
        console.print(Text("\nNew advisories, one of them made up for this demo", style="bold"))
        if seconds is None:
            yield "the advisories made no image unhealthy"
            return
        requests = len(self.stack.registry.requests) - asked
        console.print(
            f"{image.repository}:v2   unhealthy   {seconds:.1f} s   "
            f"{requests} requests to the registry"
        )
        if requests:
            yield f"the registry was asked {requests} times"

    def _push_next_build(self) -> tuple[ImageReference, Path]:
        layout = on_top(self.samples / "clean", _FILES, into=self.scratch / "clean-next")
        with self.stack.registry.client() as client:
            digest = Digest(client.push_layout(layout, f"{_REPOSITORY}:v2"))
        login_server = self.stack.registry.login_server
        return ImageReference(registry=login_server, repository=_REPOSITORY, digest=digest), layout

    def _pulled_bytes(self, image: ImageReference, layout: Path, since: int) -> tuple[int, int]:
        """Return the bytes of layers that were asked for since then, and of all layers."""
        sizes = layer_sizes(layout)
        asked = list(self.stack.registry.requests)[since:]
        names = {
            request.path.rpartition("/")[2]
            for request in asked
            if request.method == "GET" and request.path.startswith(f"/v2/{image.repository}/blobs/")
        }
        return sum(sizes[name] for name in names & sizes.keys()), sum(sizes.values())


def _until(wiring: Wiring, image: ImageReference, status: Status) -> float | None:
    began = time.monotonic()
    while time.monotonic() - began < _SECONDS:
        current = wiring.store.current(image)
        if current is not None and current.status is status:
            return time.monotonic() - began
        time.sleep(_POLL_SECONDS)
    return None
