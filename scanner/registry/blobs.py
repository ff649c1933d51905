"""Reads blobs: one GET at the registry, one at its storage, every byte counted and verified."""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from scanner.errors import RegistryError
from scanner.model import Digest, Unexaminable, UnknownReason
from scanner.ports import Layer
from scanner.registry.redirects import RedirectRefusedError, RedirectRules
from scanner.registry.retries import PassingTroubleError, persist
from scanner.registry.session import Session, get_once, read_capped
from scanner.registry.verify import Budget, LayerCheck

CHUNK_BYTES = 256 * 1024
MAX_HOPS = 2
MAX_WRONG_ANSWERS = 2
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OK, _PARTIAL, _NOT_FOUND = 200, 206, 404


class WrongBytesError(Exception):
    """Raised when the registry keeps serving other bytes than the digest names."""


class _SizeError(Exception):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobReader:
    """Fetches the blobs of one image."""

    session: Session
    rules: RedirectRules

    def fetch_small(self, digest: Digest, *, size: int) -> bytes:
        """Return a whole blob of exactly the declared size, verified.

        Raises WrongBytesError, RedirectRefusedError or RegistryError.
        """
        wrong = 0

        def attempt(number: int) -> bytes:
            nonlocal wrong
            with closing(self._open(digest, offset=0, attempt=number)) as response:
                body = read_capped(response, size)
            if len(body) == size and hashlib.sha256(body).hexdigest() == digest.hex:
                return body
            wrong = self._count_wrong(wrong)
            raise PassingTroubleError("The registry serves other bytes than the digest names.")

        return persist(attempt, deadline=self.session.deadline, timing=self.session.timing)

    def fetch_layer(self, layer: Layer, *, to: Path, budget: Budget) -> Unexaminable | None:
        """Write what a layer unpacks to, to a new file; say what is wrong, if anything is.

        A broken connection is resumed where it broke. Raises RedirectRefusedError or
        RegistryError.
        """
        with to.open("xb") as file:
            transfer = _Transfer(layer, file, budget)
            wrong = 0

            def attempt(number: int) -> None:
                nonlocal wrong
                self._continue(transfer, attempt=number)
                if not transfer.check.has_right_bytes():
                    transfer.restart()
                    wrong = self._count_wrong(wrong)
                    raise PassingTroubleError(
                        "The registry serves other bytes than the digest names."
                    )

            try:
                persist(attempt, deadline=self.session.deadline, timing=self.session.timing)
            except WrongBytesError:
                return _corrupt("the registry serves other bytes than a layer's digest names")
            except _SizeError as error:
                return _corrupt(str(error))
            return transfer.check.fault()

    def _count_wrong(self, wrong: int) -> int:
        if wrong + 1 == MAX_WRONG_ANSWERS:
            raise WrongBytesError
        return wrong + 1

    def _continue(self, transfer: "_Transfer", *, attempt: int) -> None:
        received = transfer.check.received
        if received == transfer.layer.size and received:
            return
        response = self._open(transfer.layer.digest, offset=received, attempt=attempt)
        with closing(response):
            if received and not _continues_at(response, received):
                transfer.restart()
            for chunk in self._chunks(response):
                transfer.write(chunk)
        if transfer.check.received == transfer.layer.size:
            return
        if transfer.check.has_right_bytes():
            raise _SizeError("a layer is shorter than the manifest declares")
        if "Content-Length" not in response.headers:
            # Without a length an answer that ends early cannot be told from a whole one.
            raise PassingTroubleError("The registry broke off a blob.")

    def _chunks(self, response: BaseHTTPResponse) -> Iterator[bytes]:
        try:
            while chunk := response.read(CHUNK_BYTES, decode_content=False):
                self.session.deadline.check()
                yield chunk
        except HTTPError as error:
            raise PassingTroubleError("The registry broke off a blob.") from error

    def _open(self, digest: Digest, *, offset: int, attempt: int) -> BaseHTTPResponse:
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        path = f"/v2/{self.session.image.repository}/blobs/{digest}"
        response = self.session.get(path, headers)
        for _ in range(MAX_HOPS):
            if response.status not in _REDIRECTS:
                break
            response.close()
            response = self._follow(response.headers.get("Location", ""), headers, attempt)
        if response.status in {_OK, _PARTIAL}:
            return response
        response.close()
        if response.status in _REDIRECTS:
            raise RedirectRefusedError("the blob is redirected more than twice")
        if response.status == _NOT_FOUND:
            raise RegistryError("The registry has lost a blob that the manifest names (HTTP 404).")
        raise PassingTroubleError(f"A blob was answered with HTTP {response.status}.")

    def _follow(
        self, untrusted_location: str, headers: dict[str, str], attempt: int
    ) -> BaseHTTPResponse:
        """Ask the storage, by the very address that was checked, and without our token."""
        place = self.rules.check(untrusted_location)
        address = place.addresses[attempt % len(place.addresses)]
        pool = self.session.connections.pool(place.host, place.port, address=address)
        return get_once(pool, place.path, {**headers, "Host": place.host_header})


class _Transfer:
    """One layer on its way into a file."""

    def __init__(self, layer: Layer, file: BinaryIO, budget: Budget) -> None:
        self.layer = layer
        self._file = file
        self.check = LayerCheck(layer, budget, file)
        self._budget = budget

    def write(self, chunk: bytes) -> None:
        if self.check.received + len(chunk) > self.layer.size:
            raise _SizeError("a layer is longer than the manifest declares")
        self.check.feed(chunk)

    def restart(self) -> None:
        self.check.abandon()
        self.check = LayerCheck(self.layer, self._budget, self._file)
        self._file.seek(0)
        self._file.truncate()


def _continues_at(response: BaseHTTPResponse, offset: int) -> bool:
    content_range = response.headers.get("Content-Range", "")
    return response.status == _PARTIAL and content_range.startswith(f"bytes {offset}-")


def _corrupt(detail: str) -> Unexaminable:
    return Unexaminable(reason=UnknownReason.CORRUPT_LAYER, detail=detail)
