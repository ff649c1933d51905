"""Untrusted image config -> platform and diff_ids (OCI image spec 1.1, config). Pure."""

import re
from dataclasses import dataclass

from scanner.model import Digest, Platform
from scanner.registry.documents import MalformedError, Members, digest_of, read_object
from scanner.registry.limits import Limits

PLATFORM_MEMBERS = frozenset({"architecture", "os", "variant"})
_CONFIG_MEMBERS = PLATFORM_MEMBERS | {"rootfs", "config", "history"}
_ROOTFS_MEMBERS = frozenset({"type", "diff_ids"})
_PLATFORM_WORD = re.compile(r"[A-Za-z0-9_.-]{0,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """What an image's config says of its platform and of its layers' contents."""

    platform: Platform
    diff_ids: tuple[Digest, ...]

    @property
    def names_platform(self) -> bool:
        """Whether the config names a platform that a runtime could match."""
        is_empty = not self.platform.os and not self.platform.architecture
        return not is_empty and not is_unknown(self.platform)


def parse_config(untrusted_config: bytes, *, limits: Limits) -> ImageConfig:
    """Read an image's config. Raises MalformedError."""
    members = read_object(
        untrusted_config, what="config", known=_CONFIG_MEMBERS, limit=limits.config_bytes
    )
    return ImageConfig(platform=read_platform(members), diff_ids=_diff_ids(members))


def read_platform(members: Members) -> Platform:
    """Read the members that name a platform. Raises MalformedError."""
    return Platform(
        os=_word(members, "os"),
        architecture=_word(members, "architecture"),
        variant=_word(members, "variant"),
    )


def is_unknown(platform: Platform) -> bool:
    """Say whether this is the platform that BuildKit gives to attestations; none runs it."""
    return (platform.os, platform.architecture) == ("unknown", "unknown")


def _diff_ids(members: Members) -> tuple[Digest, ...]:
    if not members.has("rootfs"):
        return ()
    rootfs = Members(members.raw("rootfs"), where="config.rootfs", known=_ROOTFS_MEMBERS)
    listed = rootfs.items("diff_ids")
    return tuple(digest_of(entry, where="config.rootfs.diff_ids[]") for entry in listed)


def _word(members: Members, name: str) -> str:
    text = members.text(name)
    if not _PLATFORM_WORD.fullmatch(text):
        raise MalformedError(f"{name} does not name a platform")
    return text
