"""Run a program without namespaces: Landlock, the system-call filter and the kernel's limits.

For hosts that refuse new namespaces, as a plain container does. What is left to the program, and is
not in bubblewrap: Landlock holds back neither stat nor readlink. Of each host path that its user
can reach the program learns whether it is there, its size, owner and times, and where a link leads.
/proc is the host's: /proc/N tells which processes exist and whose they are. What lies in there it
cannot read, and it can signal no other process.
"""

import logging
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Final, Self

from scanner.errors import SandboxUnavailableError
from scanner.sandbox import ruleset, seccomp
from scanner.sandbox.descriptors import NO_FILES, Files, drained, opened, piped
from scanner.sandbox.isolation import described
from scanner.sandbox.nameless import NamelessFiles
from scanner.sandbox.outcome import Completed, Limits, Stopped
from scanner.sandbox.private import PrivateDirectory, private_directory
from scanner.sandbox.rlimits import rlimits
from scanner.sandbox.service import Service, ServiceEndedError
from scanner.sandbox.supervisor import supervise
from scanner.sandbox.user import lend, own_uid, user_for
from scanner.sandbox.watchdog import excess_memory, excess_processor_time
from scanner.scratch import Scratch

logger = logging.getLogger(__name__)

PID_PLACEHOLDER: Final = 0x7FFFFFFE
"""Stands in the filter for the program's own process id, which the launcher puts in its place.

Beyond every process id (PID_MAX_LIMIT is 2^22), and no part of a filter by another meaning.
"""
_CONFINED = b"confined\n"
_STATUS_BYTES = 4096
_TRIAL = Limits(wall_seconds=10.0, stdout_bytes=4096, stderr_bytes=4096)
_PART = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Landlock:
    """A Landlock that has been seen to work on this host; see `probe`."""

    abi: int
    uid: int | None
    """User of the program, or None for the worker's own."""
    system_calls: bytes = field(repr=False)
    """The filter; `PID_PLACEHOLDER` in it stands for the program's own process."""
    scratch: Path
    """Where runs have their directories; those of a dead worker are removed by the next one."""

    @classmethod
    def probe(cls) -> Self:
        """Confine a trial process and keep what works.

        As root a user of the scan's own is tried first, see `scanner.sandbox.user`.

        Raises:
            SandboxUnavailableError: nothing can be confined here; the message says why.
        """
        abi = ruleset.kernel_abi()
        try:
            system_calls = seccomp.program(architecture=os.uname().machine, own_pid=PID_PLACEHOLDER)
        except ValueError as error:
            raise SandboxUnavailableError(str(error)) from error
        reason = ""
        for uid in dict.fromkeys((own_uid(), None)):
            sandbox = cls(abi=abi, uid=uid, system_calls=system_calls, scratch=_claimed().path)
            reason = sandbox._reason_not_to_work()
            if not reason:
                logger.info("sandbox.probed landlock=%d uid=%s", abi, uid)
                return sandbox
        raise SandboxUnavailableError(f"Landlock cannot confine a program: {reason}")

    @property
    def isolation(self) -> str:
        """Name, kernel interface, filter and kernel, as a report tells them."""
        return described(f"landlock ABI {self.abi}", ruleset.features(self.abi))

    def run(
        self,
        program: Path,
        argv: Sequence[str],
        *,
        read_only: Mapping[str, Path],
        writable: Mapping[str, Path] = NO_FILES,
        environment: Mapping[str, str],
        limits: Limits,
    ) -> Completed:
        """Run a static program with nothing but what is named here; see `Sandbox.run`.

        Raises:
            SandboxUnavailableError: it could not be confined; the program did not run.
        """
        files = Files(read_only=read_only, writable=writable)
        uid = user_for(self.uid, files, program=program)
        completed, status = self._try(program, argv, files, environment, limits, uid)
        if status != _CONFINED and not isinstance(completed.exit, Stopped):
            raise SandboxUnavailableError(f"landlock: {_told(status, completed)}")
        return completed

    def serving(self, *_arguments: object, **_named: object) -> AbstractContextManager[Service]:
        """Refuse: the network is the host's, and in that one nothing of ours may listen.

        Raises ServiceEndedError, always.
        """
        raise ServiceEndedError("landlock gives no network of its own")

    def _reason_not_to_work(self) -> str:
        """Confine a process that then executes what is no program: needs none to be there."""
        completed, status = self._try(Path(os.devnull), [], Files(), {}, _TRIAL, self.uid)
        was_confined = status.startswith(_CONFINED)
        return "" if was_confined else _told(status, completed)

    def _try(
        self,
        program: Path,
        argv: Sequence[str],
        files: Files,
        environment: Mapping[str, str],
        limits: Limits,
        uid: int | None,
    ) -> tuple[Completed, bytes]:
        named = {
            _name_of(to): path for to, path in (*files.read_only.items(), *files.writable.items())
        }
        with ExitStack() as stack:
            program_fd = stack.enter_context(opened(program))
            grants = [(program_fd, ruleset.PROGRAM)]
            grants += [
                (stack.enter_context(opened(path)), rights)
                for paths, rights in (
                    (files.read_only, ruleset.READ_ONLY),
                    (files.writable, ruleset.WRITABLE),
                )
                for path in paths.values()
            ]
            private = stack.enter_context(private_directory(self.scratch, named))
            _hand_over(private, uid)
            temporary_fd = stack.enter_context(opened(private.temporary))
            grants.append((temporary_fd, ruleset.PRIVATE))
            ruleset_fd = stack.enter_context(ruleset.ruleset(self.abi, grants))
            filter_fd = stack.enter_context(piped(self.system_calls))
            status_fd, status_in = os.pipe()
            stack.callback(os.close, status_fd)
            with os.fdopen(status_in, "wb"):
                completed = supervise(
                    program,
                    argv,
                    limits=limits,
                    rlimits=rlimits(limits),
                    uid=uid,
                    environment={},
                    confinement=[
                        *("landlock", *map(str, (status_in, ruleset_fd, filter_fd))),
                        *(str(PID_PLACEHOLDER), str(private.path)),
                        *(f"{name}={private.temporary}" for name in ("HOME", "TMPDIR")),
                        *(f"{name}={value}" for name, value in environment.items()),
                    ],
                    inherited=(status_in, ruleset_fd, filter_fd),
                    excesses=(
                        partial(excess_memory, limits=limits),
                        partial(excess_processor_time, limits=limits),
                        partial(
                            private.excess,
                            limits=limits,
                            nameless=NamelessFiles(directory=str(private.temporary), uid=uid),
                        ),
                    ),
                )
            return completed, drained(status_fd, _STATUS_BYTES)


@cache
def _claimed() -> Scratch:
    """Claim this process's folder for runs, once."""
    try:
        return Scratch.claim(Path(tempfile.gettempdir(), f"pushscan-runs-{os.geteuid()}"))
    except OSError as error:
        raise SandboxUnavailableError(f"no place for private files: {error}") from error


def _hand_over(private: PrivateDirectory, uid: int | None) -> None:
    if uid is None:
        return
    try:
        if not lend([private.path]):
            raise SandboxUnavailableError(f"the scan's user cannot reach {private.path}")
        private.lend_temporary(uid)
    except OSError as error:
        raise SandboxUnavailableError(f"cannot prepare {private.path}: {error}") from error


def _name_of(inside: str) -> str:
    """Read an input's name; like a mount in bubblewrap it is never below another one."""
    parts = inside.split("/")[1:]
    if not all(map(_PART.fullmatch, parts)) or parts[:1] in ([], ["tmp"]):
        raise ValueError(f"{inside} is no name for an input")
    return "/".join(parts)


def _told(status: bytes, completed: Completed) -> str:
    """Say why there was no run, in the launcher's words or, before it had any, in Python's."""
    said = status.removeprefix(_CONFINED) or completed.untrusted_stderr
    lines = said.decode("ascii", "backslashreplace").strip().splitlines()
    text = lines[-1][:300] if lines else str(completed.exit)
    return "".join(character if character.isprintable() else "?" for character in text)
