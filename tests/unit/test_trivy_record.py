"""What a sandbox leaves in Trivy's cache is one record of the layer that was asked for, or none."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner import bolt
from scanner.model import UnknownReason
from scanner.trivy import record
from scanner.trivy.record import UnfitRecordError, read_record, write_records
from tests.contracts.inventory_store_contract import digest_of

_LAYER = digest_of("layer")
_KEY = b"sha256:" + b"5e" * 32
_RECORD: dict[str, Any] = {
    "SchemaVersion": 2,
    "DiffID": str(_LAYER),
    "OS": {"Family": "debian", "Name": "12"},
    "PackageInfos": [{"FilePath": "var/lib/dpkg/status", "Packages": [{"Name": "bash"}]}],
    "Applications": None,
}


def _record(**changes: object) -> bytes:
    return json.dumps(_RECORD | changes).encode()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Name a file for the cache."""
    return tmp_path / "cache.db"


def _read(cache: Path, blobs: bolt.Node) -> tuple[str, bytes]:
    bolt.write(cache, {b"artifact": {b"image": b"{}"}, b"blob": blobs})
    return read_record(cache, _LAYER)


def test_the_record_comes_out_in_one_form(cache: Path) -> None:
    """Whatever order its members had."""
    backwards = json.dumps(dict(reversed(_RECORD.items())), indent=2).encode()
    key, kept = _read(cache, {_KEY: backwards})
    assert key == _KEY.decode()
    assert (key, kept) == _read(cache, {_KEY: _record()})
    assert json.loads(kept) == _RECORD


def test_what_depends_on_the_image_is_dropped(cache: Path) -> None:
    """How the layer was packed, and what made it, is another thing in another image."""
    _, kept = _read(
        cache, {_KEY: _record(Digest="sha256:1", CreatedBy="COPY", Size=7, Repository="x")}
    )
    assert json.loads(kept) == _RECORD | {"Repository": "x"}


@given(text=st.text(min_size=1), member=st.sampled_from(["Secrets", "Misconfigurations"]))
def test_what_quotes_files_is_dropped(text: str, member: str) -> None:
    """An honest Trivy leaves none, and lines around a secret must not be kept."""
    quoted = [{"FilePath": "a", "Findings": [{"Match": text, "Code": {"Lines": [text]}}]}]
    with tempfile.TemporaryDirectory() as folder:
        _, kept = _read(Path(folder, "cache.db"), {_KEY: _record(**{member: quoted})})
    assert json.loads(kept) == _RECORD


def test_what_is_written_is_read(cache: Path) -> None:
    """By us as by Trivy."""
    _, kept = _read(cache, {_KEY: _record()})
    write_records(cache, {_KEY.decode(): kept})
    assert read_record(cache, _LAYER) == (_KEY.decode(), kept)


def test_no_file_is_no_record(cache: Path) -> None:
    """Nor is an empty one, which is what a scanner that was killed leaves."""
    for _ in range(2):
        with pytest.raises(UnfitRecordError, match="no readable record"):
            read_record(cache, _LAYER)
        cache.touch()


def test_a_huge_file_is_not_read(cache: Path) -> None:
    """It may be as long as the limit of a file lets it."""
    with cache.open("wb") as file:
        file.truncate(record.MAX_CACHE_BYTES + 1)
    with pytest.raises(UnfitRecordError, match="no readable record"):
        read_record(cache, _LAYER)


@pytest.mark.parametrize(
    "blobs",
    [
        {},
        {_KEY: _record(), b"sha256:" + b"5f" * 32: _record()},
        {_KEY: {b"a": b"bucket"}},
        {b"sha256:short": _record()},
        {b"SHA256:" + b"5e" * 32: _record()},
        {_KEY + b"\n": _record()},
        {_KEY: b""},
        {_KEY: b"[]"},
        {_KEY: b"\xff\xfe"},
        {_KEY: b"[" * 200_000},
        {_KEY: _record(SchemaVersion=1)},
        {_KEY: _record(SchemaVersion="2")},
        {_KEY: _record(DiffID=str(digest_of("other")))},
        {_KEY: _record(DiffID=None)},
        {_KEY: _record(PackageInfos={"Packages": []})},
        {_KEY: _record(PackageInfos=["bash"])},
        {_KEY: _record(Applications=[{"Packages": {"Name": "bash"}}])},
        {_KEY: _record(BuildInfo=float("nan"))},
    ],
    ids=lambda blobs: str(blobs)[:90],
)
def test_what_no_honest_trivy_leaves_is_refused(cache: Path, blobs: bolt.Node) -> None:
    """As a crash of the scanner: nothing is known of the layer."""
    with pytest.raises(UnfitRecordError) as refused:
        _read(cache, blobs)
    assert refused.value.reason is UnknownReason.SCANNER_CRASH


def test_a_cache_without_records_is_refused(cache: Path) -> None:
    """Though it is a cache."""
    trees: tuple[dict[bytes, bolt.Node], ...] = ({b"artifact": {}}, {b"blob": b"value"}, {})
    for tree in trees:
        bolt.write(cache, tree)
        with pytest.raises(UnfitRecordError):
            read_record(cache, _LAYER)


@pytest.mark.parametrize("depth", range(100, 1000, 50))
def test_depth_is_refused_or_kept(cache: Path, depth: int) -> None:
    """Reading and writing have limits of their own."""
    nested = b'{"SchemaVersion":2,"DiffID":"%s","OS":%s%s}'
    value = nested % (str(_LAYER).encode(), b"[" * depth, b"]" * depth)
    try:
        _, kept = _read(cache, {_KEY: value})
    except UnfitRecordError:
        return
    assert kept.count(b"[") == depth


@pytest.mark.parametrize("group", ["PackageInfos", "Applications"])
def test_too_many_packages_are_too_large(
    cache: Path, monkeypatch: pytest.MonkeyPatch, group: str
) -> None:
    """They are counted over all groups; putting them together would take too long."""
    monkeypatch.setattr(record, "MAX_PACKAGES", 5)
    packages = [{"Packages": [{}, {}]}, {"Packages": None}, {}]
    _read(cache, {_KEY: _record(**{group: [*packages, {"Packages": [{}, {}]}]})})
    with pytest.raises(UnfitRecordError, match="more than 5 packages") as refused:
        _read(cache, {_KEY: _record(**{group: packages * 3})})
    assert refused.value.reason is UnknownReason.TOO_LARGE


def test_a_record_over_its_limit_is_too_large(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it will be stored: text that is not ASCII grows."""
    value = _record(OS="\u20ac" * 100)
    monkeypatch.setattr(record, "MAX_RECORD_BYTES", len(value) - 50)
    with pytest.raises(UnfitRecordError, match="larger than") as refused:
        _read(cache, {_KEY: value})
    assert refused.value.reason is UnknownReason.TOO_LARGE


def _judged(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder, "cache.db")
        cache.write_bytes(content)
        try:
            key, kept = read_record(cache, _LAYER)
        except UnfitRecordError:
            return
    assert key.startswith("sha256:")
    assert json.loads(kept)["DiffID"] == str(_LAYER)


@given(content=st.binary())
def test_any_bytes_are_a_record_or_refused(content: bytes) -> None:
    """No other error, whatever a scanner that was taken over has written."""
    _judged(content)


@given(data=st.data())
def test_any_damage_gives_a_record_or_is_refused(data: st.DataObject) -> None:
    """In a file that was a cache."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder, "cache.db")
        bolt.write(whole, {b"artifact": {}, b"blob": {_KEY: _record()}})
        content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    _judged(bytes(content[: data.draw(st.integers(0, len(content)))]))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(changes=st.dictionaries(st.sampled_from([*_RECORD, "Digest", "x"]), _JSON))
def test_any_members_give_a_record_or_are_refused(changes: dict[str, object]) -> None:
    """Of whatever types."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder, "cache.db")
        bolt.write(cache, {b"artifact": {}, b"blob": {_KEY: _record(**changes)}})
        _judged(cache.read_bytes())
