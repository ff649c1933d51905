"""The archive of advisories: the fake keeps the contract; what is stored is read with care."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scanner.advisory_ports import AdvisoryArchive, ArchivedAdvisories, ArchivedFile
from scanner.errors import StoreError
from scanner.model import Digest
from scanner.store import advisory_json
from scanner.store.packing import pack, unpack
from tests.advisory_archive import InMemoryAdvisoryArchive
from tests.contracts.advisory_archive_contract import AdvisoryArchiveContract

_DIGEST = Digest.of(b"x")


class TestInMemoryAdvisoryArchive(AdvisoryArchiveContract):
    """The fake keeps the contract, so tests that use it mean something."""

    @pytest.fixture(autouse=True)
    def _fresh(self) -> None:
        self._archive = InMemoryAdvisoryArchive()

    def archive(self) -> AdvisoryArchive:
        """Return the one archive of this test."""
        return self._archive


def _archived() -> ArchivedAdvisories:
    return ArchivedAdvisories(
        source="mirror.example/trivy-db:2",
        digest=_DIGEST,
        java_digest=_DIGEST,
        updated_at=datetime(2026, 11, 20, tzinfo=UTC),
        is_step_back=False,
        files=(
            ArchivedFile(
                name="java-db/trivy-java.db",
                digest=_DIGEST,
                size=1,
                packed_digest=_DIGEST,
                packed_size=2,
            ),
        ),
    )


def test_the_row_is_read_as_it_was_written() -> None:
    """Nothing is lost."""
    assert advisory_json.decode(advisory_json.encode(_archived())) == _archived()


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("name", "../trivy.db"),
        ("name", "db/../trivy.db"),
        ("name", "/db/trivy.db"),
        ("name", "db/.."),
        ("name", "db/a/b"),
        ("name", "trivy.db"),
        ("size", -1),
        ("packed_size", 1 << 40),
        ("digest", "md5:0"),
    ],
)
def test_a_file_that_may_not_be_written_is_refused(member: str, value: object) -> None:
    """Whoever can write the row still chooses no path and fills no disk."""
    document: dict[str, Any] = json.loads(advisory_json.encode(_archived()))
    document["files"][0][member] = value
    with pytest.raises(StoreError, match="advisories"):
        advisory_json.decode(json.dumps(document))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"files":[]}'])
def test_what_is_no_row_is_refused(text: str) -> None:
    """By the one error that the store has."""
    with pytest.raises(StoreError):
        advisory_json.decode(text)


def test_packed_files_unpack_to_the_same(tmp_path: Path) -> None:
    """In pieces of whatever size they come."""
    plain = bytes(range(256)) * 20_000
    (tmp_path / "plain").write_bytes(plain)
    file = pack(tmp_path / "plain", "db/trivy.db", into=tmp_path / "packed")
    packed = (tmp_path / "packed").read_bytes()
    assert (file.size, file.packed_size) == (len(plain), len(packed))
    assert (file.digest, file.packed_digest) == (Digest.of(plain), Digest.of(packed))
    unpack(([packed[i : i + 7] for i in range(0, len(packed), 7)]), file, into=tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == plain


def test_damage_of_packed_files_is_noticed(tmp_path: Path) -> None:
    """A bit flipped, bytes lost or added, or another file altogether."""
    (tmp_path / "plain").write_bytes(b"advisories" * 1000)
    (tmp_path / "other").write_bytes(b"advisorieS" * 1000)
    file = pack(tmp_path / "plain", "db/trivy.db", into=tmp_path / "packed")
    pack(tmp_path / "other", "db/trivy.db", into=tmp_path / "packed-other")
    packed = (tmp_path / "packed").read_bytes()
    other = (tmp_path / "packed-other").read_bytes()
    for damaged in (packed[:-1], b"", packed + packed, other, packed[:-9] + b"\0" + packed[-8:]):
        with pytest.raises(StoreError):
            unpack([damaged], file, into=tmp_path / "again")
        (tmp_path / "again").unlink()


def test_a_file_that_grows_is_not_written_to_its_end(tmp_path: Path) -> None:
    """It was declared shorter."""
    (tmp_path / "plain").write_bytes(bytes(50 << 20))
    pack(tmp_path / "plain", "db/trivy.db", into=tmp_path / "packed")
    (tmp_path / "short").write_bytes(b"x")
    file = pack(tmp_path / "short", "db/trivy.db", into=tmp_path / "packed-short")
    with pytest.raises(StoreError, match="is over 1 bytes"):
        unpack([(tmp_path / "packed").read_bytes()], file, into=tmp_path / "again")
    assert (tmp_path / "again").stat().st_size <= 1 << 20
