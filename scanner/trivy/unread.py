"""What Trivy passes over without a word: it reads regular files only, and follows no link.

Source: Trivy 0.76, `pkg/fanal/walker/tar.go`; that an opaque whiteout at the root is taken for
nothing was seen (`pkg/fanal/applier/docker.go`). Most links lead to files that are read where they
are. Those that do not are named here, because packages could hide behind them.
"""

import logging
import time
from collections.abc import Iterator, Sequence

from scanner.layers import (
    Entry,
    FileTree,
    Kind,
    Place,
    normal_path,
)
from scanner.text import visible
from scanner.trivy.examined import PACKAGE_DATABASES, is_package_directory, reader_of

logger = logging.getLogger(__name__)

_OPAQUE = ".wh..wh..opq"
_EXECUTABLE = 0o111
_NAMED, _NAME_CHARACTERS = 20, 200


def unread(layers: Sequence[Sequence[Entry]]) -> tuple[str, ...]:
    """Say what in an image Trivy does not read, though packages may be in it; at most 20 things.

    Args:
        layers: What each holds, bottom first.
    """
    began = time.monotonic()
    try:
        found = list(dict.fromkeys(_unread(layers)))
    except ValueError as error:
        found = [f"the names of all files: {error}"]
    logger.info("layers.listed unread=%d seconds=%.2f", len(found), time.monotonic() - began)
    return tuple(visible(text, _NAME_CHARACTERS) for text in found[:_NAMED])


def _unread(layers: Sequence[Sequence[Entry]]) -> Iterator[str]:
    tree = FileTree()
    suspects: list[tuple[int, Entry]] = []
    for number, listed in enumerate(layers):
        suspects += ((number, entry) for entry in listed if _is_suspect(entry))
        tree.add_layer(listed)
    for number, entry in suspects:
        yield from _passed_over(number, entry, tree)
    yield from _moved_databases(tree)


def _is_suspect(entry: Entry) -> bool:
    """Say whether a closer look is due; nearly all entries are plain files and are let go here."""
    if entry.name.endswith(_OPAQUE) and normal_path(entry.name) == _OPAQUE:
        return True
    if entry.kind in {Kind.FILE, Kind.DIRECTORY, Kind.DEVICE}:
        return False
    path = normal_path(entry.name)
    return reader_of(path) is not None or is_package_directory(path) or _is_executable(entry)


def _is_executable(entry: Entry) -> bool:
    """Say whether the contents could be a program; a symbolic link's own mode tells nothing."""
    return entry.kind is not Kind.SYMBOLIC_LINK and bool(entry.mode & _EXECUTABLE)


def _passed_over(layer: int, entry: Entry, tree: FileTree) -> Iterator[str]:
    path = normal_path(entry.name)
    if path == _OPAQUE:
        if layer:
            yield "an opaque whiteout at the root, which hides the layers below"
    elif tree.has(entry, layer=layer):
        reason = _reason(layer, entry, path, tree.resolve(path))
        if reason:
            yield f"{path}: {reason}"


def _reason(layer: int, entry: Entry, path: str, end: Place | None) -> str:
    if entry.kind is Kind.OTHER:
        return "an entry that is neither file nor link"
    if end is None:
        return "a hard link to what is gone" if entry.kind is Kind.HARD_LINK else ""
    if end.layer is None:
        is_renamed = is_package_directory(path) and not is_package_directory(end.path)
        return "a link to a directory of another name" if is_renamed else ""
    if entry.kind is Kind.HARD_LINK and end.layer > layer:
        return "a hard link to what was replaced since"
    is_renamed = reader_of(path) not in {None, reader_of(end.path)}
    return "a link to a file of another name" if is_renamed else ""


def _moved_databases(tree: FileTree) -> Iterator[str]:
    """Find package databases that lie, by a link on the way to them, where Trivy does not look."""
    for database in PACKAGE_DATABASES:
        end = tree.resolve(database)
        if end and end.layer is not None and reader_of(end.path) != reader_of(database):
            yield f"{database}: a link to a file of another name"
