"""Trivy's record of one layer: read out of the cache that a sandbox has left, and put into one.

Source: Trivy 0.76, `pkg/cache/fs.go` (buckets `artifact` and `blob`) and `pkg/fanal/types`
(`BlobInfo`). What a sandbox leaves is hostile: one record of bounded size, of the layer that was
asked for, or none at all.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scanner import bolt
from scanner.model import Digest, UnknownReason

CACHE_FILE = "fanal/fanal.db"
"""Where Trivy keeps its records, from its cache directory."""
MAX_CACHE_BYTES = 256 << 20
MAX_RECORD_BYTES = 128 << 20
MAX_PACKAGES = 60_000
"""Of one layer. Putting layers together takes Trivy time with the square of them."""

_SCHEMA_VERSION = 2
_KEY = re.compile(rb"sha256:[0-9a-f]{64}")
_OF_THE_IMAGE = ("Digest", "CreatedBy", "Size")
"""What depends on the image, or on how a layer happened to be packed; a record is of neither."""
_QUOTES_FILES = ("Secrets", "Misconfigurations", "CustomResources")
"""What an honest Trivy was not asked for, and what could hold a secret's own text."""


class UnfitRecordError(Exception):
    """Raised for what no honest Trivy leaves behind, or for more of it than can be worked with."""

    def __init__(self, detail: str, *, reason: UnknownReason = UnknownReason.SCANNER_CRASH) -> None:
        super().__init__(detail)
        self.reason = reason


def read_record(cache_file: Path, diff_id: Digest) -> tuple[str, bytes]:
    """Return the key and the record of a layer from a cache that a sandbox has written.

    Raises:
        UnfitRecordError: It is no cache, or not one of exactly this layer.
    """
    try:
        untrusted = bolt.read(cache_file, max_bytes=MAX_CACHE_BYTES)
    except (OSError, ValueError) as error:
        raise UnfitRecordError(f"the scanner left no readable record: {error}") from error
    blobs = untrusted.get(b"blob")
    if not isinstance(blobs, dict) or len(blobs) != 1:
        raise UnfitRecordError("the scanner left other than one record")
    [(key, value)] = blobs.items()
    if not _KEY.fullmatch(key) or not isinstance(value, bytes):
        raise UnfitRecordError("the scanner left a record under no key of its own")
    return key.decode(), _checked(value, diff_id)


def write_records(cache_file: Path, records: Mapping[str, bytes]) -> None:
    """Write a cache with these records, by their keys. Raises OSError."""
    blobs = {key.encode(): record for key, record in records.items()}
    bolt.write(cache_file, {b"artifact": {}, b"blob": blobs})


def _checked(untrusted_value: bytes, diff_id: Digest) -> bytes:
    try:
        record = json.loads(untrusted_value)
    except (ValueError, RecursionError) as error:
        raise UnfitRecordError("the scanner's record is no JSON") from error
    if not isinstance(record, dict) or record.get("SchemaVersion") != _SCHEMA_VERSION:
        raise UnfitRecordError(f"the scanner's record is not of schema {_SCHEMA_VERSION}")
    if record.get("DiffID") != str(diff_id):
        raise UnfitRecordError("the scanner's record is of another layer")
    if _package_count(record) > MAX_PACKAGES:
        raise UnfitRecordError(
            f"the layer has more than {MAX_PACKAGES} packages", reason=UnknownReason.TOO_LARGE
        )
    for name in (*_OF_THE_IMAGE, *_QUOTES_FILES):
        record.pop(name, None)
    try:
        written = json.dumps(
            record, sort_keys=True, separators=(",", ":"), allow_nan=False
        ).encode()
    except (ValueError, RecursionError) as error:
        raise UnfitRecordError("the scanner's record cannot be written again") from error
    if len(written) > MAX_RECORD_BYTES:
        raise UnfitRecordError(
            f"the layer's record is larger than {MAX_RECORD_BYTES} bytes",
            reason=UnknownReason.TOO_LARGE,
        )
    return written


def _package_count(untrusted_record: dict[str, Any]) -> int:
    count = 0
    for name in ("PackageInfos", "Applications"):
        groups = untrusted_record.get(name) or []
        if not isinstance(groups, list):
            raise UnfitRecordError(f"the scanner's record has {name} that are no list")
        for group in groups:
            packages = group.get("Packages") or [] if isinstance(group, dict) else None
            if not isinstance(packages, list):
                raise UnfitRecordError(f"the scanner's record has {name} without packages")
            count += len(packages)
    return count
