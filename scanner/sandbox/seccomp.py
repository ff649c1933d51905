"""The system-call filter of the sandbox: an allow-list in classic BPF, for seccomp(2).

Whatever is not listed fails with EPERM. The fatal calls, those of another architecture (i386 or x32
on x86-64) and new namespaces kill the process with SIGSYS.
"""

import struct
from errno import EINVAL, ENOSYS, ENOTTY, EPERM

from scanner.sandbox.syscalls import ALLOWED, CHECKED, FATAL, SERVING, UNSEEN

# linux/seccomp.h
_RET_ALLOW = 0x7FFF0000
_RET_KILL_PROCESS = 0x80000000
_RET_ERRNO = 0x00050000
# struct seccomp_data: nr, arch, instruction_pointer, args[6]; both machines are little-endian.
_NR_OFFSET, _ARCH_OFFSET, _ARGS_OFFSET = 0, 4, 16
# linux/bpf_common.h
_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT = 0x15, 0x35, 0x45

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column, linux/audit.h
_X32_BIT = 0x40000000

_NEW_NAMESPACE = 0x7E020080  # every CLONE_NEW*
_CLONE_FILES, _CLONE_THREAD = 0x400, 0x10000
_PROT_EXEC = 4
_O_ACCMODE, _O_TRUNC = 3, 0x200
_CREATES = 0x400040  # O_CREAT and O_TMPFILE
_LOCK_EX = 2
_PROGRAM_MODES = 0o7111  # set-uid, set-gid, sticky, executable
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 1030)  # F_DUPFD to F_SETLK, F_DUPFD_CLOEXEC
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421)  # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO
_PRCTL = (0x53564D41, 15, 16)  # PR_SET_VMA, PR_SET_NAME, PR_GET_NAME
_AF_INET, _SOCK_STREAM, _IPPROTO_TCP, _TCP_NODELAY = 2, 1, 6, 1
_SOCKET_TYPE = 0xF  # without SOCK_NONBLOCK and SOCK_CLOEXEC
_ALL_BITS = 0xFFFFFFFF

_Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand: struct sock_filter."""
_Code = list[_Instruction]


def program(*, architecture: str, own_pid: int | None = None, serves: bool = False) -> bytes:
    """Build the filter, as an array of struct sock_filter.

    Args:
        architecture: `x86_64` or `aarch64`, as `os.uname().machine` names it.
        own_pid: The only process that may be signalled, for a run without a pid namespace.
        serves: Let the program be called over TCP. Only for a network with nothing in it but us.

    Raises:
        ValueError: no table of system calls for this architecture.
    """
    if architecture not in _MACHINES:
        raise ValueError(f"no system-call filter for {architecture}")
    column, audit_architecture = _MACHINES[architecture]
    code = [
        (_LOAD, 0, 0, _ARCH_OFFSET),
        (_IF_EQUAL, 1, 0, audit_architecture),
        _returns(_RET_KILL_PROCESS),
        (_LOAD, 0, 0, _NR_OFFSET),
    ]
    if architecture == "x86_64":
        code += [(_IF_AT_LEAST, 0, 1, _X32_BIT), _returns(_RET_KILL_PROCESS)]
    answers = _argument_rules(own_pid)
    for names, answer in (
        (ALLOWED, _returns(_RET_ALLOW)),
        (UNSEEN, _fails(ENOSYS)),
        (FATAL, _returns(_RET_KILL_PROCESS)),
    ):
        answers |= {name: [answer] for name in names}
    serving = SERVING if serves else {}
    for name, numbers in {**ALLOWED, **CHECKED, **serving, **UNSEEN, **FATAL}.items():
        number = numbers[column]
        if number is not None:
            code += [(_IF_EQUAL, 0, len(answers[name]), number), *answers[name]]
    code.append(_fails(EPERM))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in code)


def _argument_rules(own_pid: int | None) -> dict[str, _Code]:
    """Build the code that answers each call of `CHECKED`.

    The kernel looks at no more than the lower 32 bits of these arguments; the pointer of prlimit64
    is the exception.
    """
    thread = _CLONE_THREAD | _CLONE_FILES
    signal = [_returns(_RET_ALLOW)] if own_pid is None else _one_of(0, (own_pid,))
    return {
        "clone": [
            _argument(0),
            (_IF_ANY_BIT, 0, 1, _NEW_NAMESPACE),
            _returns(_RET_KILL_PROCESS),
            # Threads only: a child could outlive its parent, and a bomb needs children. And only
            # as Go makes them: one with a descriptor table of its own could hold deleted files
            # open where the watchdog, which reads the process's, does not see them.
            *_one_of(0, (thread,), mask=thread),
        ],
        "mmap": _one_of(2, (0,), mask=_PROT_EXEC),
        "mprotect": _one_of(2, (0,), mask=_PROT_EXEC),
        "open": _open_rule(1),
        "openat": _open_rule(2),
        # It succeeds and does nothing. Trivy gives its copies of files the modes they have in the
        # image, and gives up where it cannot; but Landlock does not see a change of mode.
        "fchmodat": [_fails(0)],
        # An exclusive lock succeeds and locks nothing: on the shared database it would stall every
        # other scan, and on the scan's own cache nobody else is kept out by it.
        "flock": _one_of(1, (0,), mask=_LOCK_EX, otherwise=0),
        # No F_SETOWN, F_SETSIG, F_SETLEASE, F_NOTIFY: they have the kernel signal others, or wait.
        "fcntl": _one_of(1, _FCNTL),
        "ioctl": _one_of(1, _IOCTL, otherwise=ENOTTY),
        "prctl": _one_of(0, _PRCTL, otherwise=EINVAL),
        # Read one's own, never set: new_limit, a pointer, is NULL.
        "prlimit64": [
            _argument(0),
            (_IF_EQUAL, 1, 0, 0),
            _fails(EPERM),
            _argument(2, high=True),
            (_IF_EQUAL, 1, 0, 0),
            _fails(EPERM),
            *_one_of(2, (0,)),
        ],
        "kill": signal,
        "tgkill": signal,
        "socket": _socket_rule(),
        **{n: [_returns(_RET_ALLOW)] for n in ("bind", "listen", "accept4", "getsockname")},
        # But for TCP_NODELAY, without which each answer takes 40 ms, it succeeds and does nothing:
        # the options of sockets are a large part of the kernel.
        "setsockopt": [
            _argument(1),
            (_IF_EQUAL, 1, 0, _IPPROTO_TCP),
            _fails(0),
            *_one_of(2, (_TCP_NODELAY,), otherwise=0),
        ],
    }


def _socket_rule() -> _Code:
    """Allow TCP over IPv4 and no other socket."""
    return [
        _argument(0),
        (_IF_EQUAL, 1, 0, _AF_INET),
        _fails(EPERM),
        _argument(1),
        (_AND, 0, 0, _SOCKET_TYPE),
        (_IF_EQUAL, 1, 0, _SOCK_STREAM),
        _fails(EPERM),
        *_one_of(2, (0, _IPPROTO_TCP)),
    ]


def _open_rule(flags: int) -> _Code:
    """Allow no new file that could be executed, and no truncation without a right to write.

    Landlock before ABI 3 does not see truncation; access mode 3 is neither reading nor writing to
    it, and yet truncates. The mode, the argument behind the flags, means nothing unless a file may
    be created.
    """
    modes = (0, 1, 2, _O_TRUNC | 1, _O_TRUNC | 2)
    return [
        _argument(flags),
        (_IF_ANY_BIT, 0, 3, _CREATES),
        _argument(flags + 1),
        (_IF_ANY_BIT, 0, 1, _PROGRAM_MODES),
        _fails(EPERM),
        *_one_of(flags, modes, mask=_O_TRUNC | _O_ACCMODE),
    ]


def _one_of(
    argument: int, values: tuple[int, ...], *, mask: int = _ALL_BITS, otherwise: int = EPERM
) -> _Code:
    """Allow the call when the masked argument is one of the values."""
    code = [_argument(argument)]
    if mask != _ALL_BITS:
        code.append((_AND, 0, 0, mask))
    for value in values:
        code += [(_IF_EQUAL, 0, 1, value), _returns(_RET_ALLOW)]
    return [*code, _fails(otherwise)]


def _argument(index: int, *, high: bool = False) -> _Instruction:
    return (_LOAD, 0, 0, _ARGS_OFFSET + 8 * index + 4 * high)


def _returns(action: int) -> _Instruction:
    return (_RETURN, 0, 0, action)


def _fails(errno: int) -> _Instruction:
    return _returns(_RET_ERRNO | errno)
