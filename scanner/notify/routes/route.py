"""A route: which announcements go where, and when."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import time
from zoneinfo import ZoneInfo

from scanner.classify.globs import any_matches
from scanner.model import Severity, Stream, TransitionKind
from scanner.notify.announcement import Announcement
from scanner.notify.channels.channel import Channel

UNHEALTHY_KINDS = frozenset({TransitionKind.NEWLY_UNHEALTHY, TransitionKind.WORSE})
DEFAULT_KINDS = frozenset(
    {*UNHEALTHY_KINDS, TransitionKind.RESOLVED, TransitionKind.EXEMPTION_EXPIRING}
)
"""For who owns the images. That an image became unknown is for who runs Pushscan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Globs over images; an empty one takes all. `*` stays within one part of a name."""

    registries: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """Where there are some, an image that no tag names is not meant."""

    def takes(self, told: Announcement) -> bool:
        """Whether an image is meant, as far as its tags do not matter."""
        return _takes(self.registries, told.registry) and _takes(self.repositories, told.repository)

    def hears(self, stream: Stream, known_by: frozenset[str] | None) -> bool:
        """Whether what a stream says is news here, where others have said the same; None: nobody.

        Who chooses tags is told by the first of them, and by no other.
        """
        if not self.tags:
            return known_by is None
        return self._chooses(stream.name) and not any(map(self._chooses, known_by or ()))

    def _chooses(self, name: str) -> bool:
        return ":" not in name and any_matches(self.tags, name)


def _takes(globs: tuple[str, ...], text: str) -> bool:
    return not globs or any_matches(globs, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """When nobody wants to hear: from one time of the day until another, perhaps past midnight."""

    begin: time
    end: time
    zone: ZoneInfo
    urgent: Severity | None = None
    """From this severity on, what makes an image unhealthy or worse is told all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """One message a day, on all that has come up since the last."""

    at: time
    zone: ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Who is told of what, through which channel."""

    name: str
    open_channel: Callable[[], Channel] = field(repr=False)
    """Builds the channel; what it needs of Azure is not contacted before the first message."""
    where: Where = Where()
    least: Severity | None = None
    """What is less severe is not told; None: everything is."""
    kinds: frozenset[TransitionKind] = DEFAULT_KINDS
    quiet: Quiet | None = None
    digest: Daily | None = None
    """None: each announcement is a message."""

    def takes(self, told: Announcement) -> bool:
        """Whether an announcement goes this way, if it is news here.

        What is resolved goes where it was told of as unhealthy, or as unknown. How severe it was
        is not known any more, so it may come to a route that was not told of it for its severity.
        """
        if told.kind not in self.kinds or not self.where.takes(told):
            return False
        if told.kind is TransitionKind.RESOLVED:
            was_unknown = told.verdict_before.startswith("unknown")
            return bool(
                self.kinds & ({TransitionKind.BECAME_UNKNOWN} if was_unknown else UNHEALTHY_KINDS)
            )
        severity = severity_of(told)
        return self.least is None or severity is None or severity >= self.least


def severity_of(told: Announcement) -> Severity | None:
    """Return the worst of what blocks, or of what will; None where nothing does."""
    if told.kind is TransitionKind.EXEMPTION_EXPIRING:
        return max((one.subject.severity for one in told.expiring), default=None)
    return told.severity


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTable:
    """All routes, in the order in which they are written."""

    routes: tuple[Route, ...] = ()

    def hearing(self, stream: Stream, known_by: frozenset[str] | None) -> tuple[Route, ...]:
        """Return every route to which it is news what a stream says; see `Where.hears`."""
        return tuple(route for route in self.routes if route.where.hears(stream, known_by))

    def find(self, name: str) -> Route | None:
        """Return the route of a name."""
        return next((route for route in self.routes if route.name == name), None)
