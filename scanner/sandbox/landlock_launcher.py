"""Gives up every right and becomes the program; run as `python -I -S`, never imported.

    landlock_launcher.py UID:GID|- STATUS_FD RULESET_FD FILTER_FD PROGRAM_FD PID_PLACEHOLDER
                         DIRECTORY [NAME=VALUE...] -- PROGRAM_NAME [ARGUMENT...]

On STATUS_FD it says `confined` just before it becomes the program, and after that only why not;
nothing of that pipe is left to the program. Rules and filter are built by the worker, because this
start is part of each scan: little more is imported than what any Python has loaded anyway.
"""

import ctypes
import os
import struct
import sys

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2
_SIGKILL = 9
# Of the calls that came after the numbers were made the same on all machines.
_SYS_CLOSE_RANGE, _SYS_LANDLOCK_RESTRICT_SELF = 436, 446
_CLOSE_RANGE_CLOEXEC = 4
_ALL_DESCRIPTORS = 0xFFFFFFFF
_CAPABILITY_VERSION_3 = 0x20080522
_FILTER_BYTES = 1 << 16

_libc = ctypes.CDLL(None, use_errno=True)


def _require(result: int, step: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{step}: {os.strerror(ctypes.get_errno())}")


def _prctl(step: str, option: int, *values: object) -> None:
    padding = [ctypes.c_ulong(0)] * (4 - len(values))
    _require(_libc.prctl(option, *values, *padding), step)


def _give_up_user(user: str) -> None:
    """Become another user where one is given, and have no capability in either case."""
    if user != "-":
        uid, gid = map(int, user.split(":"))
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    _prctl("no_new_privs", _PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))
    # Also for root: with no_new_privs execve gives nothing back.
    header = struct.pack("<Ii", _CAPABILITY_VERSION_3, 0)
    _require(_libc.capset(header, bytes(24)), "capset")


def _die_with(parent: int) -> None:
    """Die with the launcher; the change of user has cleared what it asked for."""
    _prctl("pdeathsig", _PR_SET_PDEATHSIG, ctypes.c_ulong(_SIGKILL))
    if os.getppid() != parent:
        raise OSError("the launcher died")


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


def _main() -> None:
    separator = sys.argv.index("--")
    user, *numbers = sys.argv[1:7]
    status_fd, ruleset_fd, filter_fd, program_fd, placeholder = map(int, numbers)
    directory, *environment = sys.argv[7:separator]
    try:
        parent = os.getppid()
        untied_filter = os.read(filter_fd, _FILTER_BYTES)
        _give_up_user(user)
        _die_with(parent)
        os.umask(0o077)
        os.chdir(directory)
        first, last = ctypes.c_uint(3), ctypes.c_uint(_ALL_DESCRIPTORS)
        closed = _libc.syscall(_SYS_CLOSE_RANGE, first, last, ctypes.c_uint(_CLOSE_RANGE_CLOEXEC))
        _require(closed, "close_range")
        _confine(ruleset_fd, untied_filter, placeholder)
        _require_confinement()
        os.write(status_fd, b"confined\n")
        # By descriptor: what was opened is what is executed.
        os.execve(  # noqa: S606 - no shell is wanted
            f"/proc/self/fd/{program_fd}",
            sys.argv[separator + 1 :],
            dict(variable.split("=", 1) for variable in environment),
        )
    except OSError as error:
        os.write(status_fd, str(error).encode("ascii", "replace"))
    os._exit(126)


if __name__ == "__main__":
    _main()
