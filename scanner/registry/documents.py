"""Reads JSON from a registry so that every program that reads it later reads the same.

Go's encoding/json, which Docker, containerd and Trivy read manifests with, matches member names
without regard to case and takes the last of several. Here such documents are refused: what was
verified must be what is run.
"""

from typing import Any

from scanner.errors import InvalidMessageError
from scanner.model import Digest
from scanner.strict_json import parse_object

MAX_BYTES_IN_A_BLOB = 2**63 - 1


class MalformedError(Exception):
    """Raised for a document that is not what the OCI image spec says; ends in a verdict."""


class Members:
    """One JSON object whose members are asked for by name and type."""

    __slots__ = ("_members", "_where")

    def __init__(self, untrusted: object, *, where: str, known: frozenset[str]) -> None:
        if not isinstance(untrusted, dict):
            raise MalformedError(f"{where} is no object")
        folded = {name.casefold() for name in known}
        for name in untrusted:
            if name not in known and name.casefold() in folded:
                raise MalformedError(f"{where} has a member that differs by case from a known one")
        self._members: dict[str, Any] = untrusted
        self._where = where

    def has(self, name: str) -> bool:
        """Say whether the member is there and not null, which Go takes for absent."""
        return self._members.get(name) is not None

    def raw(self, name: str) -> object:
        """Return the member as it is, None when it is absent."""
        return self._members.get(name)

    def text(self, name: str) -> str:
        """Return a string, empty when it is absent. Raises MalformedError."""
        value = self._members.get(name)
        return "" if value is None else _text(value, f"{self._where}.{name}")

    def items(self, name: str) -> list[object]:
        """Return an array, empty when it is absent. Raises MalformedError."""
        value = self._members.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise MalformedError(f"{self._where}.{name} is no array")
        return value

    def texts(self, name: str) -> list[str]:
        """Return an array of strings, empty when it is absent. Raises MalformedError."""
        return [_text(value, f"{self._where}.{name}[]") for value in self.items(name)]

    def named_texts(self, name: str) -> dict[str, str]:
        """Return an object of strings, empty when it is absent. Raises MalformedError."""
        return {
            key: _text(value, f"{self._where}.{name}") for key, value in self.members(name).items()
        }

    def members(self, name: str) -> dict[str, object]:
        """Return an object, empty when it is absent. Raises MalformedError."""
        value = self._members.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise MalformedError(f"{self._where}.{name} is no object")
        return value

    def size(self, name: str) -> int:
        """Return a number of bytes. Raises MalformedError unless it is a whole one from 0."""
        value = self._members.get(name)
        if type(value) is not int or not 0 <= value <= MAX_BYTES_IN_A_BLOB:
            raise MalformedError(f"{self._where}.{name} is no number of bytes")
        return value

    def digest(self, name: str) -> Digest:
        """Return a sha256 digest. Raises MalformedError."""
        return digest_of(self._members.get(name), where=f"{self._where}.{name}")


def _text(untrusted: object, where: str) -> str:
    if not isinstance(untrusted, str):
        raise MalformedError(f"{where} is no string")
    return untrusted


def digest_of(untrusted: object, *, where: str) -> Digest:
    """Read a sha256 digest. Raises MalformedError."""
    if not isinstance(untrusted, str):
        raise MalformedError(f"{where} is no digest")
    try:
        return Digest(untrusted)
    except InvalidMessageError as error:
        raise MalformedError(f"{where} is no sha256 digest") from error


def read_object(
    untrusted_document: bytes, *, what: str, known: frozenset[str], limit: int
) -> Members:
    """Decode one strict JSON object. Raises MalformedError for anything else."""
    try:
        document = parse_object(untrusted_document, max_bytes=limit)
    except InvalidMessageError as error:
        raise MalformedError(f"the {what} cannot be read: {error}") from error
    return Members(document, where=what, known=known)
