"""What only bubblewrap does to a program; `SandboxContract` has what every sandbox must."""

import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from scanner.errors import SandboxUnavailableError
from scanner.sandbox import Bubblewrap, Exited, Limits, Stopped, bubblewrap
from scanner.sandbox.descriptors import Files
from scanner.sandbox.user import user_for
from tests.sandbox_programs import (
    FAST,
    PYTHON,
    bubblewrap_path,
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


def test_a_way_that_is_closed_meanwhile_is_our_fault(
    sandbox: Bubblewrap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another pytest does to the directory of all; the program has not run, nobody is blamed."""
    if sandbox.uid is None:
        pytest.skip("the worker's own user can reach all that is the worker's")
    (tmp_path / "image").mkdir()

    def lend_and_close(uid: int | None, files: Files) -> int | None:
        chosen = user_for(uid, files)
        tmp_path.chmod(0o700)
        return chosen

    monkeypatch.setattr(bubblewrap, "user_for", lend_and_close)
    with pytest.raises(SandboxUnavailableError, match="Permission denied"):
        run_python(sandbox, "", read_only={"/image": tmp_path / "image"})


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


_LOOK_AROUND = """
import os, stat, sys
root = os.stat('/')
for path in ('/image', '/cache', '/tmp'):
    own, flags = os.lstat(path), os.statvfs(path).f_flag
    print(stat.S_ISDIR(own.st_mode), own.st_dev != root.st_dev, bool(flags & os.ST_RDONLY))
print(open('/image/name').read(), open('/cache/name').read(), os.listdir('/tmp'))
for link in sys.argv[1:]:
    for tree in ('/image/', '/cache/'):
        print(os.readlink(tree + link), end=' ')
        try: open(tree + link + '/written', 'w').close()
        except OSError: pass
print()
print(*os.listdir('/tmp'))
"""
_MOUNT_POINTS = ("cache", "image", "newroot", "oldroot", "root", "scanner", "tmp", "usr")


def test_links_in_a_hostile_tree_lead_no_mount_elsewhere(
    sandbox: Bubblewrap, tmp_path: Path
) -> None:
    """A tree is a leaf (CVE-2026-87766): its names are those of our mounts, its targets the host's.

    Seen from inside: each mount is where it was asked for, a directory of its own and read-only but
    for /tmp. Seen from outside: nothing is written, neither in the trees nor where they lead to.
    """
    trees = {name: tmp_path / name for name in ("image", "cache")}
    (tmp_path / "host").mkdir(mode=0o777)
    for name, tree in trees.items():
        tree.mkdir()
        (tree / "name").write_text(name)
        for place, link in enumerate(_MOUNT_POINTS):
            targets = ("/", str(tmp_path / "host"), f"../{link}", "..", "/tmp")  # noqa: S108 - inside
            (tree / link).symlink_to(targets[place % len(targets)])
    for directory in (*trees.values(), tmp_path / "host"):
        directory.chmod(0o777)
    before = _listing(tmp_path)
    seen = run_python(
        sandbox,
        _LOOK_AROUND,
        *_MOUNT_POINTS,
        read_only={f"/{name}": tree for name, tree in trees.items()},
    )
    assert seen.exit == Exited(0), seen
    lines = seen.untrusted_stdout.decode().splitlines()
    # A directory, a mount, read-only: both trees, and /tmp.
    assert lines[:3] == ["True True True", "True True True", "True True False"]
    assert lines[3] == "image cache []"
    links = (tree / link for link in _MOUNT_POINTS for tree in trees.values())
    assert lines[4].split() == [str(link.readlink()) for link in links]
    assert lines[5:] == ["written"]  # by the link to /tmp, into the private one
    assert _listing(tmp_path) == before


def _listing(directory: Path) -> dict[str, tuple[int, int, int]]:
    """Return type, size and time of change of everything below; rights are lent to the scan."""
    found = {str(path): path.lstat() for path in (directory, *directory.rglob("*"))}
    return {path: (stat.S_IFMT(s.st_mode), s.st_size, s.st_mtime_ns) for path, s in found.items()}


def test_the_namespaces_that_are_there_are_told(sandbox: Bubblewrap) -> None:
    """As bubblewrap's status names them; not every kernel has the one for cgroups."""
    told = set(sandbox.namespaces)
    assert told - {"cgroup"} == {"user", "ipc", "mnt", "net", "pid", "uts"}
    assert ("cgroup" in told) == Path("/proc/self/ns/cgroup").exists()
    kinds = ", ".join(sandbox.namespaces)
    assert sandbox.isolation.startswith(f"bubblewrap {sandbox.version} ({kinds} namespaces), ")


@pytest.mark.parametrize(
    ("program", "reason"),
    [("/nowhere/bwrap", "install it"), (str(PYTHON), "does not start")],
)
def test_a_host_without_bubblewrap_is_refused(program: str, reason: str) -> None:
    """The message says what to mend."""
    with pytest.raises(SandboxUnavailableError, match=reason):
        Bubblewrap.probe(Path(program))
