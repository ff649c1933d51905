"""One host's advisories, kept equal to those that all workers share."""

import fcntl
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from scanner.advisory_ports import AccessTo, AdvisoryArchive, ArchivedAdvisories
from scanner.errors import AdvisoriesError, PushscanError, StoreError
from scanner.model import Advisories
from scanner.model.advisory_source import AdvisorySource
from scanner.sandbox import Preference, choose
from scanner.trivy.advisories import (
    DATABASE,
    JAVA_DATABASE,
    AdvisoryDirectory,
    make_ready,
    read_updated_at,
    sha256_of,
)
from scanner.trivy.binary import TrivyBinary
from scanner.trivy.update import prove, update

logger = logging.getLogger(__name__)

_LOOK_AGAIN_SECONDS = 15.0
_TRY_AGAIN_SECONDS = 300.0
"""After what is archived could not be used: it is large."""
_OTHERS_SECONDS = 300.0
"""How long another process of this host may take to fetch it."""
_PAUSE_SECONDS = 0.2
_LOCK = ".lock"


@dataclass(slots=True, kw_only=True)
class SharedAdvisories:
    """Follows the archive, and updates it. Safe in several threads and processes at once."""

    directory: AdvisoryDirectory
    archive: AdvisoryArchive
    trivy: Path
    bubblewrap: Path | None
    sandbox: Preference
    sources: tuple[AdvisorySource, ...]
    access_to: AccessTo
    clock: Callable[[], datetime]
    _rests_until: float = field(default=0.0, init=False)

    def follow(self) -> None:
        """Switch to what is archived where that is better; looks once in 15 s.

        What is in place stays where the archive is out of reach, or its content fails the proof.

        Raises:
            AdvisoriesError: then, where nothing usable is in place.
            SandboxUnavailableError: nothing can be proved here.
        """
        if time.monotonic() < self._rests_until:
            return
        try:
            self._rests_until = time.monotonic() + _LOOK_AGAIN_SECONDS
            self._take_if_better(self.archive.latest())
        except (AdvisoriesError, StoreError) as error:
            self._go_on_without(error)

    def update(self, *, allow_older: bool = False) -> Advisories | None:
        """Fetch the newest published advisories for all workers; None if another is at it.

        Raises:
            AdvisoriesError: as `scanner.trivy.update`, or newer ones were archived meanwhile.
            SandboxUnavailableError: likewise.
            StoreError: they cannot be archived; this host has them already.
        """
        holder = uuid.uuid4().hex
        if not self.archive.begin_update(holder, now=self.clock()):
            logger.info("advisories.left_to_another holder=%s", holder)
            return None
        failure = "it was broken off"
        try:
            updated = self._update(allow_older=allow_older)
            failure = ""
        except PushscanError as error:
            failure = str(error)
            logger.warning("advisories.not_updated why=%s", failure)
            raise
        finally:
            self.archive.end_update(holder, now=self.clock(), failure=failure)
        return updated

    def _update(self, *, allow_older: bool) -> Advisories:
        # What is fetched is to be newer than what any worker has, not only this one.
        self._rests_until = 0.0
        try:
            self.follow()
        except AdvisoriesError as error:
            logger.warning("advisories.not_followed why=%s", error)
        update(
            self.directory,
            trivy=self.trivy,
            sandbox=self.sandbox,
            bubblewrap=self.bubblewrap,
            sources=self.sources,
            access_to=self.access_to,
            allow_older=allow_older,
        )
        updated, path = self.directory.current()
        archived = self.archive.publish(updated, path, allow_older=allow_older)
        if not _are_same(archived, updated):
            raise AdvisoriesError(
                f"newer advisories, of {archived.updated_at.isoformat()}, were archived meanwhile"
            )
        return updated

    def _take_if_better(self, archived: ArchivedAdvisories | None) -> None:
        if archived is None or not self._is_better(archived):
            return
        with self._alone():
            # Another process of this host may have taken them by now.
            if self._is_better(archived):
                self._take(archived)

    def _is_better(self, archived: ArchivedAdvisories) -> bool:
        try:
            current, _ = self.directory.current()
        except AdvisoriesError:
            return True
        if _are_same(archived, current):
            return False
        return (
            current.is_sample or archived.is_step_back or archived.updated_at >= current.updated_at
        )

    def _take(self, archived: ArchivedAdvisories) -> None:
        chosen = choose(self.sandbox, self.bubblewrap)
        binary = TrivyBinary.inspect(self.trivy, chosen)
        with self.directory.staging() as staged:
            self.archive.fetch(archived, into=staged)
            _require(staged, archived)
            make_ready(staged)
            prove(staged, binary, chosen)
            self.directory.adopt(staged, source=archived.source)

    def _go_on_without(self, error: PushscanError) -> None:
        try:
            self.directory.current()
        except AdvisoriesError as missing:
            self._rests_until = 0.0
            raise AdvisoriesError(f"{missing}; nor from storage: {error}") from error
        self._rests_until = time.monotonic() + _TRY_AGAIN_SECONDS
        logger.warning("advisories.not_followed why=%s", error)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads and processes of this host from fetching the same."""
        give_up_at = time.monotonic() + _OTHERS_SECONDS
        try:
            self.directory.root.mkdir(parents=True, exist_ok=True)
            lock = os.open(
                self.directory.root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise AdvisoriesError(
                f"cannot write to {self.directory.root}: {error.strerror}"
            ) from error
        try:
            while not _locked(lock):
                if time.monotonic() > give_up_at:
                    raise AdvisoriesError("another process is still fetching the advisories")
                time.sleep(_PAUSE_SECONDS)
            yield
        finally:
            os.close(lock)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _are_same(archived: ArchivedAdvisories, advisories: Advisories) -> bool:
    # A database can be built anew and be equal: then it is the same, and yet not stale.
    return (archived.digest, archived.java_digest, archived.updated_at) == (
        advisories.digest,
        advisories.java_digest,
        advisories.updated_at,
    )


def _require(staged: Path, archived: ArchivedAdvisories) -> None:
    """See that the files are of the databases that the row names."""
    try:
        digests = sha256_of(staged / DATABASE), sha256_of(staged / JAVA_DATABASE)
    except OSError as error:
        raise AdvisoriesError(f"what is archived is incomplete: {error}") from error
    if (
        digests != (archived.digest, archived.java_digest)
        or read_updated_at(staged) != archived.updated_at
    ):
        raise AdvisoriesError("what is archived is not what its row says")
