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

from scanner import bolt
from scanner.errors import AdvisoriesError
from scanner.trivy.advisories import AdvisoryDirectory

_BUILT = "2026-11-20T06:00:00.123456789Z"


@pytest.fixture
def directory(tmp_path: Path) -> AdvisoryDirectory:
    """Return an advisory directory that does not exist yet."""
    return AdvisoryDirectory(tmp_path / "advisories")


def _database(folder: Path, name: str = "one", built: str = _BUILT, version: int = 2) -> Path:
    return _from_tree(
        folder,
        {"vulnerability": {"CVE-1": name.encode()}, "debian 12": {"bash": {"CVE-1": b"{}"}}},
        built,
        version,
    )


def _from_tree(folder: Path, tree: bolt.Tree, built: str = _BUILT, version: int = 2) -> Path:
    (folder / "db").mkdir(parents=True)
    bolt.write(folder / "db" / "trivy.db", tree)
    metadata = {"Version": version, "UpdatedAt": built, "NextUpdate": built}
    (folder / "db" / "metadata.json").write_text(json.dumps(metadata))
    return folder


def _sha256(folder: Path) -> str:
    return hashlib.sha256((folder / "db" / "trivy.db").read_bytes()).hexdigest()


def _digests(directory: AdvisoryDirectory) -> set[str]:
    """Return the digests of the databases that are there; nothing else may be."""
    return {entry.name for entry in directory.root.iterdir()} - {"current"}


def test_what_is_installed_is_current(directory: AdvisoryDirectory, tmp_path: Path) -> None:
    """Its name is the database's own digest."""
    installed = directory.install(_database(tmp_path / "new"), source="bundled-sample")
    advisories, path = directory.current()
    assert advisories == installed
    assert installed.digest.hex == _sha256(tmp_path / "new")
    assert path.name == installed.digest.hex
    assert installed.source == "bundled-sample"
    assert installed.updated_at == datetime(2026, 11, 20, 6, 0, 0, 123457, tzinfo=UTC)
    new = (tmp_path / "new" / "db" / "trivy.db").read_bytes()
    assert (path / "db" / "trivy.db").read_bytes() == new


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


def test_a_replaced_database_is_kept_while_a_job_may_use_it(
    directory: AdvisoryDirectory, tmp_path: Path
) -> None:
    """However many updates there are in that time."""
    begun_with = directory.install(_database(tmp_path / "one", "one"), source="x")
    for name in ("two", "three", "four"):
        directory.install(_database(tmp_path / name, name), source="x")
    assert directory.find(begun_with).name == begun_with.digest.hex


def test_a_database_replaced_over_an_hour_ago_is_removed(
    directory: AdvisoryDirectory, tmp_path: Path
) -> None:
    """What counts is when it was replaced, not how long it was current before."""
    for name in ("one", "two"):
        directory.install(_database(tmp_path / name, name), source="x")
        for there in _digests(directory):
            _make_old(directory.root / there)
    directory.install(_database(tmp_path / "three", "three"), source="x")
    assert _digests(directory) == {_sha256(tmp_path / name) for name in ("two", "three")}


def _make_old(path: Path) -> None:
    then = datetime.now(UTC).timestamp() - 3700
    os.utime(path, (then, then))


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
    other.install(_database(tmp_path / "two", "two"), source="x")
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
        directory.install(_database(tmp_path / "bad", "two", built, version), source="x")
    assert directory.current()[0] == first
    assert _digests(directory) == {first.digest.hex}


def test_a_directory_without_a_database_is_refused(
    directory: AdvisoryDirectory, tmp_path: Path
) -> None:
    """Nothing is installed."""
    with pytest.raises(AdvisoriesError):
        directory.install(tmp_path, source="x")


def test_the_sources_of_the_current_database_are_known(
    directory: AdvisoryDirectory, tmp_path: Path
) -> None:
    """The root buckets that packages are looked up in; an empty one knows nothing."""
    tree: dict[str, bolt.Node] = {
        "vulnerability": {},
        "data-source": {"debian 12": b"{}"},
        "pushscan-sample": {"notice": b"x"},
        "debian": {"bash": {}},
        "debian 12": {"bash": {"CVE-1": b"{}"}},
        "debian 13": {},
        "npm::GitHub Security Advisory npm": {"lodash": {"CVE-2": b"{}"}},
        "wolfi": {"bash": {}},
        "Red Hat": {"bash": {}},
        "Red Hat CPE": {"repository": {}},
    }
    installed = directory.install(_from_tree(tmp_path / "new", tree), source="x")
    known = {"debian 12", "npm::GitHub Security Advisory npm", "wolfi", "Red Hat"}
    assert installed.sources == known
    assert AdvisoryDirectory(directory.root).current()[0].sources == known


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        ({"vulnerability": {}}, "has no advisories for anything that is known here"),
        ({"vulnerability": {}, "debian 12": {}}, "has no advisories for anything"),
        ({"debian 12": {"bash": {}}}, "does not describe any vulnerability"),
        ({"vulnerability": b"x", "debian 12": {"bash": {}}}, "does not describe any"),
    ],
    ids=["no-source", "empty-source", "no-vulnerabilities", "value"],
)
def test_a_database_that_knows_nothing_is_refused(
    directory: AdvisoryDirectory, tmp_path: Path, tree: bolt.Tree, reason: str
) -> None:
    """With it no image would have a finding; the current one stays."""
    first = directory.install(_database(tmp_path / "first"), source="x")
    with pytest.raises(AdvisoriesError, match=reason):
        directory.install(_from_tree(tmp_path / "bad", tree), source="x")
    assert directory.current()[0] == first
    assert _digests(directory) == {first.digest.hex}


@pytest.mark.parametrize("untrusted", [b"", b"no bbolt file", bytes(20_000)])
def test_what_is_no_bbolt_file_is_refused(
    directory: AdvisoryDirectory, tmp_path: Path, untrusted: bytes
) -> None:
    """Before it is in place."""
    new = _database(tmp_path / "new")
    (new / "db" / "trivy.db").write_bytes(untrusted)
    with pytest.raises(AdvisoriesError, match="no database that Trivy can read: not a bbolt file"):
        directory.install(new, source="x")


def test_a_database_of_countless_sources_is_refused(
    directory: AdvisoryDirectory, tmp_path: Path
) -> None:
    """They are held in memory."""
    tree: dict[str, bolt.Node] = {
        f"debian {number}": {"bash": {"CVE-1": b"{}"}} for number in range(10_001)
    }
    new = _from_tree(tmp_path / "new", {"vulnerability": {}, **tree})
    with pytest.raises(AdvisoriesError, match="more than 10000 sources"):
        directory.install(new, source="x")
