"""What an image asks of the advisories, as short keys: which images may a change concern?

A key stands for a package of one distribution or ecosystem, for all packages of one, or for a
vulnerability that was found. Keys are compared, never read back; two things may share one, and an
image is then judged once too often. Nothing may lead to a key on one side only: it would be judged
once too seldom.
"""

import base64
import hashlib
import re
import struct
from typing import Final

from scanner.classify.subjects import id_of
from scanner.model import Report

ANYTHING: Final = "*"
"""Looked up by an image with something in it that nobody here knows where Trivy looks for it."""
MAX_KEYS: Final = 6_000
"""Of one image: 24 kB, which as base64 is just under what a table's property holds."""

_ALIKE = re.compile(r"[-_.]+")


def of_package(family: str, name: str) -> str:
    """Name a package; ecosystems disagree on case and on `-`, `_` and `.`, so none counts here."""
    return f"package|{family}|{_ALIKE.sub('-', name.casefold())}"


def of_family(family: str) -> str:
    """Name all packages of a distribution or an ecosystem."""
    return f"family|{family}"


def of_vulnerability(name: str) -> str:
    """Name a vulnerability, or the rule that found a secret or a misconfiguration."""
    return f"vulnerability|{name}"


def key(lookup: str) -> int:
    """Return the key of something that is looked up, 32 bits."""
    digest = hashlib.blake2b(lookup.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest)


def keys_of(report: Report) -> frozenset[int] | None:
    """Return the keys of an examined image; None where any change may concern it."""
    if report.scan is None or report.scan.looked_up is None or ANYTHING in report.scan.looked_up:
        return None
    found = {of_vulnerability(id_of(subject)) for subject in report.subjects}
    keys = frozenset(map(key, report.scan.looked_up | found))
    return keys if len(keys) <= MAX_KEYS else None


def write(keys: frozenset[int]) -> str:
    """Write keys as text."""
    return base64.b64encode(struct.pack(f"<{len(keys)}I", *sorted(keys))).decode()


def read(text: str) -> frozenset[int]:
    """Read what `write` wrote. Raises ValueError."""
    packed = base64.b64decode(text, validate=True)
    if len(packed) % 4:
        raise ValueError("keys have four bytes")
    return frozenset(struct.unpack(f"<{len(packed) // 4}I", packed))
