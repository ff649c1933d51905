"""What Trivy passes over without a word: it reads regular files only, and follows no link.

Source: Trivy 0.76, `pkg/fanal/walker/tar.go`; that an opaque whiteout at the root is taken for
nothing was seen (`pkg/fanal/applier/docker.go`). Most links lead to files that are read where they
are. Those that do not are named here, because packages could hide behind them.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Final

from scanner.layers import (
    Entry,
    FileTree,
    Kind,
    Place,
    normal_path,
)
from scanner.model import Digest, LayerInventory
from scanner.text import visible
from scanner.trivy.examined import PACKAGE_DATABASES, is_package_directory, reader_of

_OPAQUE = ".wh..wh..opq"
_EXECUTABLE = 0o111
_NAMED, _NAME_CHARACTERS = 20, 200
_PILES = 64
SOURCES = (
    *("trivy/unread.py", "trivy/examined.py"),
    *("layers/entries.py", "layers/tree.py", "text.py"),
)


def _rules() -> str:
    scanner = Path(__file__).parents[1]
    digests = [hashlib.sha256((scanner / name).read_bytes()).digest() for name in SOURCES]
    return hashlib.sha256(b"".join(digests)).hexdigest()


RULES: Final = _rules()
"""Names all that decides on the answer beside the image. Drawn from the sources, because a number
that somebody forgot to count up would keep answers that are no longer true."""


@dataclass(frozen=True, slots=True)
class _Pile:
    """Layers one upon another, and what in them needs a closer look."""

    tree: FileTree
    suspects: list[tuple[int, Entry]]
    height: int = 0

    def under(self, layer: Iterable[Entry]) -> "_Pile":
        """Put a layer on top of this very tree. Raises ValueError."""
        # Where it is stored names are read anew each time.
        layer = tuple(layer)
        found = [
            (self.height, entry)
            for entry in layer
            # Nearly all are let go here.
            if (entry.kind is not Kind.FILE or _OPAQUE in entry.name) and _is_suspect(entry)
        ]
        self.tree.add_layer(layer)
        return _Pile(self.tree, self.suspects + found, self.height + 1)

    def copy(self) -> "_Pile":
        """Return the same, to put another layer on."""
        return _Pile(self.tree.copy(), self.suspects, self.height)


class Piles:
    """Lower layers that images share, piled up once.

    They may be of ten thousand files, and to copy a pile takes a tenth of the time to make it.
    """

    def __init__(self) -> None:
        self._met: dict[tuple[Digest, ...], _Pile | None] = {}
        """The latest, by their layers; None where it was met only once, and is not kept."""

    def unread(self, layers: Sequence[LayerInventory]) -> tuple[str, ...]:
        """Say of an image what `unread` says, its layers bottom first."""
        return _named(lambda: self._pile(layers))

    def _pile(self, layers: Sequence[LayerInventory]) -> _Pile:
        names = [tuple(layer.diff_id for layer in layers[: n + 1]) for n in range(len(layers))]
        pile = _Pile(FileTree(), [])
        for name in reversed(names):
            if kept := self._met.get(name):
                pile = kept.copy()
                break
        for layer, name in zip(layers[pile.height :], names[pile.height :], strict=True):
            pile = pile.under(layer.entries)
            self._met[name] = pile.copy() if name in self._met else None
        for name in names:
            # Those last that were wanted last.
            self._met[name] = self._met.pop(name)
        while len(self._met) > _PILES:
            del self._met[next(iter(self._met))]
        return pile


def unread(layers: Sequence[Sequence[Entry]]) -> tuple[str, ...]:
    """Say what in an image Trivy does not read, though packages may be in it; at most 20 things.

    Args:
        layers: What each holds, bottom first.
    """
    return _named(lambda: reduce(_Pile.under, layers, _Pile(FileTree(), [])))


def _named(make: Callable[[], _Pile]) -> tuple[str, ...]:
    try:
        found = list(dict.fromkeys(_unread(make())))
    except ValueError as error:
        found = [f"the names of all files: {error}"]
    return tuple(visible(text, _NAME_CHARACTERS) for text in found[:_NAMED])


def _unread(pile: _Pile) -> Iterator[str]:
    for number, entry in pile.suspects:
        yield from _passed_over(number, entry, pile.tree)
    yield from _moved_databases(pile.tree)


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
