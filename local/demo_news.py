"""The second half of the demo: a build that shares layers, and news about a stored image."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from azure.storage.blob import ContainerClient
from rich.console import Console

from local.demo_messages import Messages
from local.samples.advisories import Advisory, install_sample
from local.samples.variants import layer_sizes, on_top
from local.stack import Stack
from scanner.model import Digest, ImageReference, Status
from scanner.ports import CurrentVerdict
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
_FIRST: Final = Advisory(
    id="CVE-2026-99998",
    ecosystem="debian 12",
    package="demo-tool",
    vulnerable=[],
    patched=["1.0-2"],
    vendor_id="",
    severity="HIGH",
    severity_source="debian",
    title="Made up for this demo, as the package is",
    url="https://example.com/CVE-2026-99998",
    verified="",
)
_SECOND: Final = msgspec.structs.replace(
    _FIRST, id="CVE-2026-99999", severity="CRITICAL", url="https://example.com/CVE-2026-99999"
)
_EXEMPTIONS: Final = """\
version: 1
exemptions:
  - ids: [CVE-2026-99998, CVE-2026-99999]
    images: ["*/demo/**"]
    owner: jane@contoso.example
    reason: demo-tool is never given foreign files.
    expires: {last_day}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A stack whose stored images meet another build, other advisories, and an exemption."""

    stack: Stack
    wiring: Wiring
    messages: Messages
    samples: Path
    advisories: Path
    """The app's directory of databases."""
    scratch: Path
    console: Console

    def show(self) -> Iterator[str]:
        """Let it happen, one after the other; yield what is not as expected."""
        self._title("The same image under another tag, which is no news")
        image = self._push(self.samples / "vulnerable", "demo/vulnerable", "v2")
        yield from self._judged(image, Status.UNHEALTHY)

        self._title("The next build: one layer more")
        image, layout, asked = self._push_next_build()
        yield from self._judged(image, Status.HEALTHY)
        pulled, whole = self._pulled_bytes(image, layout, asked)
        self.console.print(f"  {pulled:,} of {whole:,} bytes pulled")

        self._title("New advisories, one of them made up for this demo")
        yield from self._renew_advisories(image, [_FIRST], tells="newly-unhealthy")

        self._title("Newer advisories, with another one made up")
        yield from self._renew_advisories(image, [_FIRST, _SECOND], tells="worse")

        self._title("Somebody exempts both, for five more days")
        self._exempt()
        yield from self._judged(image, Status.HEALTHY)
        yield from self.messages.show_next("resolved", "exemption-expiring", console=self.console)

        self._title("An image that no advisories exist for, which concerns who runs Pushscan")
        image = self._push(self.samples / "no-os", "demo/no-os", "v1")
        yield from self._judged(image, Status.UNKNOWN)
        yield from self.messages.show_next("became-unknown", console=self.console)

    def _push_next_build(self) -> tuple[ImageReference, Path, int]:
        """Return the image, its layout, and how many requests the registry had seen before."""
        self.wiring.catch_up()
        asked = len(self.stack.registry.requests)
        layout = on_top(self.samples / "clean", _FILES, into=self.scratch / "clean-next")
        return self._push(layout, _REPOSITORY, "v2"), layout, asked

    def _push(self, layout: Path, repository: str, tag: str) -> ImageReference:
        with self.stack.registry.client() as client:
            digest = Digest(client.push_layout(layout, f"{repository}:{tag}"))
        registry = self.stack.registry.login_server
        return ImageReference(registry=registry, repository=repository, digest=digest, tag=tag)

    def _renew_advisories(
        self, image: ImageReference, more: Sequence[Advisory], *, tells: str
    ) -> Iterator[str]:
        asked = len(self.stack.registry.requests)
        before = self.wiring.store.current(image)
        install_sample(self.advisories, updated_at=datetime.now(UTC), more=more)
        self.wiring.catch_up()
        yield from self._judged(image, Status.UNHEALTHY, unlike=before)
        requests = len(self.stack.registry.requests) - asked
        self.console.print(f"  {requests} requests to the registry")
        if requests:
            yield f"the registry was asked {requests} times"
        yield from self.messages.show_next(tells, console=self.console)

    def _exempt(self) -> None:
        last_day = datetime.now(UTC).date() + timedelta(days=5)
        with ContainerClient.from_connection_string(
            self.stack.azurite.connection_string, "policies"
        ) as policies:
            policies.upload_blob("exemptions.yaml", _EXEMPTIONS.format(last_day=last_day))
        self.wiring.rulebooks.update()
        self.wiring.catch_up()

    def _judged(
        self, image: ImageReference, status: Status, *, unlike: CurrentVerdict | None = None
    ) -> Iterator[str]:
        """Wait for a verdict on this tag of it that is another one, and show it."""
        began = time.monotonic()
        while (seconds := time.monotonic() - began) < _SECONDS:
            current = self.wiring.store.current(image)
            if (
                current is not None
                and (current.image, current.status) == (image, status)
                and current != unlike
            ):
                self.console.print(f"  {image.repository}:{image.tag}  {status}  {seconds:.1f} s")
                return
            time.sleep(_POLL_SECONDS)
        yield f"{image.repository}:{image.tag} is not {status} within {_SECONDS:.0f} s"

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

    def _title(self, text: str) -> None:
        self.console.print(f"\n{text}", style="bold")
