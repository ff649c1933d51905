"""Manifests and configs of one registry, verified."""

import hashlib
from dataclasses import dataclass

from azure.core.credentials import TokenCredential

from scanner.model import Digest
from scanner.registry.blobs import MAX_WRONG_ANSWERS, BlobReader, WrongBytesError
from scanner.registry.manifests import TooLargeError
from scanner.registry.retries import PassingTroubleError, persist
from scanner.registry.sdk import fetch_manifest
from scanner.registry.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySource:
    """The resolver's `Source` over one session."""

    session: Session
    credential: TokenCredential
    blobs: BlobReader

    def manifest(self, digest: Digest, *, limit: int) -> bytes:
        """Return a manifest, verified.

        Raises ManifestNotFoundError, TooLargeError, WrongBytesError or RegistryError.
        """
        session = self.session
        wrong = 0

        def attempt(_: int) -> bytes:
            nonlocal wrong
            body = fetch_manifest(session, self.credential, digest, limit=limit)
            if len(body) > limit:
                raise TooLargeError(f"the manifest is larger than {limit} bytes")
            if hashlib.sha256(body).hexdigest() == digest.hex:
                return body
            wrong += 1
            if wrong == MAX_WRONG_ANSWERS:
                raise WrongBytesError("the registry serves other bytes than the digest names")
            raise PassingTroubleError("The registry serves other bytes than the digest names.")

        return persist(attempt, deadline=session.deadline, timing=session.timing)

    def config(self, digest: Digest, *, size: int) -> bytes:
        """Return a config, verified.

        Raises WrongBytesError, RedirectRefusedError or RegistryError.
        """
        return self.blobs.fetch_small(digest, size=size)
