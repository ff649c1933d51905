"""Takes large binary files out of sight of whoever reads a layer's archive, in place.

A scanner that wants a file from 100 MiB on copies it to its disk first, only to find out that it is
binary and of no use to it: no limit on that disk would fit every model and every library.
"""

import mmap
import re
from pathlib import Path
from typing import Final

from scanner.layers.entries import Kind, Member, UnreadableArchiveError, members

MIN_BYTES: Final = 8 << 20
"""Of what is hidden; smaller ones cost a scanner little."""
_TYPE: Final = 156
_MAX_CHECKSUM: Final = 512 * 255
_OTHER: Final = ord(Kind.OTHER.value)
_HEAD_BYTES: Final = 300
# Trivy's own test (0.76, `pkg/fanal/utils`, IsBinary), which is that of file(1).
_BINARY: Final = re.compile(rb"[\x00-\x06\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_READ_NEVERTHELESS: Final = ".pyc"


def hide_large_binaries(archive: Path) -> int:
    """Make `MIN_BYTES` and larger files that are binary entries that nobody reads; count them.

    Their contents stay where they are; their headers say that they are of another kind.

    Raises UnreadableArchiveError: a header is malformed.
    """
    if not archive.stat().st_size:
        return 0
    with archive.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        try:
            hidden = [member.header for member in members(data) if _is_hidden(data, member)]
            for header in hidden:
                _hide(data, header)
        except ValueError as error:
            raise UnreadableArchiveError(f"a header is malformed: {error}") from error
    return len(hidden)


def _is_hidden(data: mmap.mmap, member: Member) -> bool:
    return (
        member.entry.kind is Kind.FILE
        and member.size >= MIN_BYTES
        and not member.entry.name.endswith(_READ_NEVERTHELESS)
        and _BINARY.search(data[member.contents : member.contents + _HEAD_BYTES]) is not None
    )


def _hide(data: mmap.mmap, header: int) -> None:
    """Change a header's kind, and its checksum by as much (POSIX.1-2017 pax, "ustar")."""
    checksum = slice(header + 148, header + 156)
    changed = int(data[checksum].strip(b" \0"), 8) + _OTHER - data[header + _TYPE]
    if not 0 <= changed <= _MAX_CHECKSUM:
        raise ValueError("not a checksum")
    data[header + _TYPE] = _OTHER
    data[checksum] = b"%06o\0 " % changed
