"""bbolt files, the format of Trivy's `trivy.db`, without Go: written whole, read page by page.

Format source: go.etcd.io/bbolt, `internal/common/page.go`, `meta.go`, `bucket.go` and `inode.go`
(file version 2). All integers are little-endian. The file is an array of pages; a page is a header
(id, flags, count, overflow), then `count` elements of 16 bytes, then the keys and values that
those point at, by an offset from the element itself. A page too long for one slot overflows into
the slots that follow. A bucket is a B+ tree of branch and leaf pages; its value in the parent's
leaf is its root page's id and a sequence, and root 0 means that its only page follows inline.
Pages 0 and 1 are the two metas, each with an FNV-1a checksum of its first 56 bytes.
"""

from scanner.bolt.format import MAX_KEY_BYTES, PAGE_BYTES
from scanner.bolt.reading import Bucket, Database, ReadNode, read
from scanner.bolt.writing import Node, Tree, write

__all__ = [
    "MAX_KEY_BYTES",
    "PAGE_BYTES",
    "Bucket",
    "Database",
    "Node",
    "ReadNode",
    "Tree",
    "read",
    "write",
]
