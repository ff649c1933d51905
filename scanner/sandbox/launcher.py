"""Parent of one supervised program; run as `python -I -S launcher.py`, never imported.

    launcher.py PARENT_PID UID:GID|- [RLIMIT_NAME=VALUE...] -- PROGRAM_FD PROGRAM_NAME [ARGUMENT...]

Why a process of its own: resource limits and another uid must be set between fork and exec, and
that is not safe in a worker with threads. Why it stays: bubblewrap's --die-with-parent leaves a gap
while the sandbox is set up, in which a dead worker would leave the program running. This process
is told by the kernel when the worker dies (PR_SET_PDEATHSIG), adopts whatever loses its parent
(PR_SET_CHILD_SUBREAPER), and ends only when everything below it is dead and reaped.

Imports nothing but small parts of the standard library: its start is part of each scan.
"""

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SIGNAL_BASE = 128
_STOP = signal.SIGTERM
_WATCHED = {_STOP, signal.SIGCHLD}


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def _become(user: str, limits: list[str], program: list[str]) -> None:
    """Turn this child into the program, with less than its parent has."""
    program_fd, *argv = program
    os.set_inheritable(int(program_fd), False)  # noqa: FBT003 - positional only
    for limit in limits:
        name, value = limit.split("=")
        resource.setrlimit(getattr(resource, name), (int(value), int(value)))
    if user != "-":
        uid, gid = map(int, user.split(":"))
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    # After the change of uid, which clears it: the death of the launcher itself is the last case.
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
    # By descriptor: the path may lie below a directory that the new uid cannot enter.
    os.execv(f"/proc/self/fd/{program_fd}", argv)  # noqa: S606 - no shell is wanted


def _children(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:  # noqa: PTH123 - pathlib's import would double the start-up time
            return [int(child) for child in children.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _end_all_children() -> None:
    """Kill and reap until none is left: each death hands us the orphans it leaves."""
    while children := _children(os.getpid()):
        for child in children:
            os.kill(child, signal.SIGKILL)  # not reaped yet, so the number is still its own
        _reap(block=True)


def _reap(*, block: bool) -> dict[int, int]:
    """Collect dead children; with `block`, wait for one."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, 0 if block and not ended else os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = os.waitstatus_to_exitcode(status)


def _wait_for(child: int) -> int | None:
    """Return the child's exit code, or None when we are told to stop first."""
    while signal.sigwait(_WATCHED) != _STOP:
        ended = _reap(block=False)
        if child in ended:
            return ended[child]
    return None


def _main() -> int:
    separator = sys.argv.index("--")
    parent, user, *limits = sys.argv[1:separator]
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _prctl(_PR_SET_PDEATHSIG, _STOP)
    if os.getppid() != int(parent):
        return _SIGNAL_BASE + _STOP  # the worker died before it could be watched
    child = os.fork()
    if child == 0:
        try:
            _become(user, limits, sys.argv[separator + 1 :])
        except OSError as error:
            sys.stderr.write(f"launcher: {error}\n")
        finally:
            os._exit(126)
    code = _wait_for(child)
    _end_all_children()
    if code is None:
        return _SIGNAL_BASE + signal.SIGKILL
    return code if code >= 0 else _SIGNAL_BASE - code


if __name__ == "__main__":
    sys.exit(_main())
