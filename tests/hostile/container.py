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
from scanner.sandbox.syscalls import FATAL, UNSEEN
from tests.hostile.attacks import ATTACKS, attempt
from tests.sandbox_programs import bubblewrap_path

# moby's profiles/seccomp/default.json forbids these to a container without CAP_SYS_ADMIN,
_FORBIDDEN = (
    *("unshare", "setns", "mount", "umount2", "pivot_root", "move_mount", "open_tree"),
    *("fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "open_by_handle_at"),
    *("bpf", "perf_event_open", "userfaultfd", "add_key", "request_key", "keyctl"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load"),
)
_CLONE = {"x86_64": 56, "aarch64": 220}  # with any of these flags,
_NEW_NAMESPACE = 0x7E020000
# and its oci/caps/defaults.go leaves these of linux/capability.h: chown, dac_override, fowner,
# fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_raw, sys_chroot, mknod, audit_write,
# setfcap.
_CAPABILITIES = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31)
_LAST_CAPABILITY = 40

_PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 22, 24, 38
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522
_LOAD, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _EPERM, _ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026

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
    for capability in set(range(_LAST_CAPABILITY + 1)) - set(_CAPABILITIES):
        _require(_libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0))
    kept = sum(1 << capability for capability in _CAPABILITIES)
    _require(
        _libc.capset(
            struct.pack("<Ii", _CAPABILITY_VERSION_3, 0), struct.pack("<6I", kept, kept, 0, 0, 0, 0)
        )
    )


def _filter() -> None:
    machine = os.uname().machine
    column = list(_CLONE).index(machine)
    code = [(_LOAD, 0, 0, 0)]
    for name in _FORBIDDEN:
        code += [(_IF_EQUAL, 0, 1, FATAL[name][column] or 0), (_RETURN, 0, 0, _EPERM)]
    code += [(_IF_EQUAL, 0, 1, UNSEEN["clone3"][column] or 0), (_RETURN, 0, 0, _ENOSYS)]
    code += [
        (_IF_EQUAL, 0, 3, _CLONE[machine]),
        (_LOAD, 0, 0, 16),
        (_IF_ANY_BIT, 0, 1, _NEW_NAMESPACE),
        (_RETURN, 0, 0, _EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    packed = b"".join(struct.pack("<HBBI", *instruction) for instruction in code)
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
