"""What every sandbox must do to a program, whatever confines it.

The program is Python, and so without the system-call filter, under which no library can be loaded:
what is shown here holds by the sandbox's own means. `tests/hostile` attacks both together.
"""

import contextlib
import os
import re
import signal
import struct
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scanner.errors import SandboxUnavailableError
from scanner.sandbox import Bubblewrap, Completed, Exited, Killed, Landlock, Limits, Stopped
from tests.sandbox_programs import FAST, PYTHON, processes_with, unavailable

_LET_ALL_THROUGH = struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF0000)
_LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
_LIBRARIES = ("/usr", "/lib", "/lib64")


def run_python(
    sandbox: Bubblewrap | Landlock,
    code: str,
    *arguments: str,
    limits: Limits = FAST,
    read_only: dict[str, Path] | None = None,
    writable: dict[str, Path] | None = None,
) -> Completed:
    """Run a piece of Python. The loader is the program: a sandbox lets nothing else be executed."""
    loader = next(filter(Path.exists, map(Path, _LOADERS)), None)
    if loader is None or not PYTHON.is_relative_to("/usr"):
        unavailable("no system Python with the loader of glibc")
    libraries = {name: Path(name) for name in _LIBRARIES if Path(name).exists()}
    return replace(sandbox, system_calls=_LET_ALL_THROUGH).run(
        loader.resolve(),
        [str(PYTHON), "-S", "-B", "-c", code, *arguments],
        read_only={**libraries, **(read_only or {})},
        writable=writable or {},
        environment={"PYTHONHOME": "/usr"},
        limits=limits,
    )


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


def _descriptors() -> Iterator[str]:
    """Each by number and by what it leads to. What other tests left open may close meanwhile."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            yield f"{descriptor.name} -> {descriptor.readlink()}"


class SandboxContract:
    """The suite; a subclass has a fixture `sandbox`."""

    def test_an_input_is_found_by_its_name(
        self, sandbox: Bubblewrap | Landlock, tmp_path: Path
    ) -> None:
        """In the working directory, though nobody else may read it."""
        layout = tmp_path / "closed" / "layout"
        layout.mkdir(parents=True, mode=0o700)
        layout.parent.chmod(0o700)
        (layout / "blob").write_text("content")
        (layout / "blob").chmod(0o600)
        code = "import os; print(open('image/blob').read(), *os.listdir('image'))"
        seen = run_python(sandbox, code, read_only={"/image": layout})
        assert (seen.exit, seen.untrusted_stdout) == (Exited(0), b"content blob\n")

    def test_other_files_are_out_of_reach(
        self, sandbox: Bubblewrap | Landlock, tmp_path: Path
    ) -> None:
        """Beside an input, above it, and the host's own."""
        (tmp_path / "image").mkdir()
        (tmp_path / "secret").write_text("secret")
        (tmp_path / "image" / "link").symlink_to(tmp_path / "secret")
        tmp_path.chmod(0o755)
        code = (
            "import sys\n"
            "for path in sys.argv[1:]:\n"
            "    try: print('read', path, open(path).read())\n"
            "    except OSError: print('refused')\n"
        )
        paths = [str(tmp_path / "secret"), "image/link", "image/../secret", "/etc/passwd"]
        paths += ["/proc/self/environ", "/proc/1/cmdline", "/dev/null"]
        seen = run_python(sandbox, code, *paths, read_only={"/image": tmp_path / "image"})
        assert seen.untrusted_stdout.split() == [b"refused"] * len(paths)

    def test_the_environment_is_what_was_named(
        self, sandbox: Bubblewrap | Landlock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing of the worker's environment arrives."""
        monkeypatch.setenv("IDENTITY_HEADER", "a-token")
        seen = run_python(sandbox, "import os; print(*sorted(os.environ))")
        # Python sets one itself, and bubblewrap another.
        names = set(seen.untrusted_stdout.decode().split()) - {"LC_CTYPE", "PWD"}
        assert names == {"HOME", "PYTHONHOME", "TMPDIR"}

    def test_no_descriptor_but_the_three_streams_is_open(
        self, sandbox: Bubblewrap | Landlock, tmp_path: Path
    ) -> None:
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

    def test_there_is_no_capability(self, sandbox: Bubblewrap | Landlock) -> None:
        """Neither in effect nor to be regained; no further namespace can be made."""
        code = (
            "import ctypes, struct\n"
            "libc = ctypes.CDLL(None)\n"
            "sets = ctypes.create_string_buffer(24)\n"
            "libc.capget(struct.pack('<Ii', 0x20080522, 0), sets)\n"
            "print(any(sets.raw), libc.prctl(39, 0, 0, 0, 0), libc.unshare(0x20000))\n"
        )
        seen = run_python(sandbox, code)
        assert seen.untrusted_stdout == b"False 1 -1\n"

    def test_only_the_private_directory_is_writable(
        self, sandbox: Bubblewrap | Landlock, tmp_path: Path
    ) -> None:
        """Neither the working directory nor an input; and afterwards it is gone."""
        code = (
            "import os\n"
            "for path in ('x', 'image/x', os.environ['TMPDIR'] + '/x'):\n"
            "    try: open(path, 'w').close()\n"
            "    except OSError: print('refused')\n"
            "    else: print('written')\n"
            "print(os.environ['TMPDIR'] == os.environ['HOME'])\n"
            "print(os.environ['TMPDIR'])\n"
        )
        tmp_path.chmod(0o777)
        seen = run_python(sandbox, code, read_only={"/image": tmp_path})
        *rights, same, private = seen.untrusted_stdout.decode().split()
        assert (rights, same) == (["refused", "refused", "written"], "True")
        assert not list(tmp_path.iterdir())
        assert not Path(private, "x").exists()

    def test_an_end_is_told(self, sandbox: Bubblewrap | Landlock) -> None:
        """A crash is not an exit code."""
        kill = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
        assert run_python(sandbox, kill).exit == Killed(signal.SIGSEGV)
        assert run_python(sandbox, "raise SystemExit(1)").exit == Exited(1)

    def test_the_report_tells_what_confines(self, sandbox: Bubblewrap | Landlock) -> None:
        """Backend with its version, features, filter and kernel, in one form."""
        kernel = re.escape(os.uname().release)
        form = rf"[a-z]+ (ABI )?[0-9.]+ \([A-Za-z, ]+\), seccomp, Linux {kernel}"
        assert re.fullmatch(form, sandbox.isolation), sandbox.isolation

    def test_the_wall_clock_ends_the_whole_tree(self, sandbox: Bubblewrap | Landlock) -> None:
        """Sessions of their own and ignored signals do not help."""
        marker = uuid.uuid4().hex
        began = time.monotonic()
        code = f"{_STUBBORN}\nwhile True: signal.pause()"
        seen = run_python(sandbox, code, marker, limits=replace(FAST, wall_seconds=1.0))
        assert (seen.exit, seen.untrusted_stdout) == (Stopped.TIMEOUT, b"ready\n")
        assert time.monotonic() - began < 6.0
        assert processes_with(marker) == {}

    def test_daemons_do_not_outlive_the_program(self, sandbox: Bubblewrap | Landlock) -> None:
        """The program ends by itself; what it left behind holds the pipes, and is gone too."""
        marker = uuid.uuid4().hex
        assert run_python(sandbox, _STUBBORN, marker).exit == Exited(0)
        assert processes_with(marker) == {}

    def test_a_run_leaves_no_child_and_no_descriptor(self, sandbox: Bubblewrap | Landlock) -> None:
        """Over runs that end in every way."""

        def state() -> list[str]:
            children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
            return [f"child {pid}" for pid in children.split()] + sorted(_descriptors())

        run_python(sandbox, "")
        before = state()
        run_python(sandbox, "print('x' * 5000)", limits=replace(FAST, stdout_bytes=100))
        run_python(sandbox, "import signal; signal.pause()", limits=replace(FAST, wall_seconds=0.3))
        with pytest.raises(SandboxUnavailableError):
            run_python(sandbox, "", read_only={"/image": Path("/nowhere")})
        left = [entry for entry in state() if entry not in before]
        assert not left, f"{left} were not there before"

    def test_what_is_no_program_is_our_fault(
        self, sandbox: Bubblewrap | Landlock, tmp_path: Path
    ) -> None:
        """It raises; the image is not blamed."""
        (tmp_path / "data").write_bytes(bytes(64))
        for program in (Path("/no-such-program"), tmp_path / "data"):
            with pytest.raises(SandboxUnavailableError):
                sandbox.run(program, [], read_only={}, environment={}, limits=FAST)

    @pytest.mark.parametrize("inside", ["/image/below", "/tmp/below", "/tmp", "/"])  # noqa: S108 - paths inside
    def test_no_input_lies_below_another(
        self, sandbox: Bubblewrap | Landlock, tmp_path: Path, inside: str
    ) -> None:
        """Nothing is ever made in a hostile tree (CVE-2026-87766)."""
        read_only = {"/image": tmp_path, inside: tmp_path}
        with pytest.raises(ValueError, match=inside):
            sandbox.run(PYTHON, [], read_only=read_only, environment={}, limits=FAST)
