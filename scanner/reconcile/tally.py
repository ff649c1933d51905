"""What one run did."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Tally:
    """What one run did."""

    listed: int = 0
    queued: int = 0
    """Of the manifests without a verdict."""
    unseen: int = 0
    """Manifests without a verdict that this run came across, queued or not."""
    retagged: int = 0
    """Tags that name another manifest than we knew, and are queued with it."""
    vanished: int = 0
    """Manifests and repositories that are not there any more, and are queued to be retired."""
    is_complete: bool = True
    """Whether every registry was listed to its end, with nothing left out."""
