import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner import bolt


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
