"""The file tree that a container sees: layers one upon another (OCI image spec 1.1, layer.md)."""

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, Self, TypeAlias

from scanner.layers.entries import Entry, Kind

_WHITEOUT: Final = ".wh."
_OPAQUE_WHITEOUT: Final = ".wh..wh..opq"
_FOLLOWED = frozenset({Kind.HARD_LINK, Kind.SYMBOLIC_LINK})
_MAX_LINKS = 40  # path_resolution(7)
_MAX_PATH_CHARACTERS = 4096  # PATH_MAX, limits.h
_MAX_DEPTH = 256
_SHORT_CHARACTERS = 255  # too few for a path that is too deep
_MAX_ENTRIES = 1_000_000


class _Link(NamedTuple):
    layer: int
    entry: Entry


_Leaf: TypeAlias = "int | _Link"  # a file is no more than its layer's number: there are many
_Directory: TypeAlias = "dict[str, _Directory | _Leaf]"


class Place(NamedTuple):
    """Where a path leads to once all links are followed."""

    path: str
    layer: int | None
    """Which layer brought the file, counted from the bottom; None for a directory."""


def normal_path(name: str) -> str:
    """Write an entry's name as a path from the root, without `.`, `..` or slashes at its ends."""
    if name and name[0] not in "./" and name[-1] != "/" and "//" not in name and "/." not in name:
        # As nearly all are; there may be ten thousand in a layer.
        return name
    return posixpath.normpath(f"/{name}").lstrip("/")


def _require_possible(path: str) -> None:
    if len(path) > _MAX_PATH_CHARACTERS or path.count("/") > _MAX_DEPTH:
        raise ValueError("a path is longer or deeper than a container can have it")


def _copied(directory: _Directory) -> _Directory:
    return {
        name: _copied(node) if isinstance(node, dict) else node for name, node in directory.items()
    }


@dataclass(slots=True)
class FileTree:
    """The files of an image, by path. Only names are kept, and of links where they lead."""

    _root: "_Directory" = field(default_factory=dict)
    _layers: int = 0
    _entries: int = 0

    def copy(self) -> Self:
        """Return a tree of the same files, to put other layers on."""
        return replace(self, _root=_copied(self._root))

    def add_layer(self, untrusted_entries: Iterable[Entry]) -> None:
        """Put a layer on top. Its whiteouts hide what is below it, nothing of its own.

        Raises:
            ValueError: A name is longer, or lies deeper, than a container could have it, or there
                are more than a million entries.
        """
        placed: list[tuple[str, Entry]] = []
        for entry in untrusted_entries:
            path = normal_path(entry.name)
            if len(path) > _SHORT_CHARACTERS:
                _require_possible(path)
            if _WHITEOUT not in path or not self._takes_away(path):
                placed.append((path, entry))
            self._entries += 1
            if self._entries > _MAX_ENTRIES:
                raise ValueError(f"the image has more than {_MAX_ENTRIES} entries")
        last_parent, last_directory = "", self._root
        for path, entry in placed:
            parent, _, name = path.rpartition("/")
            if entry.kind is Kind.FILE and name:
                # Most come in the order of their directories. Where nothing but a file of a lower
                # layer is replaced no directory becomes another one, by a link or otherwise.
                into = last_directory if parent == last_parent else self._directory(parent)
                is_plain = isinstance(into.get(name, 0), int)
                into[name] = self._layers
                last_parent, last_directory = (parent, into) if is_plain else ("", self._root)
            else:
                self._place(path, entry)
                last_parent, last_directory = "", self._root
        self._layers += 1

    def has(self, link: Entry, *, layer: int) -> bool:
        """Say whether a link that this layer brought is still there."""
        parent, _, name = normal_path(link.name).rpartition("/")
        found = self._find(parent)
        return bool(
            found and isinstance(found[1], dict) and found[1].get(name) == _Link(layer, link)
        )

    def resolve(self, path: str) -> Place | None:
        """Follow links from a path to the file or directory they end at; None where there is none.

        A hard link ends at the entry that holds its contents.
        """
        found = self._find(path)
        if found is None:
            return None
        end, node = found
        if isinstance(node, dict):
            return Place(end, None)
        return Place(end, node if isinstance(node, int) else node.layer)

    def _find(self, path: str) -> "tuple[str, _Directory | _Leaf] | None":
        parents: list[tuple[str, _Directory]] = [("", self._root)]
        waiting = path.split("/")[::-1]
        links = 0
        while waiting:
            part = waiting.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                del parents[max(1, len(parents) - 1) :]
                continue
            node = parents[-1][1].get(part)
            here = f"{parents[-1][0]}/{part}".lstrip("/")
            if isinstance(node, dict):
                parents.append((here, node))
            elif isinstance(node, _Link) and node.entry.kind in _FOLLOWED:
                links += 1
                if links > _MAX_LINKS:
                    return None
                if node.entry.kind is Kind.HARD_LINK or node.entry.link.startswith("/"):
                    del parents[1:]
                waiting += node.entry.link[:_MAX_PATH_CHARACTERS].split("/")[::-1]
            elif node is None or any(waiting):
                return None
            else:
                return here, node
        return parents[-1]

    def _takes_away(self, path: str) -> bool:
        """Take away what a whiteout hides. False for what is none."""
        directory, _, name = path.rpartition("/")
        if name == _OPAQUE_WHITEOUT:
            self._directory(directory).clear()
        elif name.startswith(_WHITEOUT):
            self._directory(directory).pop(name.removeprefix(_WHITEOUT), None)
        return name.startswith(_WHITEOUT)

    def _place(self, path: str, entry: Entry) -> None:
        if not path:
            return
        parent, _, name = path.rpartition("/")
        directory = self._directory(parent)
        if entry.kind is Kind.DIRECTORY:
            if not isinstance(directory.get(name), dict):
                directory[name] = {}
        elif entry.kind in {Kind.FILE, Kind.DEVICE}:
            directory[name] = self._layers
        else:
            directory[name] = _Link(self._layers, entry)

    def _directory(self, path: str) -> _Directory:
        """Return a directory, made where it is missing; links on the way to it are followed."""
        directory = self._root
        if not path:
            return directory
        walked = ""
        for part in path.split("/"):
            walked = f"{walked}/{part}"
            below = directory.get(part)
            if isinstance(below, _Link):
                # As container runtimes do: what is put below a link to a directory lands in it.
                found = self._find(walked)
                below = found[1] if found else None
            if not isinstance(below, dict):
                below = directory[part] = {}
            directory = below
        return directory
