"""What a program inside can do, and what is left of it: real bubblewrap, Python as the program."""

import os
import signal
import socket
import time
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from scanner.errors import SandboxUnavailableError
from scanner.sandbox import Bubblewrap, Exited, Killed, Limits, Stopped
from tests.sandbox_programs import (
    FAST,
    PYTHON,
    bubblewrap_path,
    processes_with,
    run_python,
)

pytestmark = pytest.mark.integration
_MIB = 1 << 20


@pytest.fixture(scope="module")
def sandbox() -> Bubblewrap:
    """Probe the real bubblewrap."""
    return Bubblewrap.probe(bubblewrap_path())


def test_a_program_sees_what_is_named_and_nothing_else(sandbox: Bubblewrap) -> None:
    """The root holds the mounts and /tmp; no /proc, /dev or /etc."""
    seen = run_python(sandbox, "import os; print(*sorted(os.listdir('/')))")
    names = set(seen.untrusted_stdout.decode().split())
    assert seen.exit == Exited(0), seen
    assert {"scanner", "tmp"} <= names
    assert not names & {"proc", "dev", "etc", "sys", "var", "home", "work", "oldroot", "newroot"}


def test_the_environment_is_what_was_named(
    sandbox: Bubblewrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the worker's environment arrives."""
    monkeypatch.setenv("IDENTITY_HEADER", "a-token")
    seen = run_python(sandbox, "import os; print(*sorted(os.environ))")
    names = set(seen.untrusted_stdout.decode().split()) - {"LC_CTYPE"}  # Python sets it itself
    assert names == {"HOME", "LD_LIBRARY_PATH", "PWD", "PYTHONHOME", "TMPDIR"}


def test_a_program_is_nobody_without_capabilities(sandbox: Bubblewrap) -> None:
    """User and group are 65534, and no further namespace can be made."""
    code = (
        "import ctypes, os\n"
        "print(os.getuid(), os.getgid(), os.getcwd())\n"
        "libc = ctypes.CDLL(None)\n"
        "print(libc.unshare(0x10000000), libc.unshare(0x00020000))\n"
    )
    seen = run_python(sandbox, code)
    lines = seen.untrusted_stdout.decode().splitlines()
    assert lines == ["65534 65534 /", "-1 -1"]


def test_no_descriptor_but_the_three_streams_is_open(sandbox: Bubblewrap, tmp_path: Path) -> None:
    """A descriptor of a host directory would be a way out."""
    code = (
        "import os\n"
        "def is_open(n):\n"
        "    try: os.fstat(n)\n"
        "    except OSError: return False\n"
        "    return True\n"
        "print(*[n for n in range(256) if is_open(n)])\n"
    )
    seen = run_python(sandbox, code, read_only={"/image": tmp_path})
    assert seen.untrusted_stdout.split() == [b"0", b"1", b"2"]


def test_there_is_no_network(sandbox: Bubblewrap) -> None:
    """Not even the host's loopback, on which somebody listens."""
    code = (
        "import socket, sys\n"
        "try: socket.create_connection(('127.0.0.1', int(sys.argv[1])), 2)\n"
        "except OSError as error: print('refused', error.errno)\n"
        "else: print('connected')\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        seen = run_python(sandbox, code, str(listener.getsockname()[1]))
    assert seen.untrusted_stdout.startswith(b"refused")


def test_only_the_private_tmp_is_writable(sandbox: Bubblewrap, tmp_path: Path) -> None:
    """Neither the root nor what is mounted."""
    code = (
        "for path in ('/x', '/image/x', '/usr/x', '/tmp/x'):\n"
        "    try: open(path, 'w').close()\n"
        "    except OSError as error: print(path, error.errno)\n"
        "    else: print(path, 'written')\n"
    )
    tmp_path.chmod(0o777)
    seen = run_python(sandbox, code, read_only={"/image": tmp_path})
    assert seen.untrusted_stdout.decode().splitlines() == [
        "/x 30",
        "/image/x 30",
        "/usr/x 30",
        "/tmp/x written",  # noqa: S108 - a path inside
    ]
    assert not list(tmp_path.iterdir())


def test_a_closed_scratch_directory_is_readable_inside(sandbox: Bubblewrap, tmp_path: Path) -> None:
    """Temporary directories are 0700, and a scan may have a user of its own."""
    layout = tmp_path / "closed" / "layout"
    layout.mkdir(parents=True, mode=0o700)
    layout.parent.chmod(0o700)
    (layout / "blob").write_text("content")
    (layout / "blob").chmod(0o600)
    seen = run_python(sandbox, "print(open('/image/blob').read())", read_only={"/image": layout})
    assert seen.untrusted_stdout == b"content\n"


def test_a_signal_of_its_own_is_told(sandbox: Bubblewrap) -> None:
    """A crash is not an exit code."""
    seen = run_python(sandbox, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert seen.exit == Killed(signal.SIGSEGV)


def test_an_exit_code_is_told(sandbox: Bubblewrap) -> None:
    """Also one that bubblewrap itself uses."""
    assert run_python(sandbox, "raise SystemExit(1)").exit == Exited(1)


def test_endless_output_ends_at_its_limit(sandbox: Bubblewrap) -> None:
    """What came before it is kept, and no more."""
    limits = replace(FAST, stdout_bytes=100_000)
    seen = run_python(sandbox, "while True: print('x' * 9999)", limits=limits)
    assert seen.exit is Stopped.OUTPUT_LIMIT
    assert len(seen.untrusted_stdout) == 100_000


def test_a_flood_of_messages_is_cut_and_no_fault(sandbox: Bubblewrap) -> None:
    """The error stream is evidence, not a result."""
    code = "import sys; sys.stderr.write('y' * 500_000); print('done')"
    seen = run_python(sandbox, code, limits=replace(FAST, stderr_bytes=1000))
    assert (seen.exit, seen.untrusted_stdout) == (Exited(0), b"done\n")
    assert seen.untrusted_stderr == b"y" * 1000


def test_memory_is_limited(sandbox: Bubblewrap) -> None:
    """An allocation over the limit fails inside."""
    code = "x = bytearray(300 << 20)"
    seen = run_python(sandbox, code, limits=replace(FAST, memory_bytes=200 * _MIB))
    assert seen.exit == Exited(1)
    assert b"MemoryError" in seen.untrusted_stderr


_SHARED = """
import mmap, os, signal, sys, time
shared = mmap.mmap(-1, 80 << 20) if sys.argv[1] == 'shared' else None
for _ in range(3): os.fork()
mine = shared or bytearray(80 << 20)
for at in range(0, 80 << 20, 4096): mine[at] = 1
while True: time.sleep(1)
"""


@pytest.mark.parametrize("kind", ["shared", "own"])
def test_memory_of_all_processes_together_is_limited(sandbox: Bubblewrap, kind: str) -> None:
    """The kernel counts that of one, and none that is shared."""
    limits = replace(FAST, memory_bytes=200 * _MIB, wall_seconds=20.0)
    assert run_python(sandbox, _SHARED, kind, limits=limits).exit is Stopped.MEMORY_LIMIT


def test_mapped_files_are_not_memory(sandbox: Bubblewrap, tmp_path: Path) -> None:
    """The advisory database is larger than what a scan may use, and mapped whole."""
    database = tmp_path / "database"
    database.write_bytes(b"x" * (64 * _MIB))
    code = (
        "import mmap, time\n"
        "with open('/database', 'rb') as file:\n"
        "    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "seen = sum(mapped[at] for at in range(0, 64 << 20, 4096))\n"
        "time.sleep(0.3)\n"
        "print(seen)\n"
    )
    limits = replace(FAST, memory_bytes=40 * _MIB)
    seen = run_python(sandbox, code, limits=limits, read_only={"/database": database})
    assert (seen.exit, seen.untrusted_stdout) == (Exited(0), b"%d\n" % (ord("x") * 16384))


def test_files_are_limited_though_they_are_empty(sandbox: Bubblewrap) -> None:
    """The size of the private /tmp does not count them, and each takes memory of the kernel's."""
    code = (
        "import itertools, os\n"
        "for n in itertools.count(): os.close(os.open(f'/tmp/{n}', os.O_CREAT, 0o600))\n"
    )
    limits = replace(FAST, temporary_files=500, wall_seconds=20.0)
    assert run_python(sandbox, code, limits=limits).exit is Stopped.DISK_LIMIT


@pytest.mark.parametrize("files", [1, 8])
def test_disk_is_limited(sandbox: Bubblewrap, files: int) -> None:
    """In one file as in several."""
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "for n in range(int(sys.argv[1])):\n"
        "    with open(f'/tmp/{n}', 'wb') as file:\n"
        "        for _ in range(16): file.write(b'x' * (1 << 20))\n"
    )
    limits = replace(FAST, temporary_bytes=10 * _MIB)
    seen = run_python(sandbox, code, str(files), limits=limits)
    assert seen.exit == Exited(1)
    assert b"OSError: [Errno" in seen.untrusted_stderr


def test_processes_are_limited(sandbox: Bubblewrap) -> None:
    """A fork bomb stops."""
    if sandbox.uid is None and os.geteuid() == 0:
        pytest.skip("the kernel counts no processes of root's, and here we cannot be another user")
    code = (
        "import os, signal\n"
        "for n in range(1000):\n"
        "    try: pid = os.fork()\n"
        "    except OSError: break\n"
        "    if pid == 0: signal.pause()\n"
        "print(n)\n"
        "os.kill(-1, signal.SIGKILL)\n"
    )
    seen = run_python(sandbox, code, limits=replace(FAST, processes=40))
    assert int(seen.untrusted_stdout or b"1000") < 40


_STUBBORN = """
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
        while True: signal.pause()
print('ready', flush=True)
"""


def test_the_wall_clock_ends_the_whole_tree(sandbox: Bubblewrap) -> None:
    """Sessions of their own and ignored signals do not help."""
    marker = uuid.uuid4().hex
    began = time.monotonic()
    code = f"{_STUBBORN}\nwhile True: signal.pause()"
    seen = run_python(sandbox, code, marker, limits=replace(FAST, wall_seconds=1.0))
    assert seen.exit is Stopped.TIMEOUT
    assert seen.untrusted_stdout == b"ready\n"
    assert time.monotonic() - began < 6.0
    assert processes_with(marker) == {}


def test_daemons_do_not_outlive_the_program(sandbox: Bubblewrap) -> None:
    """The program ends by itself; what it left behind holds the pipes, and is gone too."""
    marker = uuid.uuid4().hex
    seen = run_python(sandbox, _STUBBORN, marker)
    assert seen.exit == Exited(0)
    assert processes_with(marker) == {}


def test_a_run_leaves_no_child_and_no_descriptor(sandbox: Bubblewrap) -> None:
    """Over runs that end in every way."""

    def state() -> tuple[int, bytes]:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_bytes()
        return len(os.listdir("/proc/self/fd")), children  # noqa: PTH208 - counts, needs no paths

    run_python(sandbox, "")
    before = state()
    run_python(sandbox, "print('x' * 5000)", limits=replace(FAST, stdout_bytes=100))
    run_python(sandbox, "import signal; signal.pause()", limits=replace(FAST, wall_seconds=0.3))
    with pytest.raises(SandboxUnavailableError):
        run_python(sandbox, "", read_only={"/image": Path("/nowhere")})
    assert state() == before


def test_a_missing_program_is_our_fault(sandbox: Bubblewrap) -> None:
    """It raises; the image is not blamed."""
    with pytest.raises(SandboxUnavailableError, match="no-such-program"):
        sandbox.run(Path("/no-such-program"), [], read_only={}, environment={}, limits=Limits())


def test_a_program_that_cannot_be_executed_is_our_fault(
    sandbox: Bubblewrap, tmp_path: Path
) -> None:
    """Bubblewrap's own exit code 1 is not taken for the program's."""
    (tmp_path / "data").write_bytes(b"\x00" * 64)
    with pytest.raises(SandboxUnavailableError):
        sandbox.run(tmp_path / "data", [], read_only={}, environment={}, limits=FAST)


@pytest.mark.parametrize("inside", ["/image/below", "/tmp/below", "/scanner/below", "/image"])  # noqa: S108 - paths inside
def test_nothing_is_mounted_below_another_mount(
    sandbox: Bubblewrap, tmp_path: Path, inside: str
) -> None:
    """A hostile tree could lead such a mount elsewhere (CVE-2026-87766)."""
    read_only = {"/image": tmp_path, inside: tmp_path} if inside != "/image" else {"/": tmp_path}
    with pytest.raises(ValueError, match="one in the other"):
        sandbox.run(PYTHON, [], read_only=read_only, environment={}, limits=FAST)


@pytest.mark.parametrize(
    ("program", "reason"),
    [("/nowhere/bwrap", "install it"), (str(PYTHON), "does not start")],
)
def test_a_host_without_bubblewrap_is_refused(program: str, reason: str) -> None:
    """The message says what to mend."""
    with pytest.raises(SandboxUnavailableError, match=reason):
        Bubblewrap.probe(Path(program))
