"""Watch one program: a deadline, caps on what it uses and says, and nothing left afterwards."""

import logging
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from scanner.errors import SandboxUnavailableError
from scanner.sandbox.outcome import Completed, Exit, Exited, Killed, Limits, Stopped
from scanner.sandbox.user import SCAN_GROUP

logger = logging.getLogger(__name__)

_LAUNCHER = Path(__file__).with_name("launcher.py")
_READ_BYTES = 1 << 16
_LOOK_SECONDS = 0.05
# How long the launcher may take to kill and reap everything below it, and then to die itself.
_GRACE_SECONDS = 5.0
# The shell's convention, which bubblewrap and the launcher follow: 128 + signal number.
_SIGNAL_BASE = 128

Excess = Callable[[int], Stopped | None]
"""Says whether the processes below the one of this id use more than they may."""


@dataclass(slots=True)
class _Stream:
    """One output of the program, kept up to a limit."""

    pipe: IO[bytes]
    limit: int
    kept: bytearray = field(default_factory=bytearray)
    is_over: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_closed: bool = False

    def read(self) -> bool:
        """Take what is there. False at the end of the stream."""
        with self.lock:
            return self._read() != b""

    def take(self) -> bytes:
        """Return, and forget, all that was written before this call."""
        with self.lock:
            while not self.is_closed and self._read():
                continue
            taken = bytes(self.kept)
            self.kept.clear()
        return taken

    def close(self) -> None:
        """Read no more, whoever asks: the number of the descriptor may be another one's soon."""
        with self.lock:
            self.is_closed = True

    def _read(self) -> bytes | None:
        """Take a piece: None when there is none now, nothing at the end."""
        try:
            chunk = os.read(self.pipe.fileno(), _READ_BYTES)
        except BlockingIOError:
            return None
        room = self.limit - len(self.kept)
        self.kept += chunk[:room]
        self.is_over = self.is_over or len(chunk) > room
        return chunk


class Messages:
    """What a program says on its error stream, for who must know it while the program runs."""

    def __init__(self) -> None:
        self._stream: _Stream | None = None

    def take(self) -> bytes:
        """Return what came since the last call, up to the limit of the stream; hostile.

        What the program wrote before it did something that the caller has seen is in it.
        """
        return self._stream.take() if self._stream else b""

    def follow(self, stream: _Stream) -> None:
        """Take from this stream from now on; its pipe does not block."""
        self._stream = stream


def supervise(  # noqa: PLR0913 - one keyword for each thing that a run is given
    program: Path,
    argv: Sequence[str],
    *,
    limits: Limits,
    rlimits: Iterable[str] = (),
    uid: int | None = None,
    environment: Mapping[str, str],
    confinement: Sequence[str] = (),
    inherited: Sequence[int] = (),
    excesses: Sequence[Excess] = (),
    network: int | None = None,
    messages: Messages | None = None,
) -> Completed:
    """Run a program under the launcher and wait for its end or its limits.

    On return no process, descriptor or file of the run is left. The kernel ends the run when the
    calling *thread* ends (PR_SET_PDEATHSIG follows the thread), hence also when the process does;
    this call blocks its thread, so only its death can do that.

    Args:
        program: What is executed; opened here, so that another uid need not reach its path.
        argv: Its arguments, without its name.
        limits: Of these the wall clock and the two output limits are enforced here.
        rlimits: `NAME=VALUE` for `setrlimit`, soft and hard alike.
        uid: User to become, in the scans' group; None to stay.
        environment: All of the program's environment, but where the confinement names another.
        confinement: What the launcher gives up first, in its words; nothing by itself.
        inherited: Descriptors that the program inherits.
        excesses: Asked every 50 ms, with the launcher's process id.
        network: Where the launcher hands over a socket of a new network, in which the program is.
        messages: Who takes the error stream meanwhile; what is left goes into the outcome.

    Raises:
        SandboxUnavailableError: the program is not there, or no process can be started.
    """
    try:
        program_fd = os.open(program, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        raise SandboxUnavailableError(f"cannot open {program}: {error.strerror}") from error
    launch = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid())]
    launch += ["-" if uid is None else f"{uid}:{SCAN_GROUP}"]
    launch += ["-" if network is None else str(network), *rlimits, *confinement]
    launch += ["--", str(program_fd), program.name, *argv]
    try:
        launcher = subprocess.Popen(  # noqa: S603 - an argv list, built here; no shell
            launch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            pass_fds=(program_fd, *inherited, *(() if network is None else (network,))),
            env=dict(environment),
            cwd="/",
        )
    except OSError as error:
        raise SandboxUnavailableError(f"cannot start a process: {error.strerror}") from error
    finally:
        os.close(program_fd)
    with launcher:
        try:
            return _watch(launcher, limits, excesses, messages or Messages())
        finally:
            _end(launcher)


def _watch(
    launcher: subprocess.Popen[bytes],
    limits: Limits,
    excesses: Sequence[Excess],
    messages: Messages,
) -> Completed:
    if launcher.stdout is None or launcher.stderr is None:
        raise AssertionError("both streams are pipes")
    stdout = _Stream(launcher.stdout, limits.stdout_bytes)
    stderr = _Stream(launcher.stderr, limits.stderr_bytes)
    for stream in (stdout, stderr):
        os.set_blocking(stream.pipe.fileno(), False)
    messages.follow(stderr)

    def look() -> Stopped | None:
        return next(filter(None, (excess(launcher.pid) for excess in excesses)), None)

    try:
        stopped = _read_until_end(stdout, stderr, time.monotonic() + limits.wall_seconds, look)
    finally:
        stderr.close()
    # After a stop nobody waits for the end of a stream: a survivor could hold it open.
    end = stopped or _exit_of(launcher.wait(_GRACE_SECONDS))
    return Completed(
        exit=end, untrusted_stdout=bytes(stdout.kept), untrusted_stderr=bytes(stderr.kept)
    )


def _exit_of(code: int) -> Exit:
    if code < 0:
        return Killed(-code)
    return Exited(code) if code <= _SIGNAL_BASE else Killed(code - _SIGNAL_BASE)


def _read_until_end(
    stdout: _Stream, stderr: _Stream, deadline: float, look: Callable[[], Stopped | None]
) -> Stopped | None:
    """Read both streams to their ends, which come when the launcher has reaped everything."""
    next_look = time.monotonic()
    with selectors.DefaultSelector() as selector:
        for stream in (stdout, stderr):
            selector.register(stream.pipe, selectors.EVENT_READ, stream)
        while selector.get_map():
            now = time.monotonic()
            if now >= deadline:
                return Stopped.TIMEOUT
            if now >= next_look:
                if stopped := look():
                    return stopped
                next_look = now + _LOOK_SECONDS
            for key, _ in selector.select(min(deadline, next_look) - now):
                if not key.data.read():
                    selector.unregister(key.fileobj)
            if stdout.is_over:
                return Stopped.OUTPUT_LIMIT
    return None


def _end(launcher: subprocess.Popen[bytes]) -> None:
    """Have the launcher kill and reap all below it; kill it too if it does not end in time."""
    if launcher.poll() is not None:
        return
    launcher.send_signal(signal.SIGTERM)
    try:
        launcher.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        logger.error("sandbox.lingered launcher=%d seconds=%.0f", launcher.pid, _GRACE_SECONDS)  # noqa: TRY400 - the stack tells nothing
        launcher.kill()
        launcher.wait(_GRACE_SECONDS)
