"""What the layers of an image hold, by the headers of their archives; no file is opened."""

from scanner.layers.entries import (
    Entry,
    Extent,
    Kind,
    UnreadableArchiveError,
    entries,
    placed_entries,
)
from scanner.layers.tree import FileTree, Place, normal_path

__all__ = [
    "Entry",
    "Extent",
    "FileTree",
    "Kind",
    "Place",
    "UnreadableArchiveError",
    "entries",
    "normal_path",
    "placed_entries",
]
