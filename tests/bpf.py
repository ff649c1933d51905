"""An interpreter of seccomp's classic BPF, after Linux's Documentation/networking/filter.rst."""

import operator
import struct
from collections.abc import Sequence

X86_64, AARCH64, I386 = 0xC000003E, 0xC00000B7, 0x40000003
ALLOW, KILL_PROCESS = 0x7FFF0000, 0x80000000

_MOST_INSTRUCTIONS = 4096  # BPF_MAXINSNS
_DATA_BYTES = 64
_LOAD, _AND, _GO, _RETURN = 0x20, 0x54, 0x05, 0x06
_CONDITIONS = {0x15: operator.eq, 0x25: operator.gt, 0x35: operator.ge, 0x45: operator.and_}


def errno_action(number: int) -> int:
    """Return the action that fails a call with this error."""
    return 0x00050000 | number


def answer(
    program: bytes, number: int, arguments: Sequence[int] = (), machine: int = X86_64
) -> int:
    """Run a filter on one system call and return its action.

    Raises ValueError for what the kernel would not load, and IndexError for a run off the end.
    """
    code = list(struct.iter_unpack("<HBBI", program))
    if not 0 < len(code) <= _MOST_INSTRUCTIONS or code[-1][0] != _RETURN:
        raise ValueError("no filter")
    words = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<IIQ6Q", number, machine, 0x7F0000001000, *words)
    accumulator = at = 0
    while True:
        opcode, if_true, if_false, operand = code[at]
        at += 1
        if opcode == _LOAD and operand % 4 == 0 and operand < _DATA_BYTES:
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif opcode == _AND:
            accumulator &= operand
        elif opcode == _GO:
            at += operand
        elif opcode in _CONDITIONS:
            at += if_true if _CONDITIONS[opcode](accumulator, operand) else if_false
        elif opcode == _RETURN:
            return int(operand)
        else:
            raise ValueError(f"the kernel would not load {opcode:#x} {operand:#x}")
