"""What a tag names: asked for once, then only the digest counts."""

from contextlib import closing
from typing import Final

from scanner.errors import RegistryError
from scanner.model import Digest
from scanner.registry.manifests import ARTEFACT_MANIFESTS, IMAGE_MANIFESTS, INDEXES
from scanner.registry.retries import persist
from scanner.registry.session import Session, read_capped

_ACCEPT: Final = ", ".join(sorted(IMAGE_MANIFESTS | INDEXES | ARTEFACT_MANIFESTS))
_OK, _NOT_FOUND = 200, 404


def digest_of_tag(session: Session, tag: str, *, limit: int) -> Digest | None:
    """Return the digest of what the registry serves under a tag, or None where that is nothing.

    Worked out from the bytes: what a header says of them proves nothing. Raises RegistryError.
    """
    return persist(
        lambda _: _ask(session, tag, limit), deadline=session.deadline, timing=session.timing
    )


def _ask(session: Session, tag: str, limit: int) -> Digest | None:
    path = f"/v2/{session.image.repository}/manifests/{tag}"
    with closing(session.get(path, {"Accept": _ACCEPT})) as response:
        if response.status == _NOT_FOUND:
            return None
        if response.status != _OK:
            raise RegistryError(
                f"The registry answered with HTTP {response.status} for the tag {tag}."
            )
        body = read_capped(response, limit)
    if len(body) > limit:
        raise RegistryError(f"What the tag {tag} names is larger than {limit} bytes.")
    return Digest.of(body)
