"""What lies outside the storage: registry, its listing, scanner and channel, each call a step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from scanner.errors import AdvisoriesError, NoticeError, RegistryError, SandboxUnavailableError
from scanner.model import (
    Advisories,
    Digest,
    ImageReference,
    LayerInventory,
    ScanReport,
    Unexaminable,
)
from scanner.notify.announcement import Announcement
from scanner.notify.channels.channel import Rate
from scanner.ports import Layer, Resolved, ResolvedImage, ResolvedIndex
from tests.catalogue_fakes import InMemoryCatalogue
from tests.examples import ADVISORIES
from tests.fakes import StubRegistry, StubScanner
from tests.reports import SCANNER
from tests.simulation.perils import START, Clock, Perils


def unavailable() -> Exception:
    """Return what is left of a 503 after the adapter's own retries."""
    return RegistryError("the registry does not answer (HTTP 503).")


@dataclass(kw_only=True)
class StormyRegistry(StubRegistry):
    """A registry that may fail at any call, and change during it."""

    perils: Perils

    def resolve(self, image: ImageReference) -> Resolved:
        """Say what is there now."""
        with self.perils.step("registry.resolve", unavailable):
            resolved = super().resolve(image)
        if isinstance(resolved, ResolvedImage | ResolvedIndex):
            return replace(resolved, reference=image)
        return resolved

    def pull(
        self,
        image: ResolvedImage,
        layers: Sequence[Layer],
        *,
        into: Path,
        done: Callable[[Layer, Path], None],
    ) -> Unexaminable | None:
        """Unpack; of a deleted image the blobs are soon gone as well."""
        with self.perils.step("registry.pull", unavailable):
            if image.reference.digest not in self.manifests:
                raise RegistryError("a blob is not there (HTTP 404).")
            return super().pull(image, layers, into=into, done=done)


def stormy_catalogue(perils: Perils) -> InMemoryCatalogue:
    """Return a listing that may fail before each page."""

    def begin_page(_: str) -> None:
        with perils.step("registry.list", unavailable):
            pass

    return InMemoryCatalogue(page_size=20, during_page=begin_page)


@dataclass(kw_only=True)
class StormyScanner(StubScanner):
    """A scanner of which any call may fail."""

    perils: Perils

    def advisories(self) -> Advisories:
        """Name the database."""
        with self.perils.step("scanner.advisories", lambda: AdvisoriesError("none in place")):
            return super().advisories()

    def analyse(
        self, layer: Path, diff_id: Digest, *, advisories: Advisories
    ) -> LayerInventory | Unexaminable:
        """Analyse a layer."""
        with self.perils.step("scanner.analyse", _no_sandbox):
            return super().analyse(layer, diff_id, advisories=advisories)

    def match(
        self, layers: Sequence[LayerInventory], *, advisories: Advisories
    ) -> ScanReport | Unexaminable:
        """Match an image."""
        with self.perils.step("scanner.match", _no_sandbox):
            return super().match(layers, advisories=advisories)


def stormy_scanner(perils: Perils) -> StormyScanner:
    """Return a scanner whose advisories stay fresh all the time."""
    return StormyScanner(
        scanner=SCANNER, database=replace(ADVISORIES, updated_at=START), perils=perils
    )


def _no_sandbox() -> Exception:
    return SandboxUnavailableError("no user namespace is left")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A notice that reached people."""

    route: str
    at: datetime
    what: Announcement
    mail: int | None = None
    """Which digest it came with."""


@dataclass(kw_only=True)
class StormyChannel:
    """A channel that refuses some notices, and takes others without saying so."""

    route: str
    perils: Perils
    clock: Clock
    told: list[Told]
    """Shared by all channels."""
    is_busy: Callable[[], bool] = lambda: False
    """Whether the service asks to be tried again later, before it takes anything."""
    mails: int = 0

    @property
    def rates(self) -> tuple[Rate, ...]:
        """None."""
        return ()

    def send(self, told: Announcement) -> str:
        """Take a notice."""
        with self.perils.step("channel.send", lambda: NoticeError("HTTP 503")):
            if self.is_busy():
                raise NoticeError("HTTP 429", retry_after=90)
            self._take([told], mail=None)
        return "202"

    def send_digest(self, told: Sequence[Announcement], *, missing: int = 0) -> str:
        """Take a digest."""
        assert not missing, "no report is ever gone here"
        with self.perils.step("channel.send", lambda: NoticeError("HTTP 503")):
            self.mails += 1
            self._take(told, mail=self.mails)
        return "202"

    def _take(self, told: Sequence[Announcement], *, mail: int | None) -> None:
        for one in told:
            self.told.append(Told(route=self.route, at=self.clock.moment, what=one, mail=mail))
            if self.perils.attempts:
                self.perils.attempts[-1].said.append(one.id)
