"""Our own faults, one class per remedy.

    PushscanError
    ├── SettingsError           an operator must mend the settings: nothing starts
    ├── InvalidMessageError     the sender must change it: 400 at the webhook, poison on the queue
    ├── RegistryNotOursError    an operator must add the registry to the settings
    ├── RegistryError           the registry is out of reach or refuses us: the queue retries
    ├── SandboxUnavailableError nothing may be opened on this host: the queue retries elsewhere
    ├── AdvisoriesError         advisories must be fetched or mended: the queue retries
    ├── OtherPolicyError        a job asks for a policy that is not here: the queue retries
    ├── StoreError              storage is out of reach: the queue retries
    ├── VerificationError       a report cannot be examined again here: says what is missing
    ├── NoticeError             the channel did not take the notice: the queue retries
    └── PostureError            a registry could not be looked at: mend access, or the file

An image's fault is never an exception: it is an `Unexaminable` value and ends in a verdict.
"""


class PushscanError(Exception):
    """Raised when Pushscan could not do its part; the message says what to mend."""


class SettingsError(PushscanError):
    """Raised at start, once, with every fault of the settings in one message."""


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


class SandboxUnavailableError(PushscanError):
    """Raised when no sandbox can be built on this host; the job is refused, never run bare."""


class AdvisoriesError(PushscanError):
    """Raised when no usable advisory database is in place, or a new one fails its proof."""


class OtherPolicyError(PushscanError):
    """Raised when a job asks for a policy that this worker does not have, while one rolls out."""


class StoreError(PushscanError):
    """Raised when a report or a verdict could not be written or read."""


class VerificationError(PushscanError):
    """Raised when what a report rests on is not at hand: it is neither proved nor refuted."""


class NoticeError(PushscanError):
    """Raised when a channel did not accept a notice."""


class PostureError(PushscanError):
    """Raised when what is known of a registry could not be read at all."""
