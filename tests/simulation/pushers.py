"""Who uses the registry: pushes, moves tags, deletes, pushes again."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count

from scanner.model import (
    Digest,
    Finding,
    ImageReference,
    NotApplicable,
    NotApplicableReason,
    Platform,
    Severity,
    Unexaminable,
    UnknownReason,
)
from scanner.ports import IndexEntry, Resolved, ResolvedImage, ResolvedIndex
from scanner.rejudge_messages import RejudgeJob
from tests.examples import REGISTRY, finding, scan_report
from tests.reports import AMD64, ARM64
from tests.simulation.events import Events
from tests.simulation.world import World

_BASES = [Digest.of(f"base {number}".encode()) for number in range(6)]


def _finding(digest: Digest) -> Finding:
    """Return the one finding that there is, severe in every other image."""
    return finding(Severity.CRITICAL if int(digest.hex[0], 16) % 2 else Severity.HIGH)


@dataclass(slots=True, kw_only=True)
class Pushers:
    """Everybody who pushes, and what the registry holds because of them."""

    world: World
    repositories: int = 6
    pushes: int = 0
    deleted: dict[Digest, tuple[str, Resolved]] = field(default_factory=dict)
    holders: dict[tuple[str, str], Digest] = field(default_factory=dict)
    """What each tag names."""
    moves: list[tuple[datetime, str, str, Digest]] = field(default_factory=list)
    """When each tag was given to what, in order."""
    unhealthy: set[Digest] = field(default_factory=set)
    """All manifests ever pushed that once had a bad layer, or a platform that had one."""
    children: dict[Digest, tuple[Digest, ...]] = field(default_factory=dict)
    _seen: dict[Digest, tuple[Digest, ...]] = field(default_factory=dict)
    """The layers of each image."""
    _platforms: set[Digest] = field(default_factory=set)
    _owners: dict[Digest, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)
    events: Events = field(init=False)

    def __post_init__(self) -> None:
        self.events = Events(world=self.world, numbers=self._numbers)

    def act(self) -> None:
        """Do one thing with the registry."""
        with self.world.perils.unharmed():
            drawn = self.world.chance.random()
            if drawn < 0.5:
                self._push_image()
            elif drawn < 0.62:
                self._push_index()
            elif drawn < 0.66:
                self._push_signature()
            elif drawn < 0.78:
                self._tag_again()
            elif drawn < 0.87:
                self._delete()
            elif drawn < 0.88:
                self._delete_repository()
            elif drawn < 0.93:
                self._change_advisories()
            else:
                self._push_deleted_again()

    def reference(self, digest: Digest) -> ImageReference:
        """Name a manifest as the registry does."""
        repository = self._owners[digest]
        return ImageReference(registry=REGISTRY, repository=repository, digest=digest)

    # What is pushed

    def _new(self, kind: str) -> tuple[str, Digest]:
        repository = f"team-{self.world.chance.randrange(self.repositories)}/app"
        digest = Digest.of(f"{kind} {next(self._numbers)}".encode())
        self._owners[digest] = repository
        return repository, digest

    def _tag(self) -> str:
        return f"v{self.world.chance.randrange(25)}"

    def _push_image(self) -> None:
        repository, digest = self._new("image")
        self._put(repository, digest, self._image(digest), tag=self._tag())

    def _image(self, digest: Digest, platform: Platform = AMD64) -> ResolvedImage:
        registry, scanner, chance = self.world.registry, self.world.scanner, self.world.chance
        own = Digest.of(f"layer of {digest}".encode())
        diff_ids = (chance.choice(_BASES), own)
        registry.layers[digest] = diff_ids
        registry.packed[own] = Digest.of(f"packed {own}".encode())
        drawn = chance.random()
        if drawn < 0.2:
            self.unhealthy.add(digest)
        if drawn > 0.97:
            registry.unpullable[digest] = _corrupt()
        elif drawn > 0.94:
            scanner.faulty[own] = _corrupt()
        findings = (_finding(digest),) if digest in self.unhealthy else ()
        scanner.seen[diff_ids] = scan_report(*findings)
        self._seen[digest] = diff_ids
        return ResolvedImage(
            reference=self.reference(digest),
            platform=platform,
            manifest=b"{}",
            config=str(digest).encode(),
        )

    def _push_index(self) -> None:
        repository, index = self._new("index")
        entries = []
        for platform in (AMD64, ARM64):
            child = Digest.of(f"{platform} of {index}".encode())
            self._owners[child] = repository
            self._put(repository, child, self._image(child, platform), tag=None)
            self._platforms.add(child)
            entries.append(IndexEntry(platform=platform, reference=self.reference(child)))
        self.children[index] = tuple(entry.reference.digest for entry in entries)
        if self.unhealthy & set(self.children[index]):
            self.unhealthy.add(index)
        resolved = ResolvedIndex(reference=self.reference(index), children=tuple(entries))
        self._put(repository, index, resolved, tag=self._tag())

    def _push_signature(self) -> None:
        repository, digest = self._new("signature")
        signature = NotApplicable(reason=NotApplicableReason.SIGNATURE)
        self._put(repository, digest, signature, tag=f"sha256-{digest.hex[:12]}.sig")

    def _tag_again(self) -> None:
        """Push a manifest that is there: under a tag it has, or takes from another."""
        free = [digest for digest in self.world.registry.manifests if digest not in self._platforms]
        if free:
            digest = self.world.chance.choice(free)
            resolved = self.world.registry.manifests[digest]
            self._put(self._owners[digest], digest, resolved, tag=self._tag())

    def _push_deleted_again(self) -> None:
        gone = [digest for digest in self.deleted if digest not in self._platforms]
        if not gone:
            return
        digest = self.world.chance.choice(gone)
        for child in self.children.get(digest, ()):
            self._put(self._owners[child], child, self.deleted.pop(child)[1], tag=None)
        self._put(self._owners[digest], digest, self.deleted.pop(digest)[1], tag=self._tag())

    def _put(self, repository: str, digest: Digest, resolved: Resolved, tag: str | None) -> None:
        self.world.registry.manifests[digest] = resolved
        now = self.world.clock.now()
        lost = self.holders.get((repository, tag)) if tag else None
        if tag:
            self.holders[repository, tag] = digest
            self.moves.append((now, repository, tag, digest))
        if lost in self.world.registry.manifests:
            # That it lost a tag is not said to change a manifest.
            self._list(repository, lost)
        self._list(repository, digest, updated_at=now)
        self.pushes += 1
        self.events.tell("push", repository, digest, tag)

    def _change_advisories(self) -> None:
        """Publish a database that says otherwise of one image; have that judged again."""
        images = [digest for digest in self.world.registry.manifests if digest in self._seen]
        if not images:
            return
        digest = self.world.chance.choice(images)
        scanner = self.world.scanner
        is_clean = scanner.seen[self._seen[digest]] == scan_report()
        scanner.seen[self._seen[digest]] = scan_report(*([_finding(digest)] if is_clean else []))
        now = self.world.clock.now()
        scanner.database = replace(
            scanner.database, digest=Digest.of(f"database of {now}".encode()), updated_at=now
        )
        indexes = [index for index, parts in self.children.items() if digest in parts]
        for concerned in (digest, *indexes):
            self.unhealthy.add(concerned)
            self.world.rejudge(RejudgeJob(images=(self.reference(concerned),), since=now))

    def _list(self, repository: str, digest: Digest, *, updated_at: datetime | None = None) -> None:
        listed = self.world.catalogue.listed.get(REGISTRY, {}).get(repository, {})
        tags = sorted(
            tag
            for (where, tag), held in self.holders.items()
            if (where, held) == (repository, digest)
        )
        image = ImageReference(
            registry=REGISTRY, repository=repository, digest=digest, tag=max(tags, default=None)
        )
        self.world.catalogue.add(
            image, updated_at=updated_at or listed[digest].updated_at, tags=tuple(tags)
        )

    def _delete(self) -> None:
        """Delete an image, or an index and then what it named.

        EXCLUDED: a platform's manifest alone. An index that was judged with it keeps its verdict.
        """
        free = [digest for digest in self.world.registry.manifests if digest not in self._platforms]
        if not free:
            return
        chosen = self.world.chance.choice(free)
        for digest in (chosen, *self.children.get(chosen, ())):
            self._remove(digest)
            self.events.tell("delete", self._owners[digest], digest, None)

    def _delete_repository(self) -> None:
        """Delete all of a repository at once: one event tells of it, if any does."""
        if repository := self.delete_repository_untold():
            self.events.tell("delete", repository, None, None)

    def delete_repository_untold(self) -> str:
        """Delete all of a repository, if there is one; return its name."""
        listed = self.world.catalogue.listed.get(REGISTRY, {})
        if not listed:
            return ""
        repository = self.world.chance.choice(sorted(listed))
        for digest in list(listed[repository]):
            self._remove(digest)
        return repository

    def _remove(self, digest: Digest) -> None:
        repository = self._owners[digest]
        self.deleted[digest] = repository, self.world.registry.manifests.pop(digest)
        of_registry = self.world.catalogue.listed[REGISTRY]
        del of_registry[repository][digest]
        if not of_registry[repository]:
            # The registry lists no repository in which nothing is left.
            del of_registry[repository]
        for name in [name for name, held in self.holders.items() if held == digest]:
            del self.holders[name]


def _corrupt() -> Unexaminable:
    return Unexaminable(reason=UnknownReason.CORRUPT_LAYER, detail="A layer is not what it says.")
