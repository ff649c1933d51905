"""What the layers of an image hold, by the headers of their archives; no file is opened."""

from scanner.layers.entries import Entry, Kind, Member, UnreadableArchiveError, entries, placed
from scanner.layers.large_binaries import hide_large_binaries
from scanner.layers.tree import FileTree, Place, normal_path

__all__ = [
    "Entry",
    "FileTree",
    "Kind",
    "Member",
    "Place",
    "UnreadableArchiveError",
    "entries",
    "hide_large_binaries",
    "normal_path",
    "placed",
]
