from pathlib import Path

import pytest
from hypothesis import given

from scanner import bolt
from tests.bolt_files import TREES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one folder for all examples that hypothesis tries."""
    return tmp_path_factory.mktemp("bolt")


@pytest.fixture(scope="module")
def sound_file(folder: Path) -> bytes:
    """Return a file with inline and paged buckets, branches and overflow pages."""
    path = folder / "sound.db"
    tree: bolt.Tree = {
        "inline": {"key": b"value"},
        "paged": {f"{number:03}": b"x" * 100 for number in range(200)},
        "overflow": {"long": b"y" * 9000},
    }
    bolt.write(path, tree)
    return path.read_bytes()


@given(tree=TREES)
def test_each_key_is_found_and_no_other(folder: Path, tree: dict[bytes, bolt.ReadNode]) -> None:
    """Also where keys are many, long, or alike."""
    path = folder / "sought.db"
    bolt.write(path, tree)
    with bolt.Database(path) as database:
        assert list(database.root) == sorted(tree)
        for key, node in tree.items():
            found = database.root.get(key)
            assert (found.tree() if isinstance(found, bolt.Bucket) else found) == node
            assert (database.root.get(key + b"\0") is None) == (key + b"\0" not in tree)
        assert database.root.get(b"") is None


def test_a_key_is_found_on_any_level(tmp_path: Path) -> None:
    """The first, the last and those between, of three levels of pages."""
    path = tmp_path / "deep.db"
    bolt.write(path, {"bucket": {b"%0200d" % number: b"%d" % number for number in range(20_000)}})
    with bolt.Database(path) as database:
        bucket = database.root.get(b"bucket")
        assert isinstance(bucket, bolt.Bucket)
        for number in (0, 1, 9_999, 19_998, 19_999):
            assert bucket.get(b"%0200d" % number) == b"%d" % number
        assert bucket.get(b"%0200d" % 20_000) is None


def test_a_walk_gives_every_value_with_the_keys_to_it(tmp_path: Path) -> None:
    """In the order of the keys; an empty bucket comes without a value."""
    path = tmp_path / "walk.db"
    bolt.write(path, {"b": {"x": {"1": b"one", "2": b"two"}, "y": {}}, "a": b"direct"})
    with bolt.Database(path) as database:
        assert list(database.root.walk()) == [
            ((b"a",), b"direct"),
            ((b"b", b"x", b"1"), b"one"),
            ((b"b", b"x", b"2"), b"two"),
            ((b"b", b"y"), None),
        ]


def test_what_is_open_is_closed_at_the_end(tmp_path: Path, sound_file: bytes) -> None:
    """A bucket of a closed file cannot be read, and no descriptor is left."""
    path = tmp_path / "sound.db"
    path.write_bytes(sound_file)
    with bolt.Database(path) as database:
        root = database.root
    with pytest.raises(OSError, match="Bad file descriptor"):
        list(root)
