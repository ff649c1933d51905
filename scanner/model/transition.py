"""What has changed for the people who follow an image."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from scanner.model.reference import Digest, ImageReference


class TransitionKind(StrEnum):
    """The changes that are told, and no others."""

    NEWLY_UNHEALTHY = "newly-unhealthy"
    WORSE = "worse"
    """Unhealthy before, and something blocks now that did not then."""
    RESOLVED = "resolved"
    BECAME_UNKNOWN = "became-unknown"
    EXEMPTION_EXPIRING = "exemption-expiring"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Stream:
    """What people follow: a tag, whatever it names; or one digest, while no tag names it."""

    registry: str
    repository: str
    name: str
    """A tag, or `sha256:...`; no tag can hold a colon."""

    def __post_init__(self) -> None:
        # The same grammar; a digest that is none is refused as such.
        ImageReference(
            registry=self.registry,
            repository=self.repository,
            digest=Digest(self.name) if self.tag is None else Digest.of(b""),
            tag=self.tag,
        )

    def __str__(self) -> str:
        return f"{self.registry}/{self.repository}{'@' if self.tag is None else ':'}{self.name}"

    @property
    def tag(self) -> str | None:
        """The tag that is followed; None where it is one digest."""
        return None if ":" in self.name else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One change in one stream, told at most once."""

    stream: Stream
    number: int
    """Counts the transitions of the stream, from 1; with the stream it names this one."""
    kind: TransitionKind
    image: ImageReference
    """What the stream names now."""
    report_id: str
    """The report that brought it about."""
    report_before: str
    """The report that was told of last, or that stood before; empty for a first one."""
    before: Digest | None
    """What was told of last, where something was that is resolved now or worse."""
    at: datetime
    since: datetime
    """Since when the stream has been in the state that it is in now, or, resolved, was before."""
