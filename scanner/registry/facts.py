"""Verified manifest and config -> what a verdict may rest on (OCI image spec 1.1). Pure.

Only this side reads a config, and no more of it goes on than `ImageFacts` has room for: names of
variables, never a value.
"""

import re
from collections.abc import Iterator, Mapping

from scanner.errors import InvalidMessageError
from scanner.model import Digest, ImageFacts
from scanner.registry.documents import Members, read_object
from scanner.registry.limits import Limits
from scanner.registry.manifests import ImageManifest
from scanner.registry.misconfigurations import misconfigurations
from scanner.strict_json import known_time
from scanner.text import visible

_CONFIG_MEMBERS = frozenset({"config", "created", "history", "os"})
_RUN_MEMBERS = frozenset({"Env", "ExposedPorts", "Labels", "User"})
_HISTORY_MEMBERS = frozenset({"created_by"})
_BASE_NAME = "org.opencontainers.image.base.name"
_BASE_DIGEST = "org.opencontainers.image.base.digest"
_USER_CHARACTERS = 256
_IMAGE_NAME = re.compile(r"[!-~]{1,512}")


def read_facts(manifest: ImageManifest, untrusted_config: bytes, *, limits: Limits) -> ImageFacts:
    """Read what is said of an image.

    Raises MalformedError for what no runtime would read, and TooLargeError.
    """
    config = read_object(
        untrusted_config, what="config", known=_CONFIG_MEMBERS, limit=limits.config_bytes
    )
    run = Members(config.members("config"), where="config.config", known=_RUN_MEMBERS)
    user = run.text("User")
    says_base = _base(manifest.annotations) or _base(run.named_texts("Labels"))
    base_name, base_digest = says_base or ("", None)
    return ImageFacts(
        user=visible(user, _USER_CHARACTERS),
        created_at=known_time(config.text("created")),
        base_name=base_name,
        base_digest=base_digest,
        weaknesses=misconfigurations(
            system=config.text("os"),
            user=user,
            environment=run.texts("Env"),
            ports=run.members("ExposedPorts"),
            steps=list(_steps(config.items("history"))),
        ),
    )


def _base(named: Mapping[str, str]) -> tuple[str, Digest | None] | None:
    """Return the base image that annotations or labels name, if they name one."""
    name = named.get(_BASE_NAME, "")
    name = name if _IMAGE_NAME.fullmatch(name) else ""
    try:
        digest = Digest(named.get(_BASE_DIGEST, ""))
    except InvalidMessageError:
        digest = None
    return (name, digest) if name or digest else None


def _steps(untrusted_history: list[object]) -> Iterator[str]:
    """Return what the builder says it did, step by step."""
    for untrusted in untrusted_history:
        step = Members(untrusted, where="config.history[]", known=_HISTORY_MEMBERS)
        yield step.text("created_by")
