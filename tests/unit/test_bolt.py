"""bbolt files: what is written is read back, and what is malformed is refused."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner import bolt

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


def test_a_bucket_is_read_without_the_others(tmp_path: Path, sound_file: bytes) -> None:
    """Damage elsewhere in the file is not noticed by who does not go there."""
    path = tmp_path / "half.db"
    half = bytearray(sound_file)
    leaves = [at for at in range(3 * 4096, len(half), 4096) if half[at + 8] == 0x02]
    half[leaves[0]] ^= 0xFF
    path.write_bytes(half)
    with bolt.Database(path) as database:
        assert list(database.root) == [b"inline", b"overflow", b"paged"]
        inline = database.root.get(b"inline")
        assert isinstance(inline, bolt.Bucket)
        assert list(inline.items()) == [(b"key", b"value")]
    with pytest.raises(ValueError, match="in the place of page"):
        bolt.read(path)


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


def _first(untrusted: bytes, flags: int) -> int:
    """Return where the first page of a kind begins."""
    starts = range(3 * 4096, len(untrusted), 4096)
    return next(at for at in starts if untrusted[at + 8] == flags and untrusted[at + 10] > 2)


@pytest.mark.parametrize(
    ("flags", "at", "layout", "value", "message"),
    [
        (0x02, 0, "<Q", 1, "page 1 in the place of"),
        (0x02, 8, "<H", 0x10, "page with flags 0x10"),
        (0x02, 10, "<H", 0xFFFF, "65535 elements are outside their page"),
        (0x02, 12, "<I", 0xFFFFFFFF, "overflows outside the file"),
        (0x02, 16 + 4, "<I", 0xFFFFFFFF, "points outside of itself"),
        (0x02, 16 + 4, "<I", 0, "points outside of itself"),
        (0x02, 16 + 8, "<I", 0, "keys that do not rise"),
        (0x02, 16 + 12, "<I", 0xFFFFFFFF, "points outside of itself"),
        (0x01, 10, "<H", 0, "a branch page without children"),
        (0x01, 16 + 8, "<Q", 1, "page 1 is outside the file"),
        (0x01, 16 + 8, "<Q", 1 << 60, "is outside the file"),
    ],
)
def test_a_page_that_lies_is_refused(
    tmp_path: Path, sound_file: bytes, flags: int, at: int, layout: str, value: int, message: str
) -> None:
    """Its id, its kind, its count, its length, and where its data and its children are."""
    lying = bytearray(sound_file)
    struct.pack_into(layout, lying, _first(sound_file, flags) + at, value)
    path = tmp_path / "lying.db"
    path.write_bytes(lying)
    with bolt.Database(path) as database, pytest.raises(ValueError, match=message):
        database.root.tree()


def test_a_tree_that_several_buckets_claim_is_not_read_for_each(tmp_path: Path) -> None:
    """A thousand names for one large bucket would make a small file a large one."""
    path = tmp_path / "shared.db"
    tree: dict[str, bolt.Node] = {f"{number:04}": {"x": b"y" * 2000} for number in range(100)}
    bolt.write(path, {**tree, "large": {f"{number:04}": b"y" * 2000 for number in range(500)}})
    shared = bytearray(path.read_bytes())
    large = shared.rfind(b"large") + len("large")
    for number in range(100):
        at = shared.rfind(b"%04d" % number) + 4
        shared[at : at + 16] = shared[large : large + 16]
    path.write_bytes(shared)
    with bolt.Database(path) as database:
        assert len(list(database.root)) == 101
        with pytest.raises(ValueError, match="already used"):
            list(database.root.walk())


def test_what_is_open_is_closed_at_the_end(tmp_path: Path, sound_file: bytes) -> None:
    """A bucket of a closed file cannot be read, and no descriptor is left."""
    path = tmp_path / "sound.db"
    path.write_bytes(sound_file)
    with bolt.Database(path) as database:
        root = database.root
    with pytest.raises(OSError, match="Bad file descriptor"):
        list(root)
