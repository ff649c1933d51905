"""How much of an image is read before it is given up as too large."""

from dataclasses import dataclass

MIB = 1024**2
GIB = 1024**3
DISK_RESERVE_BYTES = GIB // 4
"""Left free on the disk that images are unpacked to; other programs use it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds, all in bytes unless the name says otherwise."""

    manifest_bytes: int = 4 * MIB
    """What registries should accept (OCI distribution spec 1.1, "Pushing manifests")."""
    config_bytes: int = 4 * MIB
    layers: int = 127
    """What overlay file systems mount; Trivy's time grows with the square of it."""
    children: int = 64
    index_depth: int = 2
    """An index, and an index inside it."""
    compressed_bytes: int = 10 * GIB
    uncompressed_bytes: int = 20 * GIB
    ratio: int = 1100
    """Uncompressed bytes for each compressed one. Deflate cannot exceed 1032; zstd can, by far."""
    ratio_counts_above_bytes: int = 1 * GIB
