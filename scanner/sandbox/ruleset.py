"""What Landlock lets a program do with files: a ruleset of the kernel's, made by system calls.

Linux's Documentation/userspace-api/landlock.rst and include/uapi/linux/landlock.h. Everything that
the running kernel can refuse is refused, but for what is granted here.
"""

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from scanner.errors import SandboxUnavailableError

NEWEST_ABI = 7
"""A newer kernel is asked for what was known when this was written."""

_SYS_CREATE_RULESET, _SYS_ADD_RULE = 444, 445  # the same number on all machines
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << n for n in range(6))
_MAKE_DIR, _MAKE_REG, _TRUNCATE = 1 << 7, 1 << 8, 1 << 14
PROGRAM = _EXECUTE | _READ_FILE
READ_ONLY = _READ_FILE | _READ_DIR
WRITABLE = _READ_FILE | _WRITE_FILE | _TRUNCATE
# No renaming from one directory to another (REFER): without ABI 2 it cannot be granted.
PRIVATE = READ_ONLY | _WRITE_FILE | _TRUNCATE | _MAKE_REG | _MAKE_DIR | _REMOVE_FILE | _REMOVE_DIR
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE

_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many rights on files an ABI knows; from 5 on, 16."""
_NETWORK_ABI, _SCOPE_ABI = 4, 6
_FEATURES = {1: "files", 3: "truncation", _NETWORK_ABI: "TCP", 5: "ioctl", _SCOPE_ABI: "scopes"}
"""What an ABI brought that is used here; "scopes" keeps from others' signals and sockets."""
_NETWORK = 0b11  # bind, connect: TCP
_SCOPES = 0b11  # abstract Unix sockets, signals

_WHY_NOT = {
    errno.ENOSYS: "the kernel has no Landlock (Linux 5.13 or newer has it)",
    errno.EOPNOTSUPP: "Landlock is switched off at boot (`lsm=` does not name it)",
    errno.EPERM: "a seccomp profile forbids Landlock",
}

_libc = ctypes.CDLL(None, use_errno=True)


def kernel_abi() -> int:
    """Return the ABI to use: the kernel's, or the newest known one.

    Raises:
        SandboxUnavailableError: there is no Landlock here; the message says why.
    """
    version = _call(_SYS_CREATE_RULESET, None, ctypes.c_size_t(0), _CREATE_RULESET_VERSION)
    return min(version, NEWEST_ABI)


def features(abi: int) -> list[str]:
    """Name what the rules of this ABI hold for, as a report tells it."""
    return [name for since, name in _FEATURES.items() if since <= abi]


@contextmanager
def ruleset(abi: int, grants: Iterable[tuple[int, int]]) -> Iterator[int]:
    """Make a ruleset and give its descriptor.

    Args:
        abi: What of Landlock is used; a kernel accepts every ABI up to its own.
        grants: Descriptors of files and directories, each with the rights on it and all below it.

    Raises:
        SandboxUnavailableError: the kernel refuses.
    """
    handled = (1 << _FILE_RIGHTS.get(abi, 16)) - 1
    attributes = struct.pack("<Q", handled)
    if abi >= _NETWORK_ABI:
        attributes += struct.pack("<Q", _NETWORK)
    if abi >= _SCOPE_ABI:
        attributes += struct.pack("<Q", _SCOPES)
    fd = _call(_SYS_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    try:
        for granted_fd, rights in grants:
            is_directory = stat.S_ISDIR(os.fstat(granted_fd).st_mode)
            meant = rights & handled & (~0 if is_directory else _ON_FILES)
            _call(_SYS_ADD_RULE, fd, _RULE_PATH_BENEATH, struct.pack("<Qi", meant, granted_fd), 0)
        yield fd
    finally:
        os.close(fd)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise SandboxUnavailableError(_WHY_NOT.get(code, f"Landlock: {os.strerror(code)}"))
    return result
