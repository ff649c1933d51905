"""A worker as in a plain container: run as `python -m tests.hostile.container PROGRAM`.

It takes the system-call profile of a container engine's default on itself, as root its capabilities
too, sees that no bubblewrap can be built any more, and makes all attacks on Landlock. On its output
is a JSON array for each: label, whether it was contained, and what came of it.
"""

import ctypes
import json
import os
import struct
import sys
from pathlib import Path

from scanner.errors import SandboxUnavailableError
from scanner.sandbox import Bubblewrap, Landlock
from tests.hostile.attacks import ATTACKS, attempt
from tests.hostile.container_profile import CAPABILITIES, profile
from tests.sandbox_programs import bubblewrap_path

_LAST_CAPABILITY = 40

_PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 22, 24, 38
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522
_libc = ctypes.CDLL(None, use_errno=True)


def confine() -> None:
    """Give up what a container's default takes. Raises OSError where that is not possible."""
    is_root = os.geteuid() == 0
    if not is_root:  # the price of a filter for who is not
        _require(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _filter()
    if is_root:
        _drop_capabilities()


def _drop_capabilities() -> None:
    for capability in set(range(_LAST_CAPABILITY + 1)) - set(CAPABILITIES):
        _require(_libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0))
    kept = sum(1 << capability for capability in CAPABILITIES)
    _require(
        _libc.capset(
            struct.pack("<Ii", _CAPABILITY_VERSION_3, 0), struct.pack("<6I", kept, kept, 0, 0, 0, 0)
        )
    )


def _filter() -> None:
    code = profile(os.uname().machine)
    packed = b"".join(code)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    program = struct.pack("@HP", len(code), ctypes.addressof(buffer))
    _require(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_char_p(program), 0, 0))


def _require(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _main(program: Path) -> None:
    bubblewrap = bubblewrap_path()
    confine()
    try:
        Bubblewrap.probe(bubblewrap)
    except SandboxUnavailableError:
        pass
    else:
        sys.exit("a sandbox of namespaces can be built: this is not like a container")
    sandbox = Landlock.probe()
    for attack in ATTACKS:
        seen = attempt(attack, program, sandbox)
        sys.stdout.write(json.dumps([attack.label, seen.is_contained, seen.text]) + "\n")


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
