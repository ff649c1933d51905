"""A log of pulls in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from scanner.errors import PushscanError
from scanner.ports import Pull
from tests.examples import DIGEST, REGISTRY

OWN_IDENTITY = "0f0f0f0f-0000-0000-0000-000000000000"
_FAILURES = ("4", "5", "fail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """What somebody did so long ago."""

    pull: Pull
    operation: str = "Pull"
    identity: str = "somebody"
    result: str = "200"
    before: timedelta = timedelta(hours=1)


def pulled(
    repository: str,
    *,
    host: str = REGISTRY,
    tag: str = "",
    digest: str = str(DIGEST),
    before: timedelta = timedelta(hours=1),
) -> Logged:
    """Return a pull by somebody, of the digest of the examples unless another is named."""
    pull = Pull(
        untrusted_host=host,
        untrusted_repository=repository,
        untrusted_tag=tag,
        untrusted_digest=digest,
    )
    return Logged(pull=pull, before=before)


@dataclass(kw_only=True)
class InMemoryPulls:
    """Answers from what a test has written down."""

    events: list[Logged] = field(default_factory=list)
    outage: PushscanError | None = None

    def within(self, past: timedelta) -> Iterator[Pull]:
        """Yield each pull once."""
        if self.outage is not None:
            raise self.outage
        yield from dict.fromkeys(
            event.pull
            for event in self.events
            if event.operation == "Pull"
            and event.before <= past
            and event.identity.lower() != OWN_IDENTITY
            and not event.result.lower().startswith(_FAILURES)
        )
