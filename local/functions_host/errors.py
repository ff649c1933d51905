"""What can go wrong in the local Functions host, one class per remedy."""


class HostError(Exception):
    """Raised when the host cannot go on; the message says what to mend."""


class AppError(HostError):
    """Raised when the app cannot be indexed: mend its decorators or signatures."""


class ConfigurationError(HostError):
    """Raised when host.json, local.settings.json or a connection is wrong or missing."""


class UnsupportedError(HostError):
    """Raised for what the real host can do and this one cannot; nothing is ignored silently."""


class InvocationError(HostError):
    """Raised when one invocation failed: its function raised, or its outputs were not written."""


class WorkerLostError(InvocationError):
    """Raised in every invocation when functionTimeout ended one: the real host restarts the worker.

    The process must be started anew, since a thread that hangs cannot be ended.
    """
