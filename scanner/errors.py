"""Our own faults, one class per remedy.

    PushscanError
    ├── SettingsError           an operator must mend the settings: nothing starts
    ├── PolicyError             whoever wrote policy or exemptions must mend the file
    ├── InvalidMessageError     the sender must change it: 400 at the webhook, poison on the queue
    ├── RegistryNotOursError    an operator must add the registry to the settings
    ├── RegistryError           the registry is out of reach or refuses us: the queue retries
    ├── ExploitsError           a table on exploits is out of reach or none: what is in force stays
    ├── SandboxUnavailableError nothing may be opened on this host: the queue retries elsewhere
    ├── AdvisoriesError         advisories must be fetched or mended: the queue retries
    ├── OtherPolicyError        a job asks for a policy that is not here: the queue retries
    ├── StoreError              storage is out of reach: the queue retries
    ├── ExportError             what an export needs is not known: look at the image again
    ├── NoImageError            what was named for a check is no image, or not there: name another
    ├── VerificationError       a report cannot be examined again here: says what is missing
    ├── NoticeError             the channel did not take the notice: the queue retries
    └── PostureError            a registry could not be looked at: mend access, or the file

An image's fault is never an exception: it is an `Unexaminable` value and ends in a verdict.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class PushscanError(Exception):
    """Raised when Pushscan could not do its part; the message says what to mend."""


class SettingsError(PushscanError):
    """Raised at start, once, with every fault of the settings in one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFault:
    """What is wrong, and where."""

    file: str
    line: int
    field: str
    """As in `rules[2].what.severity`; empty where it is the file as a whole."""
    problem: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: "
        return f"{place}{self.field} {self.problem}" if self.field else f"{place}{self.problem}"


class PolicyError(PushscanError):
    """Raised for a policy, exemptions or VEX document, with every fault in it."""

    def __init__(self, faults: Sequence[PolicyFault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = tuple(faults)


class InvalidMessageError(PushscanError):
    """Raised for bytes from outside that are not what they should be; names the field."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.detail = message


class RegistryNotOursError(PushscanError):
    """Raised when an event or a job names a registry that the settings do not."""


class RegistryError(PushscanError):
    """Raised when the registry cannot be reached or refuses us, after our own retries."""


class ExploitsError(PushscanError):
    """Raised when a table on exploits cannot be fetched, is none, or may not replace another."""


class SandboxUnavailableError(PushscanError):
    """Raised when no sandbox can be built on this host; the job is refused, never run bare."""


class AdvisoriesError(PushscanError):
    """Raised when no usable advisory database is in place, or a new one fails its proof."""


class StoreError(PushscanError):
    """Raised when a report or a verdict could not be written or read."""


class ExportError(PushscanError):
    """Raised when what is to be exported is not known, or too large to be written."""


class NoImageError(PushscanError):
    """Raised when what was named for a check is no image, or is not there."""


class PullsUnknownError(PushscanError):
    """Raised when nobody can say what was pulled, or not all of it."""


class VerificationError(PushscanError):
    """Raised when what a report rests on is not at hand: it is neither proved nor refuted."""


class NoticeError(PushscanError):
    """Raised when a channel did not accept a notice."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds after which the channel asks to be tried again; None where it does not say."""


class TooEarlyError(NoticeError):
    """Raised when a notice would go over a channel's rate; nothing was sent."""


class PostureError(PushscanError):
    """Raised when what is known of a registry could not be read at all."""
