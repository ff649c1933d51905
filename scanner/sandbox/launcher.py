"""Parent of one supervised program; run as `python -I -S launcher.py`, never imported.

    launcher.py PARENT_PID UID:GID|- NETWORK_FD|- [RLIMIT_NAME=VALUE...]
                [landlock STATUS_FD RULESET_FD FILTER_FD PID_PLACEHOLDER DIRECTORY [NAME=VALUE...]]
                -- PROGRAM_FD PROGRAM_NAME [ARGUMENT...]

Why a process of its own: resource limits and another uid must be set between fork and exec, and
that is not safe in a worker with threads. Why it stays: bubblewrap's --die-with-parent leaves a gap
while the sandbox is set up, in which a dead worker would leave the program running. This process
is told by the kernel when the worker dies (PR_SET_PDEATHSIG), adopts whatever loses its parent
(PR_SET_CHILD_SUBREAPER), and ends only when everything below it is dead and reaped.

With NETWORK_FD, a socket, the program gets a network of its own, in a user namespace of its own:
nothing is in it but a loopback interface. One TCP socket is made there before the program is, and
handed over on NETWORK_FD. Whoever has it can call the program; nobody else can, as a socket stays
in the network that it was made in.

With `landlock` its child gives up every right before it becomes the program, and has the
environment that is named there. On STATUS_FD it says `confined` just before, and after that only
why it is not the program; nothing of that pipe is left to the program. Rules and filter are built
by the worker.

Its start is part of each scan. So it imports little: `signal` alone, for its enumerations, would be
a third of its time, and the interpreter's orderly end a tenth.
"""

import ctypes
import os
import resource
import struct
import sys

# linux/prctl.h, linux/seccomp.h, linux/close_range.h, linux/capability.h
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 22, 36, 38
_PR_SET_DUMPABLE = 4
_SECCOMP_MODE_FILTER = 2
_CLOSE_RANGE_CLOEXEC = 4
_CAPABILITY_VERSION_3 = 0x20080522
# Of the calls that came after the numbers were made the same on all machines.
_SYS_CLOSE_RANGE, _SYS_LANDLOCK_RESTRICT_SELF = 436, 446
_ALL_DESCRIPTORS = 0xFFFFFFFF
_FILTER_BYTES = 1 << 16

# signal(7), the same on both machines; sigset_t has a bit for each, from 1 on, in 128 bytes.
_SIGKILL, _SIGTERM, _SIGCHLD = 9, 15, 17
_WATCHED = (1 << _SIGTERM - 1 | 1 << _SIGCHLD - 1).to_bytes(128, "little")
_SIG_BLOCK, _SIG_UNBLOCK = 0, 1
_SIGNAL_BASE = 128
_NO_PROGRAM = 126

# linux/sched.h, asm-generic/ioctls.h, net/if.h: struct ifreq has 40 bytes
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_IFREQ_BYTES = 40

_CHILDREN_BYTES = 1 << 16
_STDERR = 2

_libc = ctypes.CDLL(None, use_errno=True)


def _require(result: int, step: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{step}: {os.strerror(ctypes.get_errno())}")


def _prctl(step: str, option: int, *values: object) -> None:
    padding = [ctypes.c_ulong(0)] * (4 - len(values))
    _require(_libc.prctl(option, *values, *padding), step)


def _limit(limits: list[str]) -> None:
    for limit in limits:
        name, value = limit.split("=")
        resource.setrlimit(getattr(resource, name), (int(value), int(value)))


def _give_up_user(user: str) -> None:
    if user != "-":
        uid, gid = map(int, user.split(":"))
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)


def _enter_network(handover: str) -> None:
    """Enter a new network and hand over a socket of it; see the top."""
    import _socket  # noqa: PLC0415 - loaded by now

    uid, gid = os.getuid(), os.getgid()
    # After a change of user the kernel keeps a process from its own files in /proc.
    _prctl("dumpable", _PR_SET_DUMPABLE, ctypes.c_ulong(1))
    flags = ctypes.c_int(_CLONE_NEWUSER | _CLONE_NEWNET)
    _require(_libc.unshare(flags), "no network of its own: unshare")
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        _write(f"/proc/self/{name}", line)
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    loopback = struct.pack("16sh", b"lo", _IFF_UP).ljust(_IFREQ_BYTES, b"\0")
    _require(_libc.ioctl(connection.fileno(), ctypes.c_ulong(_SIOCSIFFLAGS), loopback), "loopback")
    rights = struct.pack("i", connection.fileno())
    channel = _socket.socket(fileno=int(handover))
    channel.sendmsg([b"."], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
    # Nothing of either is left to the program.
    channel.close()
    connection.close()


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _die_with(launcher: int) -> None:
    """Die when the launcher does; to be called after the change of uid, which clears it."""
    _prctl("pdeathsig", _PR_SET_PDEATHSIG, ctypes.c_ulong(_SIGKILL))
    if os.getppid() != launcher:
        raise OSError("the launcher died")


def _become(program: list[str], environment: dict[str, str] | None) -> None:
    """Execute by descriptor: what was opened, even where the new uid cannot reach its path."""
    program_fd, *argv = program
    os.set_inheritable(int(program_fd), False)  # noqa: FBT003 - positional only
    path = f"/proc/self/fd/{program_fd}"
    if environment is None:
        os.execv(path, argv)  # noqa: S606 - no shell is wanted
    os.execve(path, argv, environment)  # noqa: S606 - no shell is wanted


def _become_confined(confinement: list[str], program: list[str]) -> None:
    """Keep of all rights what the ruleset grants; every descriptor closes with the execution."""
    status_fd, ruleset_fd, filter_fd, placeholder = map(int, confinement[:4])
    directory, *environment = confinement[4:]
    try:
        untied_filter = os.read(filter_fd, _FILTER_BYTES)
        _give_up_capabilities()
        os.umask(0o077)
        os.chdir(directory)
        first, last = ctypes.c_uint(3), ctypes.c_uint(_ALL_DESCRIPTORS)
        closed = _libc.syscall(_SYS_CLOSE_RANGE, first, last, ctypes.c_uint(_CLOSE_RANGE_CLOEXEC))
        _require(closed, "close_range")
        _confine(ruleset_fd, untied_filter, placeholder)
        _require_confinement()
        os.write(status_fd, b"confined\n")
        _become(program, dict(variable.split("=", 1) for variable in environment))
    except OSError as error:
        os.write(status_fd, str(error).encode("ascii", "replace"))


def _give_up_capabilities() -> None:
    _prctl("no_new_privs", _PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))
    # Also for root: with no_new_privs execve gives nothing back.
    header = struct.pack("<Ii", _CAPABILITY_VERSION_3, 0)
    _require(_libc.capset(header, bytes(24)), "capset")


def _confine(ruleset_fd: int, untied_filter: bytes, placeholder: int) -> None:
    own = struct.pack("<I", os.getpid())
    system_calls = untied_filter.replace(struct.pack("<I", placeholder), own)
    code = ctypes.create_string_buffer(system_calls, len(system_calls))
    program = struct.pack("@HP", len(system_calls) // 8, ctypes.addressof(code))
    flags = ctypes.c_uint(0)
    _require(_libc.syscall(_SYS_LANDLOCK_RESTRICT_SELF, ruleset_fd, flags), "landlock")
    mode = ctypes.c_ulong(_SECCOMP_MODE_FILTER)
    _prctl("seccomp", _PR_SET_SECCOMP, mode, ctypes.c_char_p(program))


def _require_confinement() -> None:
    """See that the rules hold: a kernel that takes them and does nothing is no sandbox."""
    try:
        os.close(os.open("/", os.O_RDONLY))
    except PermissionError:
        pass
    else:
        raise OSError("landlock holds nothing back")


def _end_all_children() -> None:
    """Kill and reap until none is left: each death hands us the orphans it leaves."""
    while children := _children():
        for child in children:
            os.kill(child, _SIGKILL)  # not reaped yet, so the number is still its own
        _reap(block=True)


def _children() -> list[int]:
    fd = os.open("/proc/thread-self/children", os.O_RDONLY)
    try:
        # Every number is followed by a space: one that was cut would be somebody else.
        whole, _, _ = os.read(fd, _CHILDREN_BYTES).rpartition(b" ")
    finally:
        os.close(fd)
    return [int(child) for child in whole.split()]


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
    signal = ctypes.c_int()
    while True:
        _require(_libc.sigwait(_WATCHED, ctypes.byref(signal)), "sigwait")
        if signal.value == _SIGTERM:
            return None
        ended = _reap(block=False)
        if child in ended:
            return ended[child]


def _main() -> int:
    separator = sys.argv.index("--")
    options, program = sys.argv[1:separator], sys.argv[separator + 1 :]
    confined_from = options.index("landlock") if "landlock" in options else len(options)
    parent, user, network, *limits = options[:confined_from]
    launcher = os.getpid()
    _require(_libc.sigprocmask(_SIG_BLOCK, _WATCHED, None), "sigprocmask")
    _prctl("subreaper", _PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1))
    _prctl("pdeathsig", _PR_SET_PDEATHSIG, ctypes.c_ulong(_SIGTERM))
    if os.getppid() != int(parent):
        return _SIGNAL_BASE + _SIGTERM  # the worker died before it could be watched
    if network != "-":
        import _socket  # noqa: F401, PLC0415 - few runs need it; the other user may not read it
    child = os.fork()
    if child == 0:
        try:
            _limit(limits)
            _give_up_user(user)
            if network != "-":
                _enter_network(network)
            _die_with(launcher)
            _require(_libc.sigprocmask(_SIG_UNBLOCK, _WATCHED, None), "sigprocmask")
            if confinement := options[confined_from + 1 :]:
                _become_confined(confinement, program)
            else:
                _become(program, None)
        except (OSError, ValueError) as error:  # setrlimit's refusal is a ValueError
            os.write(_STDERR, f"launcher: {error}\n".encode("ascii", "replace"))
        finally:
            os._exit(_NO_PROGRAM)
    code = _wait_for(child)
    _end_all_children()
    if code is None:
        return _SIGNAL_BASE + _SIGKILL
    return code if code >= 0 else _SIGNAL_BASE - code


if __name__ == "__main__":
    os._exit(_main())
