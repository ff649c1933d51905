"""The user that a run belongs to outside the sandbox: one of its own, where the worker is root.

The kernel counts processes per user (RLIMIT_NPROC) and never limits root's.
"""

import ctypes
import logging
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scanner.errors import SandboxUnavailableError
from scanner.sandbox.descriptors import Files

logger = logging.getLogger(__name__)

# Between the users that distributions hand out and the dynamic ones of systemd. The group is one
# for all processes, so that they can share what is lent to it.
SCAN_GROUP = 61_000
_FIRST_UID = 61_001
_UIDS = 3_999

# By number: what the C library has under these names changes all threads of a process.
_SETRESUID = {"x86_64": 117, "aarch64": 147}
_SETRESGID = {"x86_64": 119, "aarch64": 149}
_UNCHANGED = 0xFFFFFFFF

_libc = ctypes.CDLL(None, use_errno=True)


def own_uid() -> int | None:
    """Return a user for the scans of this process, or None when we cannot become another."""
    return None if os.geteuid() else _FIRST_UID + os.getpid() % _UIDS


def lend(paths: Iterable[Path]) -> bool:
    """Let the scans' group read these files and trees, and reach them.

    Only what lies in the temporary directory is changed: scratch of ours. Returns False when more
    than that would have to change; the run must then keep the worker's own user. Of a tree that
    lies elsewhere only the top is looked at.
    """
    scratch = Path(tempfile.gettempdir()).resolve()
    closed = []
    for path in paths:
        is_ours = path.resolve().is_relative_to(scratch)
        for entry, rights in _closed_entries(path.resolve(), whole_tree=is_ours):
            if entry == scratch or not entry.is_relative_to(scratch):
                return False
            closed.append((entry, rights))
    for entry, rights in closed:
        os.chown(entry, -1, SCAN_GROUP)
        entry.chmod(stat.S_IMODE(entry.stat().st_mode) | rights)
    return True


def _closed_entries(path: Path, *, whole_tree: bool) -> Iterable[tuple[Path, int]]:
    """Yield what the group cannot pass on the way, nor read at the end, and the rights it needs."""
    for parent in path.parents:
        if _lacks(parent, stat.S_IXGRP):
            yield parent, stat.S_IXGRP
    for entry in (path, *(path.rglob("*") if whole_tree else ())):
        rights = stat.S_IRGRP | stat.S_IXGRP if entry.is_dir() else stat.S_IRGRP
        if not entry.is_symlink() and _lacks(entry, rights):
            yield entry, rights


def _lacks(entry: Path, group_rights: int) -> bool:
    status = entry.stat()
    # The rights of all others are the group's, three bits lower.
    effective = group_rights if status.st_gid == SCAN_GROUP else group_rights >> 3
    return status.st_mode & effective != effective


def user_for(uid: int | None, files: Files, *, program: Path | None = None) -> int | None:
    """Choose the user of one run: the scan's own if that user can read all, else the worker's.

    What is writable becomes that user's. Raises SandboxUnavailableError when a path is not there to
    be read.
    """
    if uid is None:
        return None
    try:
        programs = (program,) if program else ()
        if lend((*programs, *files.read_only.values(), *files.writable.values())):
            for path in files.writable.values():
                os.chown(path, uid, -1)
            return uid
    except OSError as error:
        raise SandboxUnavailableError(f"cannot be read: {error}") from error
    logger.warning("sandbox.kept_root uid=%d", uid)
    return None


@contextmanager
def acting_as(uid: int | None) -> Iterator[None]:
    """Let this thread, and no other, look into a run's processes as the run's own user does.

    Root without CAP_SYS_PTRACE, as in a container, may not look into another user's process, but
    that user may (ptrace(2), "Ptrace access mode checking"), also into a user namespace that is
    his. Only the effective ids are changed: who may signal or trace us hangs on the others.

    Args:
        uid: User of the run, or None for the worker's own: then nothing changes.

    Raises:
        SandboxUnavailableError: the kernel refuses.
    """
    if uid is None:
        yield
        return
    worker, group = os.geteuid(), os.getegid()
    _change(_SETRESGID, SCAN_GROUP)
    try:
        _change(_SETRESUID, uid)
        try:
            yield
        finally:
            _change(_SETRESUID, worker)
    finally:
        _change(_SETRESGID, group)


def _change(call: Mapping[str, int], effective: int) -> None:
    ids = map(ctypes.c_uint, (_UNCHANGED, effective, _UNCHANGED))
    if _libc.syscall(ctypes.c_long(call[os.uname().machine]), *ids) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise SandboxUnavailableError(f"cannot act as the scan's user: {reason}")
