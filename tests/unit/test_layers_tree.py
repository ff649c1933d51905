"""Layers one upon another: what a container finds at a path."""

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
