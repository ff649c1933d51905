"""Two advisory databases read in step: what is different, as keys of `scanner.lookups`.

What is not understood may concern any image: then nothing is named, and all are judged again.
"""

import heapq
import logging
import time
from collections.abc import Iterator, Mapping
from enum import IntEnum
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from scanner import bolt, lookups
from scanner.classify.sources import family_of, is_source
from scanner.model import Advisories, Digest
from scanner.text import visible
from scanner.trivy.advisories import DATABASE, AdvisoryDirectory

logger = logging.getLogger(__name__)

MAX_CHANGES = 500_000
"""More are hardly fewer than all, and memory is bounded."""

# Trivy-db `pkg/vulnsrc/redhat-oval`: which products the numbers in bucket `Red Hat` stand for.
_RED_HAT_PRODUCTS, _RED_HAT = "Red Hat CPE", "Red Hat"
_VULNERABILITIES = "vulnerability"
_ID_CHARACTERS = 256  # as in a finding

_Keys = tuple[bytes, ...]


class _Side(IntEnum):
    """Which of the two databases."""

    BEFORE = 0
    AFTER = 1


class _UnknownChangeError(Exception):
    """Raised where a change may concern any image."""


def changes_since(
    before: Digest, current: Advisories, directory: AdvisoryDirectory
) -> frozenset[int] | None:
    """Return what current advisories changed, or None where that may concern any image."""
    old, new = directory.root / before.hex / DATABASE, directory.find(current) / DATABASE
    try:
        return changed_keys(old, new)
    except (OSError, ValueError) as error:
        # The older one was removed, or was never on this host.
        logger.info("advisories.not_compared why=%s", error)
        return None


def changed_keys(old: Path, new: Path) -> frozenset[int] | None:
    """Return what differs between two `trivy.db` files, or None if that may concern any image.

    Raises:
        ValueError: one is not a well-formed database.
        OSError: one cannot be read.
    """
    began = time.monotonic()
    differences = _Differences()
    try:
        with bolt.Database(old) as before, bolt.Database(new) as after:
            for path, found in _in_step(before.root, after.root):
                differences.add(path, found)
        keys = differences.finished()
    except _UnknownChangeError as reason:
        logger.info("advisories.changed_anything why=%s", reason)
        return None
    logger.info("advisories.compared keys=%d seconds=%.1f", len(keys), time.monotonic() - began)
    return keys


def _in_step(
    before: bolt.Bucket, after: bolt.Bucket
) -> Iterator[tuple[_Keys, Mapping[_Side, bytes | None]]]:
    """Yield every place with what each side has there; an empty bucket has None.

    Places rise on both sides, so neither database is ever held in memory.
    """
    merged = heapq.merge(
        _places(before, _Side.BEFORE), _places(after, _Side.AFTER), key=itemgetter(0, 1)
    )
    for path, found in groupby(merged, key=itemgetter(0)):
        yield path, {side: value for _, side, value in found}


def _places(bucket: bolt.Bucket, side: _Side) -> Iterator[tuple[_Keys, _Side, bytes | None]]:
    return ((path, side, value) for path, value in bucket.walk())


class _Differences:
    """Collects what is different, place by place."""

    def __init__(self) -> None:
        self._keys: set[int] = set()
        self._sources: dict[_Side, set[str]] = {side: set() for side in _Side}

    def add(self, path: _Keys, found: Mapping[_Side, bytes | None]) -> None:
        """Look at one place. Raises _UnknownChangeError."""
        root = path[0].decode("utf-8", "replace")
        if len(path) > 1 and is_source(root):
            for side in found:
                self._sources[side].add(root)
        if len(found) == len(_Side) and found[_Side.BEFORE] == found[_Side.AFTER]:
            return
        self._keys.update(map(lookups.key, _concerned(root, path)))
        if len(self._keys) > MAX_CHANGES:
            raise _UnknownChangeError(f"more than {MAX_CHANGES} changes")

    def finished(self) -> frozenset[int]:
        """Return all keys, once every place was looked at."""
        # An image whose source came or went is judged otherwise, whatever packages it has.
        sources = self._sources[_Side.BEFORE] ^ self._sources[_Side.AFTER]
        families = {family for source in sources if (family := family_of(source))}
        return frozenset(self._keys | {lookups.key(lookups.of_family(f)) for f in families})


def _concerned(root: str, path: _Keys) -> Iterator[str]:
    """Name what a change at this place is about. Raises _UnknownChangeError."""
    family = family_of(root)
    if root == _RED_HAT_PRODUCTS:
        yield lookups.of_family(_RED_HAT)
    elif root == _VULNERABILITIES and len(path) > 1:
        yield lookups.of_vulnerability(visible(_text(path[1]), _ID_CHARACTERS))
    elif family is None:
        raise _UnknownChangeError(f"bucket {visible(root, 100)!r}")
    elif len(path) > 1:
        name = _text(path[1])
        yield lookups.of_package(family, name)
        # Of a package in a module: "nodejs:18::npm" (Trivy, `pkg/detector/ospkg/redhat`).
        yield lookups.of_package(family, name.rpartition("::")[2])


def _text(untrusted: bytes) -> str:
    return untrusted.decode("utf-8", "replace")
