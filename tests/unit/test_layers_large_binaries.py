"""Large binary files are hidden in a layer's archive, and nothing else of it changes."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.layers import Kind, UnreadableArchiveError, entries, hide_large_binaries
from scanner.layers import large_binaries as module

_BINARY = b"\x7fELF\x02\x01\x01" + bytes(5000)
_TEXT = b"password\n" * 600


@pytest.fixture(autouse=True)
def _few_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call large what a test can hold."""
    monkeypatch.setattr(module, "MIN_BYTES", 5000)


def _archive(files: Mapping[str, bytes], form: Literal[0, 1, 2] = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _hidden(path: Path) -> list[str]:
    return [entry.name for entry in entries(path) if entry.kind is Kind.OTHER]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("name", ["libtorch.so", "n/" * 120 + "model"])
def test_a_large_binary_file_is_hidden(tmp_path: Path, form: Literal[0, 1, 2], name: str) -> None:
    """In each of the formats, also behind headers for a long name; whoever checks sums agrees."""
    if form == tarfile.USTAR_FORMAT:
        name = name[-90:]
    path = tmp_path / "layer"
    files = {"a.txt": _TEXT, name: _BINARY, "b.txt": b"b"}
    path.write_bytes(_archive(files, form))
    assert hide_large_binaries(path) == 1
    assert _hidden(path) == [name]
    with tarfile.open(path) as archive:
        assert {member.name: member.type for member in archive} == {
            "a.txt": tarfile.REGTYPE,
            name: tarfile.CONTTYPE,
            "b.txt": tarfile.REGTYPE,
        }
        for member in archive:
            contents = archive.extractfile(member)
            assert contents is None or contents.read() == files[member.name]


def test_all_others_stay(tmp_path: Path) -> None:
    """Text of any size, small binaries, what is binary behind its head, and compiled Python."""
    path = tmp_path / "layer"
    files = {
        "text.sql": _TEXT,
        "small.so": _BINARY[:4999],
        "late": _TEXT[:300] + bytes(5000),
        "a.pyc": _BINARY,
        "escape": b"\x1b[0m\t\r\n\x08" + b"x" * 5000,
    }
    layer = _archive(files)
    path.write_bytes(layer)
    assert hide_large_binaries(path) == 0
    assert path.read_bytes() == layer


def test_an_empty_layer_has_nothing_to_hide(tmp_path: Path) -> None:
    """It cannot even be mapped."""
    (tmp_path / "layer").touch()
    assert hide_large_binaries(tmp_path / "layer") == 0


@pytest.mark.parametrize("checksum", [b"no sum\0 ", b"77777777", bytes(8)])
def test_a_header_without_a_checksum_is_an_error(tmp_path: Path, checksum: bytes) -> None:
    """Go reads none either."""
    path = tmp_path / "layer"
    layer = bytearray(_archive({"a": _BINARY}, tarfile.USTAR_FORMAT))
    layer[148:156] = checksum
    path.write_bytes(layer)
    with pytest.raises(UnreadableArchiveError):
        hide_large_binaries(path)


@given(st.data())
def test_any_bytes_are_left_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever is damaged, only headers of large files are written to."""
    layer = bytearray(_archive({"a": _TEXT, "b": _BINARY, "c": b"c"}))
    for _ in range(data.draw(st.integers(0, 4))):
        layer[data.draw(st.integers(0, len(layer) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("any") / "layer"
    path.write_bytes(layer)
    try:
        count = hide_large_binaries(path)
    except UnreadableArchiveError:
        return
    changed = [n for n, (x, y) in enumerate(zip(layer, path.read_bytes(), strict=True)) if x != y]
    assert len({place // 512 for place in changed}) == count
    assert all(148 <= place % 512 <= 156 for place in changed)
