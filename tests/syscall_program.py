"""A static x86-64 program that makes the system calls it is given: an attacker without libraries.

Built here byte by byte, because a test machine need not have a compiler, and because what runs
under the filter should be those calls and no others.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

_BASE = 0x400000
_CODE = _BASE + 64 + 56  # behind the ELF header and one program header
_SIZE = 1 << 16
_RESULTS = _BASE + _SIZE // 2
_WRITE, _EXIT_GROUP = 1, 231
# movabs to rdi, rsi, rdx, r10, r8, r9: the order of a system call's arguments.
_ARGUMENTS = (b"\x48\xbf", b"\x48\xbe", b"\x48\xba", b"\x49\xba", b"\x49\xb8", b"\x49\xb9")
_NUMBER = b"\x48\xb8"  # movabs to rax
_SYSCALL = b"\x0f\x05"
_INT80 = b"\xcd\x80"  # the door of 32-bit programs
_KEEP_RESULT = b"\x48\xa3"  # movabs from rax


@dataclass(frozen=True, slots=True)
class Call:
    """One system call. Bytes among its arguments are passed by address."""

    number: int
    arguments: tuple[int | bytes, ...] = ()
    is_32_bit: bool = False


def build(calls: Sequence[Call]) -> bytes:
    """Build an ELF file that makes the calls, writes their results, see `results`, and exits."""
    data_at = _RESULTS + 8 * len(calls)
    data = bytearray()
    code = bytearray()
    ending = (Call(_WRITE, (1, _RESULTS, 8 * len(calls))), Call(_EXIT_GROUP, (0,)))
    for place, call in enumerate((*calls, *ending)):
        code += _NUMBER + _word(call.number)
        for load, argument in zip(_ARGUMENTS, call.arguments, strict=False):
            if isinstance(argument, bytes):
                code += load + _word(data_at + len(data))
                data += argument + b"\0"
            else:
                code += load + _word(argument)
        code += _INT80 if call.is_32_bit else _SYSCALL
        if place < len(calls):
            code += _KEEP_RESULT + _word(_RESULTS + 8 * place)
    image = _headers() + code
    if len(image) > _RESULTS - _BASE:
        raise ValueError("too many calls for one program")
    return image.ljust(data_at - _BASE, b"\0") + data


def results(output: bytes) -> list[int]:
    """Read what such a program wrote: each call's result, or the negative errno."""
    return [value for (value,) in struct.iter_unpack("<q", output)]


def _headers() -> bytes:
    identity = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    elf = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, _CODE, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 7, 0, _BASE, _BASE, _SIZE, 2 * _SIZE, 4096)
    return identity + elf + segment


def _word(value: int) -> bytes:
    return struct.pack("<Q", value & (1 << 64) - 1)
