"""A layer's entries, as Go's archive/tar would list them."""

import io
import tarfile
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.layers import Entry, Kind, UnreadableArchiveError, entries

_LONG = "/".join(["directory-with-a-long-name"] * 8)
_KINDS = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.DIRTYPE: Kind.DIRECTORY,
    tarfile.SYMTYPE: Kind.SYMBOLIC_LINK,
    tarfile.LNKTYPE: Kind.HARD_LINK,
    tarfile.FIFOTYPE: Kind.DEVICE,
    tarfile.CHRTYPE: Kind.DEVICE,
    tarfile.CONTTYPE: Kind.OTHER,
}


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> bytes:
    return _header(name, kind, link, size, tarfile.PAX_FORMAT) + bytes(-(-size // 512) * 512)


def _header(name: str, kind: bytes, link: str, size: int, form: Literal[0, 1, 2]) -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size, member.mode = kind, link, size, 0o755
    return member.tobuf(form, "utf-8", "surrogateescape")


def _entries(tmp_path: Path, archive: bytes) -> list[Entry]:
    path = tmp_path / "layer"
    path.write_bytes(archive)
    return list(entries(path))


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("name", ["etc/os-release", f"{_LONG}/file", "caf\u00e9"])
@pytest.mark.parametrize("kind", list(_KINDS))
def test_lists_what_tarfile_lists(
    tmp_path: Path, form: Literal[0, 1, 2], name: str, kind: bytes
) -> None:
    """Names and kinds, in each of the formats."""
    size = 700 if kind in {tarfile.REGTYPE, tarfile.CONTTYPE} else 0
    archive = _header(name, kind, "", size, form) + bytes(-(-size // 512) * 512)
    listed = _entries(tmp_path, archive + _member("last") + bytes(1024))
    assert [(entry.name.rstrip("/"), entry.kind) for entry in listed] == [
        (name, _KINDS[kind]),
        ("last", Kind.FILE),
    ]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("link", ["srv/x", f"{_LONG}"[:100], f"{_LONG}/{_LONG}"])
def test_tells_where_a_link_leads(tmp_path: Path, form: Literal[0, 1, 2], link: str) -> None:
    """Also one that is too long for its header."""
    [entry] = _entries(tmp_path, _header("x", tarfile.LNKTYPE, link, 0, form))
    assert entry == Entry("x", Kind.HARD_LINK, 0o755, link)


def test_a_link_has_no_contents_whatever_its_size_says(tmp_path: Path) -> None:
    """Else the header after it would be skipped, and what it names with it."""
    lying = _header("x", tarfile.LNKTYPE, "y", 5000, tarfile.GNU_FORMAT)
    assert [e.name for e in _entries(tmp_path, lying + _member("hidden"))] == ["x", "hidden"]


def test_sizes_too_long_for_octal_digits_are_read(tmp_path: Path) -> None:
    """GNU's binary numbers and pax's records."""
    binary = bytearray(_member("x", size=512))
    binary[124:136] = b"\x80" + (512).to_bytes(11, "big")
    record = b"12 size=512\n"
    pax = _header("pax", b"x", "", len(record), tarfile.USTAR_FORMAT)
    pax += record + bytes(512 - len(record))
    archive = bytes(binary) + pax + _member("y")[:512] + bytes(512) + _member("last")
    assert [entry.name for entry in _entries(tmp_path, archive)] == ["x", "y", "last"]


def test_global_records_change_no_entry(tmp_path: Path) -> None:
    """As in Go; other readers let them rename everything."""
    record = b"18 path=elsewhere\n"
    told = _header("g", b"g", "", len(record), tarfile.USTAR_FORMAT)
    archive = told + record + bytes(512 - len(record)) + _member("x")
    assert [entry.name for entry in _entries(tmp_path, archive)] == ["x"]


def test_a_sparse_file_of_the_old_kind_is_no_plain_file(tmp_path: Path) -> None:
    """Its description may go on in further blocks."""
    header = bytearray(_header("x", b"S", "", 512, tarfile.GNU_FORMAT))
    header[482] = 1
    further = bytearray(512)
    archive = bytes(header) + bytes(further) + bytes(512) + _member("last")
    assert [(e.name, e.kind) for e in _entries(tmp_path, archive)] == [
        ("x", Kind.OTHER),
        ("last", Kind.FILE),
    ]


def test_nothing_is_listed_behind_the_end(tmp_path: Path) -> None:
    """Nor does Go read on behind a block of zeros."""
    archive = _member("x") + bytes(1024) + _member("y")
    assert [entry.name for entry in _entries(tmp_path, archive)] == ["x"]
    assert _entries(tmp_path, b"") == []


@pytest.mark.parametrize(
    "archive",
    [
        pytest.param(_member("x", size=700)[:900], id="within a file"),
        pytest.param(_member("x") + b"y" * 100, id="within a header"),
        pytest.param(_header("x", b"x", "", 2 << 20, tarfile.GNU_FORMAT) + bytes(3 << 20), id="L"),
        pytest.param(_member("x")[:124] + b"00000000009\0" + bytes(376), id="not octal"),
        pytest.param(_member("x")[:124] + b"\xff" * 12 + bytes(376), id="negative"),
    ],
)
def test_an_archive_that_cannot_be_read_to_its_end_is_refused(
    tmp_path: Path, archive: bytes
) -> None:
    """What cannot be listed must not pass for empty."""
    with pytest.raises(UnreadableArchiveError):
        _entries(tmp_path, archive)


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=600),
            st.builds(
                _header,
                st.text("ab/.", min_size=1, max_size=300),
                st.sampled_from([*_KINDS, b"x", b"g", b"L", b"K", b"S", b"\0"]),
                st.text("ab/.", max_size=300),
                st.integers(0, 1500),
                st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
            ),
        ),
        max_size=6,
    )
)
def test_any_bytes_are_listed_or_refused(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]
) -> None:
    """Nothing else comes of them, and never more entries than blocks."""
    archive = b"".join(pieces)
    try:
        listed = _entries(tmp_path_factory.getbasetemp(), archive)
    except UnreadableArchiveError:
        return
    assert len(listed) <= len(archive) // 512


def test_agrees_with_tarfile_on_a_real_tree(tmp_path: Path) -> None:
    """The repository's own sources, as the tar of a layer."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(Path(__file__).parents[1], arcname="tests", filter=_without_caches)
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as archive:
        expected = [member.name for member in archive]
    assert [entry.name.rstrip("/") for entry in _entries(tmp_path, buffer.getvalue())] == expected


def _without_caches(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in member.name else member
