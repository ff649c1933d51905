"""What the kernel answers a program under bubblewrap and the filter: real calls, one by one."""

import errno
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from scanner.errors import SandboxUnavailableError
from scanner.sandbox import Bubblewrap, Completed, Exited, Killed
from tests.sandbox_programs import FAST, bubblewrap_path, without_filter
from tests.syscall_program import Call, build, results

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.uname().machine != "x86_64", reason="the programs are x86-64's"),
]

_AT_FDCWD = -100


@pytest.fixture(scope="module")
def sandbox() -> Bubblewrap:
    """Probe the real bubblewrap."""
    return Bubblewrap.probe(bubblewrap_path())


def _run(sandbox: Bubblewrap, folder: Path, *calls: Call) -> Completed:
    program = folder / "program"
    program.write_bytes(build(calls))
    program.chmod(0o755)
    return sandbox.run(program, [], read_only={}, environment={}, limits=FAST)


_REFUSED = {
    "TCP socket": Call(41, (2, 1, 0)),
    "UDP socket": Call(41, (2, 2, 0)),
    "Unix socket": Call(41, (1, 1, 0)),
    "netlink socket": Call(41, (16, 3, 0)),
    "socketpair": Call(53, (1, 1, 0)),
    "fork": Call(57),
    "vfork": Call(58),
    "clone without CLONE_THREAD": Call(56, (17, 0, 0, 0, 0)),
    "thread with descriptors of its own": Call(56, (0x50B00, 0, 0, 0, 0)),
    "memfd_create": Call(319, (b"x", 0)),
    "writable and executable memory": Call(9, (0, 4096, 7, 0x22, -1, 0)),
    "mprotect to executable": Call(10, (0x400000, 4096, 5)),
    "setrlimit by prlimit64": Call(302, (0, 7, b"\xff" * 16, 0)),
    "setrlimit": Call(160, (7, b"\xff" * 16)),
    "setuid": Call(105, (0,)),
    "shmget": Call(29, (0, 4096, 0o1600)),
    "msgget": Call(68, (0, 0o1600)),
    "inotify_init1": Call(294, (0,)),
    "pidfd_open": Call(434, (1, 0)),
    "seccomp": Call(317, (1, 0, 0)),
    "landlock_create_ruleset": Call(444, (0, 0, 1)),
    "mknod": Call(133, (b"/tmp/device", 0o20666, 0x103)),
    "truncation without a right to write": Call(257, (_AT_FDCWD, b"/scanner", 0x200)),
    "new executable file": Call(257, (_AT_FDCWD, b"/tmp/program", 0x41, 0o700)),
    "new set-uid file": Call(257, (_AT_FDCWD, b"/tmp/program", 0x41, 0o4600)),
    "limits of another process": Call(302, (1, 7, 0, b"\0" * 16)),
    "owner of a descriptor's signals": Call(72, (1, 8, 1)),
    "a number that no call has": Call(600),
}


def test_what_is_not_allowed_fails(sandbox: Bubblewrap, tmp_path: Path) -> None:
    """With "operation not permitted", and the program goes on."""
    seen = _run(sandbox, tmp_path, *_REFUSED.values())
    assert seen.exit == Exited(0), seen
    told = dict(zip(_REFUSED, results(seen.untrusted_stdout), strict=True))
    assert {name: number for name, number in told.items() if number != -errno.EPERM} == {}


def test_an_exclusive_lock_is_only_told(sandbox: Bubblewrap, tmp_path: Path) -> None:
    """It succeeds; see the attack that asks whether anything is locked."""
    seen = _run(sandbox, tmp_path, Call(73, (1, 6)))
    assert results(seen.untrusted_stdout) == [0]


def test_what_cannot_be_judged_is_not_implemented(sandbox: Bubblewrap, tmp_path: Path) -> None:
    """Its callers then use the older call, which can be."""
    seen = _run(sandbox, tmp_path, Call(435, (b"\0" * 88, 88)), Call(437, (-100, b"/", b"", 24)))
    assert results(seen.untrusted_stdout) == [-errno.ENOSYS] * 2


def test_what_a_scanner_needs_is_allowed(sandbox: Bubblewrap, tmp_path: Path) -> None:
    """Reading, memory, its own files in /tmp; their modes only seem to change."""
    seen = _run(
        sandbox,
        tmp_path,
        Call(9, (0, 4096, 3, 0x22, -1, 0)),
        Call(257, (_AT_FDCWD, b"/tmp/x", 0x242, 0o600)),  # O_RDWR | O_CREAT | O_TRUNC
        Call(257, (_AT_FDCWD, b"/scanner", 0)),
        Call(268, (_AT_FDCWD, b"/tmp/x", 0o4755)),
        Call(59, (b"/tmp/x", 0, 0)),
        Call(263, (_AT_FDCWD, b"/tmp/x", 0)),
    )
    assert seen.exit == Exited(0), seen
    *did, executed, removed = results(seen.untrusted_stdout)
    assert [number >= 0 for number in (*did, removed)] == [True] * 5
    assert executed == -errno.EACCES


_FATAL = {
    "ptrace": Call(101, (0, 0, 0, 0)),
    "mount": Call(165, (b"none", b"/tmp", b"tmpfs", 0, 0)),
    "umount2": Call(166, (b"/tmp", 2)),
    "unshare": Call(272, (0x10000000,)),
    "setns": Call(308, (0, 0)),
    "clone with a user namespace": Call(56, (0x10000000 | 17, 0, 0, 0, 0)),
    "clone of a thread with a network namespace": Call(56, (0x40050F00, 0, 0, 0, 0)),
    "bpf": Call(321, (0, b"\0" * 64, 64)),
    "io_uring_setup": Call(425, (8, b"\0" * 120)),
    "userfaultfd": Call(323, (0,)),
    "keyctl": Call(250, (0, -3, 0)),
    "process_vm_readv": Call(310, (1, 0, 0, 0, 0, 0)),
    "open_by_handle_at": Call(304, (_AT_FDCWD, b"\0" * 16, 0)),
    "personality": Call(135, (0x0040000,)),
    "x32": Call(0x40000000 | 39),
    "i386": Call(20, (), is_32_bit=True),
}


@pytest.mark.parametrize("name", _FATAL)
def test_an_attack_is_fatal(sandbox: Bubblewrap, tmp_path: Path, name: str) -> None:
    """The program dies of SIGSYS before the call is made."""
    seen = _run(sandbox, tmp_path, _FATAL[name])
    assert seen.exit == Killed(signal.SIGSYS), seen
    assert seen.untrusted_stdout == b""


def test_the_namespaces_do_not_do_it_alone(sandbox: Bubblewrap, tmp_path: Path) -> None:
    """Without the filter some of it succeeds: what the tests above see is the filter."""
    calls = [_REFUSED["UDP socket"], _REFUSED["memfd_create"]]
    seen = _run(without_filter(sandbox), tmp_path, *calls)
    assert [number >= 0 for number in results(seen.untrusted_stdout)] == [True, True]


@pytest.mark.parametrize("broken", [b"\x06\0\0\0", b"\x20" * 64], ids=["short", "wild"])
def test_nothing_runs_without_a_filter(sandbox: Bubblewrap, tmp_path: Path, broken: bytes) -> None:
    """One that the kernel refuses is our fault, not the image's."""
    with pytest.raises(SandboxUnavailableError, match=r"(seccomp|SECCOMP)"):
        _run(replace(sandbox, system_calls=broken), tmp_path)
