"""The system-call filter where arguments decide: numbers by hand, run by another interpreter."""

import errno

import pytest

from scanner.sandbox import seccomp, syscalls
from tests.bpf import AARCH64, ALLOW, KILL_PROCESS, X86_64, answer, errno_action
from tests.seccomp_answers import EPERM, HIGH, OWN_PID

_ENOTTY = errno_action(errno.ENOTTY)
_EINVAL = errno_action(errno.EINVAL)

# Names, and then for each: arguments and the answer.
_BY_ARGUMENT: dict[str, list[tuple[tuple[int, ...], int]]] = {
    "clone": [
        ((0x50F00,), ALLOW),  # Go's flags for a thread
        ((0x3D0F00,), ALLOW),  # glibc's and musl's
        ((0x50F00 | HIGH,), ALLOW),
        ((0,), EPERM),
        ((17,), EPERM),  # fork
        ((0x4111,), EPERM),  # vfork
        ((HIGH,), EPERM),
        ((0x50B00,), EPERM),  # a thread with a descriptor table of its own
        ((0x10000,), EPERM),
        ((0x400,), EPERM),
        *(((0x10000 | new,), KILL_PROCESS) for new in (0x80, 0x20000, 0x2000000, 0x4000000)),
        *(((new | 17,), KILL_PROCESS) for new in (0x8000000, 0x10000000, 0x20000000, 0x40000000)),
        ((2**64 - 1,), KILL_PROCESS),
    ],
    "mmap": [
        ((0, 4096, 0), ALLOW),
        ((0, 4096, 3), ALLOW),
        ((0, 4096, 4), EPERM),
        ((0, 4096, 5), EPERM),
        ((0, 4096, 7), EPERM),
        ((0, 4096, 7 | HIGH), EPERM),
        ((7, 7, 3, 7, 7, 7), ALLOW),
    ],
    "mprotect": [
        ((0, 4096, 1), ALLOW),
        ((0, 4096, 3), ALLOW),
        ((0, 4096, 5), EPERM),
        ((0, 4096, 0x01000007), EPERM),  # PROT_GROWSDOWN with it
    ],
    "openat": [
        ((0, 0, 0), ALLOW),
        ((0, 0, 0x80000), ALLOW),  # O_CLOEXEC
        ((0, 0, 0x242), ALLOW),  # O_RDWR | O_CREAT | O_TRUNC
        ((0, 0, 0x241), ALLOW),
        ((0, 0, 0x200), EPERM),
        ((0, 0, 0x80240), EPERM),
        ((0, 0, 0x3), EPERM),
        ((0, 0, 0x203), EPERM),
        ((0, 0, 0x200 | HIGH), EPERM),
        ((1, 1, 0x200, 1, 1, 1), EPERM),
        ((0, 0, 0x42, 0o600), ALLOW),
        ((0, 0, 0xC2, 0o666), ALLOW),  # with O_EXCL
        *(((0, 0, 0x42, mode), EPERM) for mode in (0o700, 0o601, 0o610, 0o4600, 0o2600, 0o1600)),
        ((0, 0, 0x410002, 0o600), ALLOW),  # O_TMPFILE
        ((0, 0, 0x410002, 0o4600), EPERM),
        ((0, 0, 0x0, 0o7777), ALLOW),  # no file is created: the mode is whatever was there
        ((0, 0, 0x201, 0o7777), ALLOW),
    ],
    "fchmodat": [((0, 0, mode), errno_action(0)) for mode in (0o600, 0o777, 0o4755)],
    "flock": [
        ((3, 1), ALLOW),
        ((3, 5), ALLOW),  # LOCK_SH | LOCK_NB
        ((3, 8), ALLOW),  # LOCK_UN
        ((3, 2), errno_action(0)),  # as if it were done
        ((3, 6), errno_action(0)),  # LOCK_EX | LOCK_NB
    ],
    "fcntl": [
        *(((3, command), ALLOW) for command in (0, 1, 2, 3, 4, 5, 6, 1030)),
        *(((3, command), EPERM) for command in (7, 8, 10, 15, 36, 37, 38, 1024, 1026, 1031, 1033)),
        ((3, 8 | HIGH), EPERM),
    ],
    "ioctl": [
        *(((1, command), ALLOW) for command in (0x5401, 0x5413, 0x541B, 0x5421)),
        *(((1, command), _ENOTTY) for command in (0x5412, 0x541C, 0x40049409, 0x5402)),
    ],
    "prctl": [
        *(((option,), ALLOW) for option in (0x53564D41, 15, 16)),
        *(((option,), _EINVAL) for option in (1, 4, 22, 36, 38, 0x59616D61)),
    ],
    "prlimit64": [
        ((0, 7, 0, 0x7FFF12345678), ALLOW),
        ((0, 7, 0x7FFF12345678), EPERM),
        ((0, 7, 0x12345678), EPERM),
        ((0, 7, HIGH), EPERM),
        ((OWN_PID, 7, 0, 0x7FFF12345678), EPERM),
    ],
}


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
@pytest.mark.parametrize("name", _BY_ARGUMENT)
def test_arguments_decide(architecture: str, name: str) -> None:
    """Of a call that is allowed for some of them only."""
    machine, column = {"x86_64": (X86_64, 0), "aarch64": (AARCH64, 1)}[architecture]
    number = syscalls.CHECKED[name][column]
    assert number is not None
    program = seccomp.program(architecture=architecture)
    for arguments, expected in _BY_ARGUMENT[name]:
        assert answer(program, number, arguments, machine) == expected, arguments


def test_the_legacy_open_follows_the_same_rule_as_openat() -> None:
    """Its flags are one argument earlier; only x86-64 has it."""
    program = seccomp.program(architecture="x86_64")
    for (_, *arguments), expected in _BY_ARGUMENT["openat"]:
        assert answer(program, 2, arguments) == expected, arguments


@pytest.mark.parametrize(("architecture", "machine"), [("x86_64", X86_64), ("aarch64", AARCH64)])
@pytest.mark.parametrize("name", ["kill", "tgkill"])
def test_only_oneself_may_be_signalled_without_a_pid_namespace(
    architecture: str, machine: int, name: str
) -> None:
    """With one nobody else is there: then all are allowed, for there are none."""
    number = syscalls.CHECKED[name][0 if machine == X86_64 else 1]
    assert number is not None
    alone = seccomp.program(architecture=architecture)
    pinned = seccomp.program(architecture=architecture, own_pid=OWN_PID)
    for target in (OWN_PID, 1, 0, 2**32 - 1, 2**32 - OWN_PID):
        assert answer(alone, number, (target, 9, 9), machine) == ALLOW
        expected = ALLOW if target == OWN_PID else EPERM
        assert answer(pinned, number, (target, OWN_PID, 9), machine) == expected, target
