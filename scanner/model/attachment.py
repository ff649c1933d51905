"""What can be attached to an image in its registry."""

from enum import StrEnum


class AttachmentKind(StrEnum):
    """The exports that other programs look for beside an image."""

    SARIF = "sarif"
    CYCLONEDX = "cyclonedx"
