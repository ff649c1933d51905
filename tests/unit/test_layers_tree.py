"""Layers one upon another: what a container finds at a path."""

import random
from itertools import product

import pytest

from scanner.layers import Entry, FileTree, Kind, Place


def _file(name: str) -> Entry:
    return Entry(name, Kind.FILE, 0, "")


def _directory(name: str) -> Entry:
    return Entry(name, Kind.DIRECTORY, 0, "")


def _symbolic(name: str, link: str) -> Entry:
    return Entry(name, Kind.SYMBOLIC_LINK, 0o777, link)


def _hard(name: str, link: str) -> Entry:
    return Entry(name, Kind.HARD_LINK, 0o644, link)


def _tree(*layers: list[Entry]) -> FileTree:
    tree = FileTree()
    for layer in layers:
        tree.add_layer(layer)
    return tree


def _random_layer(chance: random.Random) -> list[Entry]:
    names = [
        "/".join(chance.choices("abcd", k=chance.randint(1, 4))) + chance.choice(("", "", "/"))
        for _ in range(12)
    ]
    names += [f"{chance.choice('abcd')}/.wh.{chance.choice('abcd')}", "a/.wh..wh..opq", "./b//c"]
    kinds = [*[Kind.FILE] * 6, Kind.DIRECTORY, Kind.SYMBOLIC_LINK, Kind.HARD_LINK]
    links = ("a", "../b", "/c/d", "nowhere", ".")
    return [
        Entry(name, chance.choice(kinds), 0, chance.choice(links))
        for name in chance.sample(names, len(names))
    ]


@pytest.mark.parametrize("seed", range(60))
def test_files_are_put_where_each_is_put_by_itself(seed: int) -> None:
    """Many of one directory at once are the same as devices, which are put one by one."""
    chance = random.Random(seed)  # noqa: S311 - the same each time
    layers = [_random_layer(chance) for _ in range(4)]
    one_by_one = [
        [entry._replace(kind=Kind.DEVICE) if entry.kind is Kind.FILE else entry for entry in layer]
        for layer in layers
    ]
    tree, by_itself = _tree(*layers[:3]), _tree(*one_by_one)
    copied = tree.copy()
    copied.add_layer(layers[3])
    before = _tree(*layers[:3])
    for path in ["/".join(parts) for n in (1, 2, 3, 4) for parts in product("abcd", repeat=n)]:
        assert copied.resolve(path) == by_itself.resolve(path), path
        assert tree.resolve(path) == before.resolve(path), path


def test_a_file_that_takes_the_place_of_its_own_way_is_followed_no_more() -> None:
    """`d/self` leads to `d` until a file is put there, by that very name."""
    files = [_file("d/self/self"), _file("d/self/q")]
    tree = _tree([_directory("d"), _symbolic("d/self", ".")], files)
    assert tree.resolve("d/q") is None
    assert tree.resolve("d/self/q") == Place("d/self/q", 1)


def test_the_upper_layer_wins() -> None:
    """And what it does not name stays."""
    tree = _tree([_file("a/x"), _file("a/y")], [_file("./a/x")])
    assert tree.resolve("a/x") == Place("a/x", 1)
    assert tree.resolve("/a/y") == Place("a/y", 0)
    assert tree.resolve("a") == Place("a", None)
    assert tree.resolve("a/z") is None
    assert tree.resolve("a/x/z") is None


def test_whiteouts_hide_what_lies_below_and_nothing_of_their_own_layer() -> None:
    """A file, a directory, and all of a directory."""
    below = [_file("a/x"), _file("b/x"), _file("c/x"), _file("d")]
    above = [_file("c/y"), _file("c/.wh..wh..opq"), _file("a/.wh.x"), _file(".wh.b")]
    tree = _tree(below, above)
    assert [tree.resolve(path) for path in ("a/x", "b/x", "b", "c/x")] == [None] * 4
    assert tree.resolve("c/y") == Place("c/y", 1)
    assert tree.resolve("d") == Place("d", 0)


def test_an_opaque_root_hides_everything_below() -> None:
    """Runtimes do so."""
    tree = _tree([_file("a/x")], [_file(".wh..wh..opq"), _file("y")])
    assert tree.resolve("a/x") is None
    assert tree.resolve("y") == Place("y", 1)


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("../usr/x", "etc/l"),
        ("/usr/x", "etc/l"),
        ("../../../../usr/./x", "etc/l"),
        ("/etc/second", "etc/l"),
        ("/usr", "etc/l/x"),
        ("/usr/", "etc/l/../usr/x"),
    ],
)
def test_symbolic_links_are_followed(link: str, path: str) -> None:
    """From where they are, never out of the root, through directories and other links."""
    tree = _tree([_file("usr/x"), _symbolic("etc/l", link), _symbolic("etc/second", "/usr/x")])
    assert tree.resolve(path) == Place("usr/x", 0)


def test_hard_links_lead_to_the_contents() -> None:
    """Named from the root; in the layer that brought them."""
    tree = _tree([_file("a/x"), _hard("b/y", "a/x"), _hard("c", "./b/y")], [_file("a/z")])
    assert tree.resolve("c") == Place("a/x", 0)
    assert tree.has(_hard("b/y", "a/x"), layer=0)
    assert not tree.has(_hard("b/y", "a/x"), layer=1)


@pytest.mark.parametrize("link", ["a", "b", "nowhere"])
def test_links_that_lead_nowhere_end(link: str) -> None:
    """In a circle, or at nothing."""
    assert _tree([_symbolic("a", link), _symbolic("b", "a")]).resolve("a") is None


def test_what_is_put_below_a_link_lands_where_it_leads() -> None:
    """As with /lib on a merged /usr, which later layers still name /lib."""
    tree = _tree([_directory("usr/lib"), _symbolic("lib", "usr/lib")], [_file("lib/x")])
    assert tree.resolve("usr/lib/x") == Place("usr/lib/x", 1)
    assert tree.resolve("lib/x") == Place("usr/lib/x", 1)


def test_a_directory_replaces_a_file_and_a_file_a_directory() -> None:
    """With all that was in it."""
    tree = _tree([_file("a"), _file("b/x")], [_directory("a"), _file("b")])
    assert tree.resolve("a") == Place("a", None)
    assert tree.resolve("b/x") is None
    assert tree.resolve("b") == Place("b", 1)


@pytest.mark.parametrize("name", ["a/" * 300 + "x", "a" * 5000])
def test_names_that_no_container_could_have_are_refused(name: str) -> None:
    """They would only cost memory."""
    with pytest.raises(ValueError, match="longer or deeper"):
        _tree([_file(name)])


def test_names_cannot_leave_the_root() -> None:
    """`..` ends there."""
    assert _tree([_file("../../etc/x")]).resolve("etc/x") == Place("etc/x", 0)
