"""bbolt files: what is written is read back, and what is malformed is refused."""

from pathlib import Path

import pytest
from hypothesis import given

from scanner import bolt
from tests.bolt_files import TREES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one folder for all examples that hypothesis tries."""
    return tmp_path_factory.mktemp("bolt")


@given(tree=TREES)
def test_any_tree_reads_back_as_it_was_written(
    folder: Path, tree: dict[bytes, bolt.ReadNode]
) -> None:
    """Nested buckets, empty ones, and values longer than a page survive the round trip."""
    path = folder / "any.db"
    bolt.write(path, tree)
    assert bolt.read(path) == tree


def test_text_keys_are_stored_as_utf_8(tmp_path: Path) -> None:
    """Bucket and key names may be given as text."""
    path = tmp_path / "text.db"
    bolt.write(path, {"débian 12": {"libc6": b"{}"}})
    assert bolt.read(path) == {"débian 12".encode(): {b"libc6": b"{}"}}


def test_a_value_longer_than_a_page_overflows_into_the_next_pages(tmp_path: Path) -> None:
    """A 1 MB value between small ones is read back whole."""
    path = tmp_path / "overflow.db"
    tree = {b"bucket": {b"a": b"1", b"b": bytes(range(256)) * 4096, b"c": b"3"}}
    bolt.write(path, tree)
    assert bolt.read(path) == tree
    assert path.stat().st_size > 256 * 4096


def test_many_keys_make_several_branch_levels(tmp_path: Path) -> None:
    """20,000 keys of 200 bytes need more than one level of branch pages."""
    path = tmp_path / "deep.db"
    tree = {b"bucket": {b"%0200d" % number: b"value" for number in range(20_000)}}
    bolt.write(path, tree)
    assert bolt.read(path) == tree


def test_keys_are_stored_in_byte_order(tmp_path: Path) -> None:
    """A cursor of bbolt finds keys by binary search, so their order is part of the format."""
    path = tmp_path / "order.db"
    bolt.write(path, {"bucket": {"ba": b"", "ab": b"", "b": b"", "B": b"", "é": b""}})
    bucket = bolt.read(path)[b"bucket"]
    assert isinstance(bucket, dict)
    assert list(bucket) == [b"B", b"ab", b"b", b"ba", "é".encode()]


def test_the_same_tree_gives_the_same_bytes(tmp_path: Path) -> None:
    """Insertion order leaves no trace in the file."""
    one, other = tmp_path / "one.db", tmp_path / "other.db"
    bolt.write(one, {"a": {"x": b"1", "y": b"2"}, "b": {}})
    bolt.write(other, {"b": {}, "a": {"y": b"2", "x": b"1"}})
    assert one.read_bytes() == other.read_bytes()


def test_an_existing_file_is_replaced_whole(tmp_path: Path) -> None:
    """A reader that has the old file mapped keeps it; no partial file stays behind."""
    path = tmp_path / "twice.db"
    bolt.write(path, {"old": {"key": b"1"}})
    with path.open("rb") as reader:
        bolt.write(path, {"new": {"key": b"2"}})
        assert b"old" in reader.read()
    assert bolt.read(path) == {b"new": {b"key": b"2"}}
    assert [entry.name for entry in tmp_path.iterdir()] == ["twice.db"]


def nested(depth: int) -> dict[str, bolt.Node]:
    """Return buckets within buckets."""
    tree: dict[str, bolt.Node] = {}
    for _ in range(depth):
        tree = {"bucket": tree}
    return tree


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"": b"value"}, "key of 0 bytes"),
        ({"k" * (bolt.MAX_KEY_BYTES + 1): b"value"}, "key of 32769 bytes"),
        ({"key": b"1", b"key": b"2"}, "the key b'key' twice"),
        ({"key": "text"}, "str is neither a bucket nor bytes"),
        ({"key": None}, "NoneType is neither a bucket nor bytes"),
        (nested(40), "nested more than"),
    ],
    ids=["empty-key", "long-key", "key-twice", "text", "none", "too-deep"],
)
def test_what_the_format_cannot_hold_is_refused(
    tmp_path: Path, tree: bolt.Tree, message: str
) -> None:
    """Nothing is written for bad input, not even a partial file."""
    with pytest.raises(ValueError, match=message):
        bolt.write(tmp_path / "bad.db", tree)
    assert list(tmp_path.iterdir()) == []


def test_a_bucket_can_be_written_from_an_iterator(tmp_path: Path) -> None:
    """It gives the same bytes as the mapping does."""
    inner: dict[str, bolt.Node] = {"key": b"v" * 500, "other": b"w"}
    names = [f"{number:05}" for number in range(300)]
    bolt.write(tmp_path / "mapping.db", {"bucket": dict.fromkeys(names, inner), "last": b"x"})
    bucket: bolt.Node = ((name, iter(inner.items())) for name in names)
    bolt.write(tmp_path / "iterator.db", iter([("bucket", bucket), ("last", b"x")]))
    assert (tmp_path / "iterator.db").read_bytes() == (tmp_path / "mapping.db").read_bytes()


@pytest.mark.parametrize(
    ("keys", "message"), [("ba", "the key b'a' out of order"), ("aa", "the key b'a' twice")]
)
def test_an_iterator_must_be_in_order(tmp_path: Path, keys: str, message: str) -> None:
    """It is not held in memory, so it cannot be sorted."""
    with pytest.raises(ValueError, match=message):
        bolt.write(tmp_path / "bad.db", ((key, b"") for key in keys))
    assert list(tmp_path.iterdir()) == []
