"""Exemptions and VEX statements <-> the one canonical document that reports name by its digest."""

import hashlib
from dataclasses import replace
from typing import Literal

import msgspec

from scanner.errors import StoreError
from scanner.model import Digest, Exemption, Exemptions, VexStatement

_SCHEMA = "pushscan.exemptions/v1"


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: Literal["pushscan.exemptions/v1"]
    exemptions: tuple[Exemption, ...]
    statements: tuple[VexStatement, ...]


def exemptions_of(
    exemptions: tuple[Exemption, ...], statements: tuple[VexStatement, ...]
) -> Exemptions:
    """Put them together and name them by their digest; where there are none there is no digest."""
    found = Exemptions(exemptions=exemptions, statements=statements)
    if not exemptions and not statements:
        return found
    return replace(found, digest=Digest(f"sha256:{hashlib.sha256(encode(found)).hexdigest()}"))


def encode(exemptions: Exemptions) -> bytes:
    """Write the canonical document."""
    kept = _Kept(
        schema="pushscan.exemptions/v1",
        exemptions=exemptions.exemptions,
        statements=exemptions.statements,
    )
    return msgspec.json.encode(kept, order="sorted")


def decode(document: bytes) -> Exemptions:
    """Read the canonical document. Raises StoreError."""
    try:
        kept = msgspec.json.decode(document, type=_Kept)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreError(f"policies.read: kept exemptions are not {_SCHEMA}") from error
    return exemptions_of(kept.exemptions, kept.statements)
