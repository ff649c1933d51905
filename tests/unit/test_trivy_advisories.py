"""The directory of advisory databases: what is current is whole, and known by its digest."""

import hashlib
import json
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scanner.errors import AdvisoriesError
from scanner.trivy.advisories import AdvisoryDirectory

_BUILT = "2026-11-20T06:00:00.123456789Z"


@pytest.fixture
def directory(tmp_path: Path) -> AdvisoryDirectory:
    """Return an advisory directory that does not exist yet."""
    return AdvisoryDirectory(tmp_path / "advisories")


def _database(folder: Path, content: bytes = b"one", built: str = _BUILT, version: int = 2) -> Path:
    (folder / "db").mkdir(parents=True)
    (folder / "db" / "trivy.db").write_bytes(content)
    metadata = {"Version": version, "UpdatedAt": built, "NextUpdate": built}
    (folder / "db" / "metadata.json").write_text(json.dumps(metadata))
    return folder


def _digests(directory: AdvisoryDirectory) -> set[str]:
    """Return the digests of the databases that are there; nothing else may be."""
    return {entry.name for entry in directory.root.iterdir()} - {"current"}


def test_what_is_installed_is_current(directory: AdvisoryDirectory, tmp_path: Path) -> None:
    """Its name is the database's own digest."""
    installed = directory.install(_database(tmp_path / "new"), source="bundled-sample")
    advisories, path = directory.current()
    assert advisories == installed
    assert installed.digest.hex == hashlib.sha256(b"one").hexdigest()
    assert path.name == installed.digest.hex
    assert installed.source == "bundled-sample"
    assert installed.updated_at == datetime(2026, 11, 20, 6, 0, 0, 123457, tzinfo=UTC)
    assert (path / "db" / "trivy.db").read_bytes() == b"one"


def test_every_user_may_read_what_is_installed(
    directory: AdvisoryDirectory, tmp_path: Path
) -> None:
    """Scans may have a user of their own."""
    new = _database(tmp_path / "new")
    (new / "db" / "trivy.db").chmod(0o600)
    directory.install(new, source="x")
    _, path = directory.current()
    assert all(entry.stat().st_mode & 0o444 == 0o444 for entry in (path, *path.rglob("*")))


def test_an_empty_java_database_is_written_where_there_is_none(
    directory: AdvisoryDirectory, tmp_path: Path
) -> None:
    """Without one Trivy fails on each image with a jar in it."""
    directory.install(_database(tmp_path / "new"), source="x")
    _, path = directory.current()
    with closing(sqlite3.connect(path / "java-db" / "trivy-java.db")) as database:
        assert database.execute("SELECT count(*) FROM indices").fetchone() == (0,)
    assert json.loads((path / "java-db" / "metadata.json").read_bytes())["Version"] == 1


def test_a_java_database_is_kept(directory: AdvisoryDirectory, tmp_path: Path) -> None:
    """The one that comes with the advisories."""
    new = _database(tmp_path / "new")
    (new / "java-db").mkdir()
    (new / "java-db" / "trivy-java.db").write_bytes(b"java")
    (new / "java-db" / "metadata.json").write_text("{}")
    directory.install(new, source="x")
    _, path = directory.current()
    assert (path / "java-db" / "trivy-java.db").read_bytes() == b"java"


def test_the_same_database_can_be_installed_again(
    directory: AdvisoryDirectory, tmp_path: Path
) -> None:
    """Its source may have become another."""
    directory.install(_database(tmp_path / "new"), source="bundled-sample")
    again = directory.install(tmp_path / "new", source="registry/db:2")
    assert directory.current()[0] == again
    assert again.source == "registry/db:2"


def test_the_same_database_can_come_with_another_java_database(
    directory: AdvisoryDirectory, tmp_path: Path
) -> None:
    """Whoever has the old one open keeps it: no file is changed in place."""
    new = _database(tmp_path / "new")
    directory.install(new, source="x")
    _, path = directory.current()
    (new / "java-db").mkdir()
    (new / "java-db" / "trivy-java.db").write_bytes(b"java")
    (new / "java-db" / "metadata.json").write_text("{}")
    with (path / "java-db" / "trivy-java.db").open("rb") as opened_before:
        directory.install(new, source="x")
        assert opened_before.read().startswith(b"SQLite format 3")
    assert directory.current()[1] == path
    assert (path / "java-db" / "trivy-java.db").read_bytes() == b"java"
    assert _digests(directory) == {path.name}


def test_only_the_current_and_the_previous_are_kept(
    directory: AdvisoryDirectory, tmp_path: Path
) -> None:
    """A scan under way still reads the previous one."""
    for content in (b"one", b"two", b"three"):
        directory.install(_database(tmp_path / content.decode(), content), source="x")
    kept = {hashlib.sha256(content).hexdigest() for content in (b"two", b"three")}
    assert _digests(directory) == kept


def test_what_a_killed_update_left_is_removed_after_a_day(
    directory: AdvisoryDirectory, tmp_path: Path
) -> None:
    """A younger one may still be at work."""
    for name, age in ((".new-old", 90_000), (".new-young", 60)):
        (directory.root / name).mkdir(parents=True)
        then = datetime.now(UTC).timestamp() - age
        os.utime(directory.root / name, (then, then))
    directory.install(_database(tmp_path / "new"), source="x")
    left = {entry.name for entry in directory.root.iterdir() if entry.name.startswith(".new-")}
    assert left == {".new-young"}


def test_no_advisories_say_how_to_get_some(directory: AdvisoryDirectory) -> None:
    """The remedy is in the message."""
    with pytest.raises(AdvisoriesError, match="pushscan advisories update"):
        directory.current()


@pytest.mark.parametrize(
    "file", ["db/trivy.db", "java-db/trivy-java.db", "provenance.json", "db/metadata.json"]
)
@pytest.mark.parametrize("damage", [b"", b"\x00garbage", None])
def test_a_damaged_database_is_not_used(
    directory: AdvisoryDirectory, tmp_path: Path, file: str, damage: bytes | None
) -> None:
    """A flipped byte can turn findings into none, and Trivy exits with 0."""
    directory.install(_database(tmp_path / "new"), source="x")
    _, path = directory.current()
    if damage is None:
        (path / file).unlink()
    else:
        (path / file).write_bytes(damage)
    with pytest.raises(AdvisoriesError):
        AdvisoryDirectory(directory.root).current()


def test_another_database_under_the_name_is_not_used(
    directory: AdvisoryDirectory, tmp_path: Path
) -> None:
    """Also one that is whole, with its own provenance: reports go by the name."""
    directory.install(_database(tmp_path / "one"), source="x")
    other = AdvisoryDirectory(tmp_path / "other")
    other.install(_database(tmp_path / "two", b"two"), source="x")
    path = directory.current()[1]
    shutil.rmtree(path)
    shutil.copytree(other.current()[1], path)
    with pytest.raises(AdvisoriesError, match="not what was installed"):
        directory.current()


@pytest.mark.parametrize("target", ["..", "nothing-here", "../../etc", 64 * "0"])
def test_a_link_to_elsewhere_is_not_followed(directory: AdvisoryDirectory, target: str) -> None:
    """Only a digest is a name."""
    directory.root.mkdir()
    (directory.root / "current").symlink_to(target)
    with pytest.raises(AdvisoriesError):
        directory.current()


@pytest.mark.parametrize(
    ("built", "version"), [(_BUILT, 1), (_BUILT, 3), ("yesterday", 2), ("2026-11-20T06:00:00", 2)]
)
def test_what_is_no_database_of_schema_2_changes_nothing(
    directory: AdvisoryDirectory, tmp_path: Path, built: str, version: int
) -> None:
    """The current one stays, and nothing is left lying about."""
    first = directory.install(_database(tmp_path / "first"), source="x")
    with pytest.raises(AdvisoriesError):
        directory.install(_database(tmp_path / "bad", b"two", built, version), source="x")
    assert directory.current()[0] == first
    assert _digests(directory) == {first.digest.hex}


def test_a_directory_without_a_database_is_refused(
    directory: AdvisoryDirectory, tmp_path: Path
) -> None:
    """Nothing is installed."""
    with pytest.raises(AdvisoriesError):
        directory.install(tmp_path, source="x")
