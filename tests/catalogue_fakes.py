"""Second implementations of the ports that reconciling needs: in memory, with state."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from scanner.errors import PushscanError
from scanner.model import Digest, ImageReference
from scanner.ports import HeldMessage, ListedManifest, ManifestPage, Progress, Sighting
from tests.examples import NOW
from tests.fakes import place


@dataclass(kw_only=True)
class InMemoryCatalogue:
    """Registries that list what tests put into them, a page at a time."""

    listed: dict[str, dict[str, dict[Digest, ListedManifest]]] = field(default_factory=dict)
    """Manifests by registry, repository and digest."""
    page_size: int = 100
    outages: dict[str, PushscanError] = field(default_factory=dict)
    """Raised when this registry, or `registry/repository`, is listed."""
    during_page: Callable[[str], None] = lambda _: None
    """Called with `registry` or `registry/repository` before each page: where a run may die."""

    def add(
        self, image: ImageReference, *, updated_at: datetime, tags: tuple[str, ...] = ()
    ) -> ImageReference:
        """List a manifest; with these tags, or with the one that the reference has."""
        of_registry = self.listed.setdefault(image.registry, {})
        tags = tags or ((image.tag,) if image.tag else ())
        entry = ListedManifest(image=image, tags=tags, updated_at=updated_at)
        of_registry.setdefault(image.repository, {})[image.digest] = entry
        return image

    def repositories(self, registry: str, *, after: str = "") -> Iterator[tuple[str, ...]]:
        """Yield names in their order."""
        while True:
            self._begin_page(registry)
            names = [name for name in sorted(self.listed.get(registry, {})) if name > after]
            if page := tuple(names[: self.page_size]):
                yield page
                after = page[-1]
            if len(names) <= self.page_size:
                return

    def manifests(
        self, registry: str, repository: str, *, after: str = ""
    ) -> Iterator[ManifestPage]:
        """Yield manifests in the order of their digests."""
        while True:
            self._begin_page(f"{registry}/{repository}")
            known = self.listed.get(registry, {}).get(repository, {})
            digests = [digest for digest in sorted(known) if str(digest) > after]
            if some := digests[: self.page_size]:
                after = str(some[-1])
                yield ManifestPage(manifests=tuple(known[digest] for digest in some), after=after)
            if len(digests) <= self.page_size:
                return

    def has_repository(self, registry: str, repository: str) -> bool:
        """Say whether it is listed."""
        self._begin_page(f"{registry}/{repository}")
        return repository in self.listed.get(registry, {})

    def _begin_page(self, what: str) -> None:
        self.during_page(what)
        if what in self.outages:
            raise self.outages[what]


class InMemorySightings:
    """What the reconciler remembers, in dictionaries."""

    def __init__(self) -> None:
        self.by_image: dict[str, Sighting] = {}
        self._progress: dict[str, Progress] = {}
        self._listed_at: dict[tuple[str, str], datetime] = {}

    def progress(self, registry: str) -> Progress | None:
        """Return what was saved."""
        return self._progress.get(registry)

    def save_progress(self, progress: Progress) -> None:
        """Keep it."""
        self._progress[progress.registry] = progress

    def among(
        self, registry: str, repository: str, digests: Collection[Digest]
    ) -> Mapping[Digest, Sighting]:
        """Return the sightings of these manifests."""
        keys = {digest: f"{registry}/{repository}@{digest}" for digest in digests}
        return {d: self.by_image[key] for d, key in keys.items() if key in self.by_image}

    def save(self, sighting: Sighting) -> None:
        """Keep it."""
        self.by_image[str(sighting.image)] = sighting

    def remove(self, image: ImageReference) -> None:
        """Forget it."""
        self.by_image.pop(str(image), None)

    def note_listed(self, registry: str, repository: str, at: datetime) -> None:
        """Keep the moment."""
        self._listed_at[registry, repository] = at

    def listed_at(self, registry: str, repository: str) -> datetime | None:
        """Return the moment."""
        return self._listed_at.get((registry, repository))

    def list_all(self, registry: str | None = None) -> Iterator[Sighting]:
        """Yield what was seen, in the order of the names."""
        sightings = sorted(self.by_image.values(), key=lambda entry: place(entry.image))
        yield from (one for one in sightings if registry in {None, one.image.registry})


@dataclass(kw_only=True)
class InMemoryQueue:
    """A queue that nobody takes from, unless a test does."""

    messages: list[str] = field(default_factory=list)
    delays: list[int] = field(default_factory=list)
    outage: PushscanError | None = None

    def send(self, message: str, *, delay_seconds: int = 0) -> None:
        """Keep a message."""
        if self.outage is not None:
            raise self.outage
        self.messages.append(message)
        self.delays.append(delay_seconds)

    def depth(self) -> int:
        """Count the messages."""
        return len(self.messages)


@dataclass(kw_only=True)
class InMemoryHeld:
    """Messages that no function could deal with."""

    messages: dict[str, HeldMessage] = field(default_factory=dict)

    def add(self, number: str, body: str, *, why: str = "") -> None:
        """Hold a message."""
        self.messages[number] = HeldMessage(
            id=number, untrusted_body=body.encode(), since=NOW, why=why
        )

    def look(self) -> list[HeldMessage]:
        """Return the first 32."""
        return list(self.messages.values())[:32]

    def take(self) -> list[HeldMessage]:
        """Return all."""
        return list(self.messages.values())

    def remove(self, message: HeldMessage) -> None:
        """Forget one."""
        self.messages.pop(message.id, None)

    def depth(self) -> int:
        """Count them."""
        return len(self.messages)
