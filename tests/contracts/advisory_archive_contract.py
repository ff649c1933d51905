"""What every AdvisoryArchive does; run on the fake and on the real one."""

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scanner.advisory_ports import AdvisoryArchive
from scanner.errors import StoreError
from scanner.model import Advisories, Digest

NOW = datetime(2026, 11, 20, 12, 30, 15, 123456, tzinfo=UTC)
_JAVA = b"java" * 1000


def write_databases(folder: Path, name: str, *, updated_at: datetime = NOW) -> Advisories:
    """Write files as an advisory directory has them; all but the Java database are `name`'s own."""
    (folder / "db").mkdir(parents=True)
    (folder / "java-db").mkdir()
    database = name.encode() * 1_000_000
    (folder / "db" / "trivy.db").write_bytes(database)
    (folder / "db" / "metadata.json").write_text(name)
    (folder / "java-db" / "trivy-java.db").write_bytes(_JAVA)
    (folder / "provenance.json").write_text("{}")
    return Advisories(
        source="mirror.example/trivy-db:2",
        digest=Digest.of(database),
        java_digest=Digest.of(_JAVA),
        updated_at=updated_at,
        sources=frozenset({"debian 12"}),
    )


class AdvisoryArchiveContract(ABC):
    """Subclasses say how to get an archive that is empty when a test begins."""

    @abstractmethod
    def archive(self) -> AdvisoryArchive:
        """Return the archive under test; each call within a test returns one on the same data."""

    def _publish(
        self, tmp_path: Path, name: str, *, hours: int = 0, allow_older: bool = False
    ) -> Advisories:
        updated_at = NOW + timedelta(hours=hours)
        advisories = write_databases(tmp_path / name, name, updated_at=updated_at)
        self.archive().publish(advisories, tmp_path / name, allow_older=allow_older)
        return advisories

    def _digest(self) -> Digest | None:
        latest = self.archive().latest()
        return latest.digest if latest else None

    def test_nothing_is_there_before_anything_was_archived(self) -> None:
        """Nor is that an error."""
        assert self.archive().latest() is None
        assert self.archive().last_update() is None

    def test_what_was_archived_comes_back(self, tmp_path: Path) -> None:
        """Byte for byte, and what it is."""
        advisories = self._publish(tmp_path, "one")
        latest = self.archive().latest()
        assert latest is not None
        assert (latest.source, latest.digest, latest.java_digest, latest.updated_at) == (
            advisories.source,
            advisories.digest,
            advisories.java_digest,
            NOW,
        )
        (tmp_path / "new").mkdir()
        self.archive().fetch(latest, into=tmp_path / "new")
        files = {
            path.relative_to(tmp_path / "new").as_posix(): path.read_bytes()
            for path in (tmp_path / "new").glob("*/*")
        }
        assert files == {
            name: (tmp_path / "one" / name).read_bytes()
            for name in ("db/trivy.db", "db/metadata.json", "java-db/trivy-java.db")
        }

    def test_newer_advisories_become_current(self, tmp_path: Path) -> None:
        """Also when they are published again."""
        self._publish(tmp_path, "one")
        newer = self._publish(tmp_path, "two", hours=1)
        assert self.archive().publish(newer, tmp_path / "two").digest == newer.digest
        latest = self.archive().latest()
        assert latest is not None
        assert (latest.digest, latest.is_step_back) == (newer.digest, False)

    def test_the_same_advisories_built_anew_are_younger(self, tmp_path: Path) -> None:
        """Nothing has changed since, and that is known now."""
        first = self._publish(tmp_path, "one")
        later = replace(first, updated_at=NOW + timedelta(hours=6))
        assert self.archive().publish(later, tmp_path / "one").updated_at == later.updated_at
        latest = self.archive().latest()
        assert latest is not None
        assert (latest.digest, latest.updated_at) == (first.digest, later.updated_at)

    def test_older_advisories_are_refused(self, tmp_path: Path) -> None:
        """Whoever publishes them is told what stays."""
        current = self._publish(tmp_path, "one")
        older = write_databases(tmp_path / "old", "old", updated_at=NOW - timedelta(seconds=1))
        assert self.archive().publish(older, tmp_path / "old").digest == current.digest
        assert self._digest() == current.digest

    def test_older_advisories_can_be_chosen(self, tmp_path: Path) -> None:
        """They are marked, so that workers drop their newer ones; until others are published."""
        self._publish(tmp_path, "one")
        chosen = self._publish(tmp_path, "old", hours=-1, allow_older=True)
        latest = self.archive().latest()
        assert latest is not None
        assert (latest.digest, latest.is_step_back) == (chosen.digest, True)
        self._publish(tmp_path, "two", hours=1)
        latest = self.archive().latest()
        assert latest is not None
        assert not latest.is_step_back

    def test_what_is_superseded_twice_is_removed(self, tmp_path: Path) -> None:
        """A worker may be fetching what was superseded once; what is shared stays for all."""
        found = []
        for hours, name in enumerate(("one", "two", "three")):
            self._publish(tmp_path, name, hours=hours)
            found.append(self.archive().latest())
        one, two, three = found
        assert one
        assert two
        assert three
        for archived, folder in ((two, "a"), (three, "b")):
            (tmp_path / folder).mkdir()
            self.archive().fetch(archived, into=tmp_path / folder)
        (tmp_path / "c").mkdir()
        with pytest.raises(StoreError):
            self.archive().fetch(one, into=tmp_path / "c")

    def test_one_has_the_turn(self) -> None:
        """Until it gives it back."""
        assert self.archive().begin_update("a", now=NOW)
        assert not self.archive().begin_update("b", now=NOW + timedelta(minutes=29))
        self.archive().end_update("b", now=NOW)
        assert not self.archive().begin_update("b", now=NOW + timedelta(minutes=29))
        self.archive().end_update("a", now=NOW)
        assert self.archive().begin_update("b", now=NOW)

    def test_the_turn_of_a_killed_worker_ends(self) -> None:
        """What it says when it wakes up again changes nothing."""
        assert self.archive().begin_update("a", now=NOW)
        later = NOW + timedelta(minutes=31)
        assert self.archive().begin_update("b", now=later)
        self.archive().end_update("a", now=later, failure="late")
        assert self.archive().last_update() is None
        assert not self.archive().begin_update("c", now=later)

    def test_how_the_last_update_went_is_known(self) -> None:
        """Also while the next one is under way."""
        self.archive().begin_update("a", now=NOW)
        self.archive().end_update("a", now=NOW, failure="no source answered")
        self.archive().begin_update("b", now=NOW + timedelta(hours=1))
        last = self.archive().last_update()
        assert last is not None
        assert (last.ended_at, last.failure) == (NOW, "no source answered")
        self.archive().end_update("b", now=NOW + timedelta(hours=1))
        last = self.archive().last_update()
        assert last is not None
        assert (last.ended_at, last.failure) == (NOW + timedelta(hours=1), "")
