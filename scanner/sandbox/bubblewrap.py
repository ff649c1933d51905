"""Run a program in namespaces of its own, made by bubblewrap, under the system-call filter."""

import logging
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Self

from scanner.errors import SandboxUnavailableError
from scanner.sandbox import seccomp
from scanner.sandbox.descriptors import NO_FILES, Files, drained, opened, piped
from scanner.sandbox.isolation import described
from scanner.sandbox.outcome import Completed, Exited, Limits
from scanner.sandbox.rlimits import rlimits
from scanner.sandbox.service import Service, serving
from scanner.sandbox.supervisor import Excess, Messages, supervise
from scanner.sandbox.user import own_uid, user_for
from scanner.sandbox.watchdog import excess_files, excess_memory, excess_processor_time

logger = logging.getLogger(__name__)

_INNER_UID = 65534  # nobody
_PROGRAM = "/scanner"
_STATUS_BYTES = 4096
_NAMESPACE = re.compile(rb'"([a-z]+)-namespace": ')
_VERSION = re.compile(rb"bubblewrap (\d+\.\d+\.\d+)")
_TRIAL = Limits(wall_seconds=10.0, stdout_bytes=4096, stderr_bytes=4096)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubblewrap:
    """A bubblewrap that has been seen to work on this host; see `probe`."""

    program: Path
    version: str
    uid: int | None
    """User outside the sandbox, or None for the worker's own."""
    namespaces: tuple[str, ...]
    """Kinds that the kernel made; `cgroup` is not in every one."""
    system_calls: bytes = field(repr=False)
    """The filter that holds for all that runs inside; see `scanner.sandbox.seccomp`."""
    serving_calls: bytes = field(repr=False)
    """The one for a program that is asked over TCP."""

    @classmethod
    def probe(cls, program: Path) -> Self:
        """Build a trial sandbox and keep what works.

        As root a user of the scan's own is tried first, see `scanner.sandbox.user`.

        Raises:
            SandboxUnavailableError: no sandbox can be built here; the message says what to mend.
        """
        if not program.is_file():
            raise SandboxUnavailableError(
                f"bubblewrap is not at {program}: install it, best 0.12.0 or newer"
            )
        version = _version_of(program)
        try:
            system_calls = seccomp.program(architecture=os.uname().machine)
            serving_calls = seccomp.program(architecture=os.uname().machine, serves=True)
        except ValueError as error:
            raise SandboxUnavailableError(str(error)) from error
        reason = ""
        for uid in dict.fromkeys((own_uid(), None)):
            untried = cls(
                program=program,
                version=version,
                uid=uid,
                namespaces=(),
                system_calls=system_calls,
                serving_calls=serving_calls,
            )
            try:
                sandbox = replace(untried, namespaces=untried._built_namespaces())
            except SandboxUnavailableError as error:
                reason = str(error)
            else:
                logger.info("sandbox.probed isolation=%r uid=%s", sandbox.isolation, uid)
                return sandbox
        raise SandboxUnavailableError(
            f"bubblewrap cannot build a sandbox: {reason}. The host must allow unprivileged "
            "user namespaces (in a container: a seccomp profile that allows unshare and mount)"
        )

    @property
    def isolation(self) -> str:
        """Name, version, namespaces, filter and kernel, as a report tells them."""
        kinds = f"{', '.join(self.namespaces)} namespaces"
        return described(f"bubblewrap {self.version}", [kinds])

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
        """Run a static program with nothing but what is named here.

        Args:
            program: The program on the host.
            argv: Its arguments, without its name.
            read_only: What it may read: path inside -> path on the host. No inside path may lie
                below another: nothing is ever mounted on, or made in, a hostile tree
                (CVE-2026-87766).
            writable: Single files that it may write to, likewise.
            environment: All of its environment, beside HOME and TMPDIR.
            limits: What it may use.

        Raises:
            SandboxUnavailableError: the sandbox could not be built; the program did not run.
        """
        files = Files(read_only={**read_only, _PROGRAM: program}, writable=writable)
        uid = user_for(self.uid, files)
        return _ran(*self._try(files, argv, environment, limits, uid))

    def serving(
        self,
        program: Path,
        argv: Sequence[str],
        *,
        read_only: Mapping[str, Path],
        writable: Mapping[str, Path] = NO_FILES,
        environment: Mapping[str, str],
        limits: Limits,
    ) -> AbstractContextManager[Service]:
        """Run a program that listens at `PORT` for as long as the context lasts; as `run`.

        The network namespace is made by the launcher, so that a socket can be taken out of it
        before the program is there; no other reaches it, see `scanner.sandbox.service`.

        Raises:
            SandboxUnavailableError: the sandbox could not be built; the program did not run.
            ServiceEndedError: it does not come to listen.
        """
        files = Files(read_only={**read_only, _PROGRAM: program}, writable=writable)
        uid = user_for(self.uid, files)

        def run(network: int, messages: Messages, dismissal: Excess) -> Completed:
            called = _Called(network=network, messages=messages, dismissal=dismissal)
            return _ran(*self._try(files, argv, environment, limits, uid, called))

        return serving(run)

    def _built_namespaces(self) -> tuple[str, ...]:
        """Build everything and then execute a program that is not there: needs none to be.

        Raises:
            SandboxUnavailableError: it cannot be built; the message is bubblewrap's.
        """
        completed, status = self._try(Files(), [], {}, _TRIAL, self.uid)
        # The status names the namespaces once they are built.
        if b'"net-namespace"' not in status or b"execvp" not in completed.untrusted_stderr:
            raise SandboxUnavailableError(_told(completed))
        built = (kind.decode() for kind in _NAMESPACE.findall(status))
        # The user's is not in the status, for it is made last; but it is required.
        return ("user", *built)

    def _try(
        self,
        files: Files,
        argv: Sequence[str],
        environment: Mapping[str, str],
        limits: Limits,
        uid: int | None,
        called: "_Called | None" = None,
    ) -> tuple[Completed, bytes]:
        with ExitStack() as stack:
            mounts = [
                (option, stack.enter_context(opened(path)), inside)
                for option, paths in (
                    ("--ro-bind-fd", files.read_only),
                    ("--bind-fd", files.writable),
                )
                for inside, path in paths.items()
            ]
            filter_fd = stack.enter_context(
                piped(self.serving_calls if called else self.system_calls)
            )
            status_fd, status_in = os.pipe()
            stack.callback(os.close, status_fd)
            with os.fdopen(status_in, "wb"):
                completed = supervise(
                    self.program,
                    [
                        *_isolation(mounts, environment, limits, status_in, called=called),
                        *("--seccomp", str(filter_fd)),
                        *("--", _PROGRAM, *argv),
                    ],
                    limits=limits,
                    rlimits=rlimits(limits),
                    uid=uid,
                    environment={},
                    inherited=(*(fd for _, fd, _ in mounts), filter_fd, status_in),
                    excesses=(
                        partial(excess_memory, limits=limits),
                        partial(excess_processor_time, limits=limits),
                        partial(excess_files, limits=limits, uid=uid),
                        *((called.dismissal,) if called else ()),
                    ),
                    network=called.network if called else None,
                    messages=called.messages if called else None,
                )
            return completed, drained(status_fd, _STATUS_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Called:
    """What a run is given beside that of others, when its program is asked over TCP."""

    network: int
    messages: Messages
    dismissal: Excess


def _ran(completed: Completed, status: bytes) -> Completed:
    """Return the end of a run that was one. Raises SandboxUnavailableError."""
    if isinstance(completed.exit, Exited) and b'"exit-code"' not in status:
        raise SandboxUnavailableError(f"bubblewrap: {_told(completed)}")
    return completed


def _isolation(
    mounts: Sequence[tuple[str, int, str]],
    environment: Mapping[str, str],
    limits: Limits,
    status_fd: int,
    *,
    called: _Called | None = None,
) -> list[str]:
    """Build bubblewrap's flags: every restriction but the filter and the limits of `rlimits`.

    - Every namespace is new: user, IPC, PID, UTS, cgroup, mount; and the network, with nothing in
      it, which `--unshare-net` makes here or the launcher has made for a program that is asked.
      A kernel without cgroup namespaces is accepted, all others are required.
    - No further user namespace can be made inside; bubblewrap fails if that is not so.
    - It dies with its parent. (The launcher closes the gap that this leaves at the start.)
    - A new session: no terminal to push characters into.
    - No capabilities, in any namespace; user and group are nobody's.
    - The environment is empty but for HOME, TMPDIR and what is named.
    - The root is bubblewrap's own tmpfs, made read-only; there is no /proc, /dev, /etc or library.
    - Read-only are the program and what is named, each a leaf of that root, each mounted by
      descriptor: what was opened is what is mounted, whatever the path means later.
    - Writable is /tmp, a tmpfs of a given size, whose files the watchdog counts, and what single
      files are named; none can grow beyond the limit of a file.
    - The working directory is the root, because Trivy obeys files in it (.trivyignore, trivy.yaml).
    """
    flags = [
        *([] if called else ["--unshare-net"]),
        *("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts"),
        *("--unshare-cgroup-try", "--disable-userns", "--assert-userns-disabled"),
        *("--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *("--uid", str(_INNER_UID), "--gid", str(_INNER_UID), "--hostname", "scan"),
        *("--clearenv", "--setenv", "HOME", "/tmp", "--setenv", "TMPDIR", "/tmp"),  # noqa: S108 - a path inside
    ]
    for name, value in environment.items():
        flags += ["--setenv", name, value]
    for option, fd, inside in mounts:
        flags += [option, str(fd), inside]
    flags += ["--size", str(limits.temporary_bytes), "--perms", "0700", "--tmpfs", "/tmp"]  # noqa: S108 - a path inside
    return [*flags, "--remount-ro", "/", "--chdir", "/", "--json-status-fd", str(status_fd)]


def _version_of(program: Path) -> str:
    answer = supervise(program, ["--version"], limits=_TRIAL, environment={})
    version = _VERSION.match(answer.untrusted_stdout)
    if version is None:
        reason = _last_line(answer.untrusted_stderr) or f"{program} is no bubblewrap"
        raise SandboxUnavailableError(f"bubblewrap does not start: {reason}")
    return version[1].decode()


def _told(completed: Completed) -> str:
    """Say why there was no run, in bubblewrap's words or, where it had none, by its end."""
    return _last_line(completed.untrusted_stderr) or str(completed.exit)


def _last_line(untrusted: bytes) -> str:
    lines = untrusted.decode("ascii", "backslashreplace").strip().splitlines()
    return "".join(c if c.isprintable() else "?" for c in lines[-1][:300]) if lines else ""
