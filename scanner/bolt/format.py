"""The format's numbers: what reading and writing must agree on."""

from struct import Struct
from typing import Final

PAGE_BYTES: Final = 4096
"""Of a file that is written here; a file that is read says its own."""
MAX_KEY_BYTES: Final = 32_768  # bbolt `MaxKeySize`
MAX_VALUE_BYTES: Final = (1 << 31) - 2  # bbolt `MaxValueSize`
MAX_DEPTH: Final = 32
"""Of buckets in buckets, and of pages below a bucket's root; bbolt has no limit."""

BRANCH, LEAF, META, FREELIST = 0x01, 0x02, 0x04, 0x10
IS_BUCKET: Final = 0x01  # flag of a leaf element

HEADER: Final = Struct("<QHHI")  # page id, flags, count, overflow
LEAF_ELEMENT: Final = Struct("<IIII")  # flags, position, key size, value size
BRANCH_ELEMENT: Final = Struct("<IIQ")  # position, key size, page id
ELEMENT_BYTES: Final = 16  # both kinds
BUCKET: Final = Struct("<QQ")  # root page id, sequence

META_BODY: Final = Struct(
    "<IIIIQQQQQ"
)  # magic version page-size flags root sequence freelist end txid
CHECKSUM: Final = Struct("<Q")
MAGIC, VERSION = 0xED0CDAED, 2


def checksum(meta: bytes) -> bytes:
    """Return what a meta's body must be followed by: its FNV-1a of 64 bits."""
    total = 0xCBF29CE484222325
    for byte in meta:
        total = ((total ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return CHECKSUM.pack(total)
