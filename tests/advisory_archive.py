"""An AdvisoryArchive in memory."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from scanner.advisory_ports import AdvisoryUpdate, ArchivedAdvisories, ArchivedFile
from scanner.errors import StoreError
from scanner.model import Advisories, Digest


@dataclass
class InMemoryAdvisoryArchive:
    """Keeps what the real one keeps; can be out of reach, and counts what it was asked."""

    is_out_of_reach: bool = False
    looks: int = 0
    fetches: int = 0
    blobs: dict[Digest, bytes] = field(default_factory=dict)
    current: ArchivedAdvisories | None = None
    previous: ArchivedAdvisories | None = None
    turn: tuple[str, datetime] | None = None
    last: AdvisoryUpdate | None = None

    def latest(self) -> ArchivedAdvisories | None:
        """Return what is current."""
        self.looks += 1
        self._reach()
        return self.current

    def fetch(self, archived: ArchivedAdvisories, *, into: Path) -> None:
        """Write the files."""
        self.fetches += 1
        self._reach()
        for file in archived.files:
            content = self.blobs.get(file.digest)
            if content is None or Digest.of(content) != file.digest:
                raise StoreError(f"{file.name} is not what was archived")
            (into / file.name).parent.mkdir(exist_ok=True)
            (into / file.name).write_bytes(content)

    def publish(
        self, advisories: Advisories, directory: Path, *, allow_older: bool = False
    ) -> ArchivedAdvisories:
        """Keep the files and make them current."""
        self._reach()
        current = self.current
        is_older = current is not None and advisories.updated_at < current.updated_at
        if current is not None and (
            (current.digest, current.java_digest, current.updated_at)
            == (advisories.digest, advisories.java_digest, advisories.updated_at)
            or (is_older and not allow_older)
        ):
            return current
        self.previous, self.current = (
            current,
            ArchivedAdvisories(
                source=advisories.source,
                digest=advisories.digest,
                java_digest=advisories.java_digest,
                updated_at=advisories.updated_at,
                is_step_back=is_older,
                files=tuple(self._keep(path, directory) for path in directory.glob("*/*")),
            ),
        )
        used = {
            file.digest
            for archived in (self.previous, self.current)
            for file in (archived.files if archived else ())
        }
        self.blobs = {digest: blob for digest, blob in self.blobs.items() if digest in used}
        return self.current

    def begin_update(self, holder: str, *, now: datetime) -> bool:
        """Take the turn."""
        self._reach()
        if self.turn is None or self.turn[1] <= now:
            self.turn = holder, now + timedelta(minutes=30)
        return self.turn[0] == holder

    def end_update(self, holder: str, *, now: datetime, failure: str = "") -> None:
        """Give it back."""
        self._reach()
        if self.turn is not None and self.turn[0] == holder:
            self.turn = None
            self.last = AdvisoryUpdate(ended_at=now, failure=failure)

    def last_update(self) -> AdvisoryUpdate | None:
        """Say how the last one went."""
        self._reach()
        return self.last

    def _keep(self, path: Path, directory: Path) -> ArchivedFile:
        content = path.read_bytes()
        digest = Digest.of(content)
        self.blobs[digest] = content
        return ArchivedFile(
            name=path.relative_to(directory).as_posix(),
            digest=digest,
            size=len(content),
            packed_digest=digest,
            packed_size=len(content),
        )

    def _reach(self) -> None:
        if self.is_out_of_reach:
            raise StoreError("storage is out of reach")
