"""The system-call filter, call by call: numbers by hand, run by another interpreter."""

import ctypes
import ctypes.util
import errno

import pytest

from scanner.sandbox import seccomp, syscalls
from tests.bpf import AARCH64, ALLOW, I386, KILL_PROCESS, X86_64, answer, errno_action
from tests.seccomp_answers import EPERM, HIGH, OWN_PID

_ENOSYS = errno_action(errno.ENOSYS)

_ALLOWED_X86_64 = (
    "0 1 3 4 5 6 8 11 12 13 14 15 17 18 19 20 24 25 26 27 28 32 35 39",
    "59 60 61 63 74 75 77 79 89 97 98 99 102 104 107 108 110 131 137 138 158 186",
    "202 204 217 218 219 221 228 230 231 233 258 262 263 264 267 269 271 273",
    "281 285 290 291 292 293",
    "316 318 324 326 332 334 439",
)
_ALLOWED_AARCH64 = (
    "17 19 20 21 22 23 24 34 35 38 43 44 46 47 48 57 59 61 62 63 64 65 66 67 68 73 78 79 80",
    "82 83 93 94 96 98 99 101 113 115 123 124 128 132 134 135 139 160 163 165",
    "172 173 174 175 176 177 178 179",
    "214 215 216 221 223 227 232 233 260 276 278 283 285 291 293 439",
)
_FATAL_X86_64 = (
    "101 135 155 161 165 166 175 176 246 248 249 250 272 298",
    "304 308 310 311 312 313 320 321 323 425 426 427 428 429 430 431 432 433 438 442",
)
_FATAL_AARCH64 = (
    "39 40 41 51 92 97 104 105 106 117 217 218 219 241 265 268 270 271 272 273 280 282 294",
    "425 426 427 428 429 430 431 432 433 438 442",
)
_CHECKED_X86_64 = "2 9 10 16 56 62 72 73 157 234 257 268 302"
_CHECKED_AARCH64 = "25 29 32 53 56 129 131 167 220 222 226 261"

_ARGUMENTS = [
    (),
    (1, 1, 1, 1, 1, 1),
    (2, 4, 7, 0x200, 0x10000, 0x10000000),
    (2**64 - 1,) * 6,
    (HIGH,) * 6,
    (OWN_PID,) * 6,
]


def _numbers(*lines: str) -> set[int]:
    return {int(word) for line in lines for word in line.split()}


def _expected(number: int, machine: int) -> int:
    x86 = machine == X86_64
    if number in {435, 437}:
        return _ENOSYS
    if number in _numbers(*(_ALLOWED_X86_64 if x86 else _ALLOWED_AARCH64)):
        return ALLOW
    if number in _numbers(*(_FATAL_X86_64 if x86 else _FATAL_AARCH64)):
        return KILL_PROCESS
    return EPERM


@pytest.mark.parametrize("own_pid", [None, OWN_PID])
@pytest.mark.parametrize(
    ("architecture", "machine", "checked"),
    [("x86_64", X86_64, _CHECKED_X86_64), ("aarch64", AARCH64, _CHECKED_AARCH64)],
)
def test_every_call_has_the_expected_answer(
    architecture: str, machine: int, checked: str, own_pid: int | None
) -> None:
    """Whatever its arguments; the calls whose arguments matter have tests of their own."""
    program = seccomp.program(architecture=architecture, own_pid=own_pid)
    wrong = [
        (number, arguments)
        for number in sorted(set(range(601)) - _numbers(checked))
        for arguments in _ARGUMENTS
        if answer(program, number, arguments, machine) != _expected(number, machine)
    ]
    assert wrong == []


_TCP = 0x80801  # SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK
_SERVING: dict[tuple[int, int], list[tuple[tuple[int, ...], int]]] = {
    # Of socket, on both machines.
    (41, 198): [
        ((2, _TCP, 6), ALLOW),
        ((2, 1, 0), ALLOW),
        ((2, 2, 0), EPERM),  # UDP
        ((2, 3, 1), EPERM),  # raw
        ((2, 5, 0), EPERM),
        ((2, _TCP, 262), EPERM),  # multipath TCP
        ((2, _TCP, 132), EPERM),  # SCTP
        *(((family, _TCP, 0), EPERM) for family in (0, 1, 10, 16, 17, 38, 40, 44)),
    ],
    # Of those four that make a listener.
    (49, 200): [((), ALLOW)],
    (50, 201): [((), ALLOW)],
    (288, 242): [((), ALLOW)],
    (51, 204): [((), ALLOW)],
    # Of setsockopt.
    (54, 208): [
        ((9, 6, 1), ALLOW),  # TCP_NODELAY
        *(((9, level, 1), errno_action(0)) for level in (0, 1, 41, 255, 6 | 0x100)),
        *(((9, 6, option), errno_action(0)) for option in (2, 13, 31, 42)),  # e.g. TCP_ULP
    ],
    # Whoever calls, sends without a call, or asks a socket.
    **{
        numbers: [((), EPERM), ((2, _TCP, 6), EPERM)]
        for numbers in (
            *((42, 203), (44, 206), (46, 211), (47, 212), (53, 199), (48, 210), (55, 209)),
        )
    },
}


@pytest.mark.parametrize("numbers", _SERVING)
@pytest.mark.parametrize(
    ("architecture", "machine", "column"), [("x86_64", X86_64, 0), ("aarch64", AARCH64, 1)]
)
def test_who_is_asked_can_be_called_and_cannot_call(
    architecture: str, machine: int, column: int, numbers: tuple[int, int]
) -> None:
    """And who is not asked has no socket at all."""
    asked, alone = (
        seccomp.program(architecture=architecture, serves=serves) for serves in (True, False)
    )
    for arguments, expected in _SERVING[numbers]:
        assert answer(asked, numbers[column], arguments, machine) == expected, arguments
        assert answer(alone, numbers[column], arguments, machine) == EPERM


def test_who_is_asked_is_let_do_nothing_else() -> None:
    """All other calls have the answers that they have in every sandbox."""
    asked, alone = (
        seccomp.program(architecture="x86_64", serves=serves) for serves in (True, False)
    )
    known = {x86 for x86, _ in _SERVING}
    for number in set(range(601)) - known:
        for arguments in _ARGUMENTS:
            assert answer(asked, number, arguments, X86_64) == answer(
                alone, number, arguments, X86_64
            )


def test_another_architectures_calls_are_fatal() -> None:
    """The numbers mean something else there: i386's 11 is execve, its 102 is every socket call."""
    program = seccomp.program(architecture="x86_64")
    for number in (0, 1, 11, 20, 102, 0x40000000, 0x40000000 | 9, 0x40000000 | 520, 2**32 - 1):
        machines = [I386, AARCH64, *([X86_64] if number >= 0x40000000 else [])]
        for machine in machines:
            assert answer(program, number, (), machine) == KILL_PROCESS, (number, machine)
    assert answer(seccomp.program(architecture="aarch64"), 63, (), X86_64) == KILL_PROCESS


def test_aarch64_has_none_of_the_legacy_calls() -> None:
    """`open`, `stat`, `lstat` and `readlink` do not exist there, nor `arch_prctl`."""
    tables = {
        **syscalls.ALLOWED,
        **syscalls.CHECKED,
        **syscalls.SERVING,
        **syscalls.UNSEEN,
        **syscalls.FATAL,
    }
    assert {name for name, (_, aarch64) in tables.items() if aarch64 is None} == {
        *("open", "stat", "lstat", "readlink", "arch_prctl")
    }


def test_no_call_is_in_two_tables() -> None:
    """The first answer would win and the second mislead."""
    tables = (syscalls.ALLOWED, syscalls.CHECKED, syscalls.SERVING, syscalls.UNSEEN, syscalls.FATAL)
    assert len({name for table in tables for name in table}) == sum(map(len, tables))
    for column in (0, 1):
        numbers = [pair[column] for table in tables for pair in table.values()]
        present = [number for number in numbers if number is not None]
        assert len(set(present)) == len(present)


def test_an_unknown_architecture_is_refused() -> None:
    """Without a table there is no filter, and no scan."""
    with pytest.raises(ValueError, match="riscv64"):
        seccomp.program(architecture="riscv64")


def test_the_filter_fits_in_a_pipe_and_in_the_kernel() -> None:
    """It is written to a pipe that nobody reads yet: 64 KiB; the kernel takes 4096 instructions."""
    for architecture in ("x86_64", "aarch64"):
        assert len(seccomp.program(architecture=architecture, own_pid=1)) <= 4096 * 8 < 1 << 16


def test_libseccomp_knows_every_call_by_the_same_number() -> None:
    """A second source for the tables, where it is installed."""
    library = ctypes.util.find_library("seccomp")
    if library is None:
        pytest.skip("libseccomp is not installed")
    resolve = ctypes.CDLL(library).seccomp_syscall_resolve_name_arch
    tables = {
        **syscalls.ALLOWED,
        **syscalls.CHECKED,
        **syscalls.SERVING,
        **syscalls.UNSEEN,
        **syscalls.FATAL,
    }
    for name, numbers in tables.items():
        for machine, number in zip((X86_64, AARCH64), numbers, strict=True):
            known = resolve(ctypes.c_uint32(machine), name.encode())
            assert (known if known >= 0 else None) == number, name
