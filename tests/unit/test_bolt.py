"""bbolt files: what is written is read back, and what is malformed is refused."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local import bolt

KEYS = st.binary(min_size=1, max_size=300)
VALUES = st.binary(max_size=9000)
TREES = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=12),
    lambda trees: st.dictionaries(KEYS, st.one_of(VALUES, trees), max_size=8),
    max_leaves=12,
)


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
        ({"key": b"1", b"key": b"2"}, "the same key as text and as bytes"),
        ({"key": "text"}, "str is neither a bucket nor bytes"),
        ({"key": None}, "NoneType is neither a bucket nor bytes"),
        (nested(40), "nested more than"),
    ],
    ids=["empty-key", "long-key", "key-twice", "text", "none", "too-deep"],
)
def test_what_the_format_cannot_hold_is_refused(
    tmp_path: Path, tree: bolt.Bucket, message: str
) -> None:
    """Nothing is written for bad input, not even a partial file."""
    with pytest.raises(ValueError, match=message):
        bolt.write(tmp_path / "bad.db", tree)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def sound_file(folder: Path) -> bytes:
    """Return a file with inline and paged buckets, branches and overflow pages."""
    path = folder / "sound.db"
    tree: bolt.Bucket = {
        "inline": {"key": b"value"},
        "paged": {f"{number:03}": b"x" * 100 for number in range(200)},
        "overflow": {"long": b"y" * 9000},
    }
    bolt.write(path, tree)
    return path.read_bytes()


def test_pages_follow_one_another_without_gap_or_overlap(sound_file: bytes) -> None:
    """Each page's header has its own number and says how many more slots the page takes."""
    page = 0
    while page * bolt.PAGE_BYTES < len(sound_file):
        number, _, _, overflow = struct.unpack_from("<QHHI", sound_file, page * bolt.PAGE_BYTES)
        assert number == page
        page += 1 + overflow
    assert page * bolt.PAGE_BYTES == len(sound_file)


def test_bytes_that_many_values_share_are_refused(tmp_path: Path, sound_file: bytes) -> None:
    """A small file cannot be made to fill the memory by pointing at one place over and over."""
    inflated = bytearray(sound_file)
    leaf = next(
        at
        for at in range(3 * bolt.PAGE_BYTES, len(inflated), bolt.PAGE_BYTES)
        if inflated[at + 8] == 0x02 and inflated[at + 10] > 10  # a leaf page, and its elements
    )
    for element in range(inflated[leaf + 10]):
        value_size_at = leaf + 16 + 16 * element + 12
        struct.pack_into("<I", inflated, value_size_at, 20_000)
    path = tmp_path / "inflated.db"
    path.write_bytes(inflated)
    with pytest.raises(ValueError, match="already used"):
        bolt.read(path)


@given(data=st.data())
def test_a_damaged_file_is_refused_or_read_never_worse(
    folder: Path, sound_file: bytes, data: st.DataObject
) -> None:
    """Whatever bytes are changed, reading ends: with a tree, or with ValueError."""
    damaged = bytearray(sound_file)
    places = st.integers(min_value=0, max_value=len(damaged) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=20)):
        damaged[place] = data.draw(st.integers(min_value=0, max_value=255))
    path = folder / "damaged.db"
    path.write_bytes(damaged)
    try:
        tree = bolt.read(path)
    except ValueError:
        return
    assert isinstance(tree, dict)


@pytest.mark.parametrize("size", [0, 1, 100, 4096, 8192, 12288])
def test_a_truncated_file_is_refused(tmp_path: Path, sound_file: bytes, size: int) -> None:
    """A file cut before its data pages is not read as an empty database."""
    path = tmp_path / "cut.db"
    path.write_bytes(sound_file[:size])
    with pytest.raises(ValueError, match=r"not a bbolt file|outside the file"):
        bolt.read(path)


def test_a_file_over_the_limit_is_refused(tmp_path: Path, sound_file: bytes) -> None:
    """The limit counts bytes of the file, and one byte over it is too many."""
    path = tmp_path / "large.db"
    path.write_bytes(sound_file)
    assert bolt.read(path, max_bytes=len(sound_file))
    with pytest.raises(ValueError, match="more than"):
        bolt.read(path, max_bytes=len(sound_file) - 1)


def test_a_torn_first_meta_falls_back_to_the_second(tmp_path: Path, sound_file: bytes) -> None:
    """A crash in the middle of writing one meta page loses nothing."""
    path = tmp_path / "torn.db"
    path.write_bytes(bytes(4096) + sound_file[4096:])
    assert b"inline" in bolt.read(path)


def test_pages_that_lead_back_to_themselves_are_refused(tmp_path: Path, sound_file: bytes) -> None:
    """A branch page whose children all are one page may not be multiplied without end."""
    looped = bytearray(sound_file)
    at = next(
        at
        for at in range(3 * 4096, len(looped), 4096)
        if looped[at + 8] == 0x01  # a branch page
    )
    for child in range(looped[at + 10]):
        element = at + 16 + 16 * child
        looped[element + 8 : element + 16] = (at // 4096).to_bytes(8, "little")
    path = tmp_path / "looped.db"
    path.write_bytes(looped)
    with pytest.raises(ValueError, match=r"already used|at depth"):
        bolt.read(path)
