"""The advisory databases on disk: one directory each, one of them current.

    ROOT/<64 hex digits>/db/trivy.db  db/metadata.json
                         java-db/trivy-java.db  java-db/metadata.json
                         provenance.json
    ROOT/current -> <64 hex digits>

A directory is named by the sha256 of its trivy.db. No file in it is changed once it is in place:
scans map the database into memory. What is current is switched by one rename.
"""

import functools
import hashlib
import logging
import os
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from scanner.errors import AdvisoriesError
from scanner.model import Advisories, Digest
from scanner.trivy.database import read_sources

logger = logging.getLogger(__name__)

DATABASE = Path("db", "trivy.db")
METADATA = Path("db", "metadata.json")
JAVA_DATABASE = Path("java-db", "trivy-java.db")
JAVA_METADATA = Path("java-db", "metadata.json")
_PROVENANCE = "provenance.json"
_FILES = (DATABASE, METADATA, JAVA_DATABASE, JAVA_METADATA, Path(_PROVENANCE))
_CURRENT = "current"
_STAGING = ".new-"
_MAX_JSON_BYTES = 64 * 1024
_SCHEMA_VERSION = 2
_ABANDONED_SECONDS = 24 * 3600.0
_LONGEST_JOB_SECONDS = 3600.0
"""Longer than the host lets a function run: whoever began with a database has ended by then."""
_NAME = re.compile(r"[0-9a-f]{64}")

# trivy-java-db `pkg/db/db.go`, schema 1. With no rows, jars are known by their own pom alone.
_EMPTY_JAVA_DATABASE = """
CREATE TABLE artifacts(id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT);
CREATE TABLE indices(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT,
                     foreign key (artifact_id) references artifacts(id));
CREATE UNIQUE INDEX artifacts_idx ON artifacts(artifact_id, group_id);
CREATE INDEX indices_artifact_idx ON indices(artifact_id);
CREATE UNIQUE INDEX indices_sha1_idx ON indices(sha1);
"""


class _Metadata(msgspec.Struct, frozen=True, rename="pascal"):
    """Trivy's own file beside the database."""

    version: int
    updated_at: datetime


class _Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Ours, written once the files are in place."""

    source: str
    digest: str
    java_digest: str
    updated_at: datetime


_Json = TypeVar("_Json", _Metadata, _Provenance)


@dataclass(frozen=True, slots=True)
class AdvisoryDirectory:
    """The directory that holds all databases of one host."""

    root: Path

    def current(self) -> tuple[Advisories, Path]:
        """Return what is current, and where it lies; its bytes are verified once per process.

        Raises:
            AdvisoriesError: nothing is in place, or not what its provenance says.
        """
        try:
            name = (self.root / _CURRENT).readlink().name
        except OSError as error:
            raise AdvisoriesError(
                f"no advisories in {self.root}: run `pushscan advisories update`"
            ) from error
        if not _NAME.fullmatch(name):
            raise AdvisoriesError(f"{self.root / _CURRENT} does not lead to a database")
        path = self.root / name
        return _verified(path, _identity(path)), path

    def find(self, advisories: Advisories) -> Path:
        """Return where a database lies that was current a moment ago.

        Raises:
            AdvisoriesError: it was replaced over an hour ago, or is damaged.
        """
        path = self.root / advisories.digest.hex
        if _verified(path, _identity(path)) != advisories:
            raise AdvisoriesError(f"the database in {path} is not the one that was current")
        return path

    def install(self, directory: Path, *, source: str) -> Advisories:
        """Copy a database as Trivy lays it out (`db/`, perhaps `java-db/`) and make it current.

        Where there is no Java database an empty one is written, because without any Trivy fails on
        each image with a jar in it.

        Args:
            directory: Holds `db/trivy.db` and `db/metadata.json`; stays as it is.
            source: An OCI reference, or `bundled-sample`.

        Raises:
            AdvisoriesError: this is no database of schema 2, it knows of nothing that can be in an
                image, or it cannot be written.
        """
        with self.staging() as staged:
            try:
                for folder in ("db", "java-db"):
                    if (directory / folder).is_dir():
                        shutil.copytree(directory / folder, staged / folder)
            except OSError as error:
                raise AdvisoriesError(f"cannot copy {directory}: {error}") from error
            make_ready(staged)
            return self.adopt(staged, source=source)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Give an empty directory beside the databases; what is left in it is removed."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            staged = Path(tempfile.mkdtemp(prefix=_STAGING, dir=self.root))
        except OSError as error:
            raise AdvisoriesError(f"cannot write to {self.root}: {error.strerror}") from error
        try:
            yield staged
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def adopt(self, staged: Path, *, source: str) -> Advisories:
        """Give a complete staged directory its name, and make it current.

        Raises:
            AdvisoriesError: this is no database of schema 2, it knows of nothing that can be in an
                image, or it cannot be put in place.
        """
        updated_at = read_updated_at(staged)
        sources = read_sources(staged / DATABASE)
        try:
            digest = sha256_of(staged / DATABASE)
            provenance = _Provenance(
                source=source,
                digest=str(digest),
                java_digest=str(sha256_of(staged / JAVA_DATABASE)),
                updated_at=updated_at,
            )
            (staged / _PROVENANCE).write_bytes(msgspec.json.encode(provenance))
            (staged / _PROVENANCE).chmod(0o644)
            self._place(staged, digest.hex)
        except OSError as error:
            raise AdvisoriesError(f"cannot put the database in place: {error}") from error
        advisories, _ = self.current()
        logger.info(
            "advisories.installed digest=%s updated_at=%s sources=%d",
            digest,
            updated_at.isoformat(),
            len(sources),
        )
        return advisories

    def _place(self, staged: Path, name: str) -> None:
        # From now on nobody begins with it; for how long, its own time tells.
        with suppress(OSError):
            os.utime(self.root / (self.root / _CURRENT).readlink().name)
        with tempfile.TemporaryDirectory(prefix=_STAGING, dir=self.root) as replaced:
            # The same advisories from another source, or with another Java database. Scans that
            # have the old directory open keep it; one that starts between these lines is retried.
            with suppress(FileNotFoundError):
                (self.root / name).rename(Path(replaced) / name)
            staged.rename(self.root / name)
        link = self.root / f"{_STAGING}{os.getpid()}-{time.monotonic_ns()}"
        link.symlink_to(name)
        link.replace(self.root / _CURRENT)
        self._remove_unused(name)

    def _remove_unused(self, current: str) -> None:
        """Remove databases that no job can be using, and what a killed update has left."""
        for entry in self.root.iterdir():
            is_replaced = _NAME.fullmatch(entry.name) and entry.name != current
            if (is_replaced and _is_older(entry, _LONGEST_JOB_SECONDS)) or (
                entry.name.startswith(_STAGING) and _is_older(entry, _ABANDONED_SECONDS)
            ):
                shutil.rmtree(entry, ignore_errors=True)


def make_ready(directory: Path) -> None:
    """Add an empty Java database where there is none, and let every user read all.

    Advisories are public, and a scan may have a user of its own. Raises AdvisoriesError.
    """
    try:
        if not ((directory / JAVA_METADATA).is_file() and (directory / JAVA_DATABASE).is_file()):
            _write_empty_java_database(directory)
        directory.chmod(0o755)
        for entry in directory.rglob("*"):
            entry.chmod(0o755 if entry.is_dir() else 0o644)
    except (OSError, sqlite3.Error) as error:
        raise AdvisoriesError(f"cannot prepare the database in {directory}: {error}") from error


def read_updated_at(directory: Path) -> datetime:
    """Return when a database was built. Raises AdvisoriesError when it is not one of schema 2."""
    metadata = _read_json(directory / METADATA, _Metadata)
    if metadata.version != _SCHEMA_VERSION:
        raise AdvisoriesError(f"the database has schema {metadata.version}, not {_SCHEMA_VERSION}")
    if metadata.updated_at.tzinfo is None:
        raise AdvisoriesError("the database's UpdatedAt names no time zone")
    return metadata.updated_at


def _read_json(path: Path, kind: type[_Json]) -> _Json:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_JSON_BYTES), type=kind)
    except (OSError, RecursionError, msgspec.MsgspecError) as error:
        raise AdvisoriesError(f"cannot read {path}: {error}") from error


def _identity(path: Path) -> tuple[int, ...]:
    try:
        files = [(path / file).stat() for file in _FILES]
    except OSError as error:
        raise AdvisoriesError(f"the database in {path} is incomplete: {error}") from error
    return tuple(n for file in files for n in (file.st_ino, file.st_size, file.st_mtime_ns))


@functools.lru_cache(maxsize=8)
def _verified(path: Path, identity: tuple[int, ...]) -> Advisories:
    del identity  # part of the cache's key: files that changed are verified anew
    provenance = _read_json(path / _PROVENANCE, _Provenance)
    try:
        digest, java_digest = sha256_of(path / DATABASE), sha256_of(path / JAVA_DATABASE)
    except OSError as error:
        raise AdvisoriesError(f"cannot read the database in {path}: {error}") from error
    if (
        [str(digest), str(java_digest)] != [provenance.digest, provenance.java_digest]
        or digest.hex != path.name
        or provenance.updated_at != read_updated_at(path)
    ):
        raise AdvisoriesError(f"the database in {path} is not what was installed: update it")
    return Advisories(
        source=provenance.source,
        digest=digest,
        java_digest=java_digest,
        updated_at=provenance.updated_at,
        sources=read_sources(path / DATABASE),
    )


def sha256_of(path: Path) -> Digest:
    """Name a file by its bytes. Raises OSError."""
    with path.open("rb") as file:
        return Digest(f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}")


def _write_empty_java_database(directory: Path) -> None:
    (directory / JAVA_DATABASE).parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(directory / JAVA_DATABASE)) as database:
        database.executescript(_EMPTY_JAVA_DATABASE)
    never = "0001-01-01T00:00:00Z"
    (directory / JAVA_METADATA).write_text(
        f'{{"Version":1,"NextUpdate":"{never}","UpdatedAt":"{never}","DownloadedAt":"{never}"}}'
    )


def _is_older(entry: Path, seconds: float) -> bool:
    with suppress(OSError):
        return time.time() - entry.lstat().st_mtime > seconds
    return False
