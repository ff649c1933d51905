"""What every sandbox must hold a program to: each limit is reached, and each end has its name."""

import contextlib
import os
import signal
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from scanner.model import UnknownReason
from scanner.sandbox import Bubblewrap, Exited, Killed, Landlock, Stopped
from scanner.trivy.fault import explain
from tests.contracts.sandbox_contract import run_python
from tests.sandbox_programs import FAST, processes_with
from tests.syscall_program import Call, build

_MIB = 1 << 20
_MOUNT = Call(165, (b"none", b"/tmp", b"tmpfs", 0, 0))


def _threads_of_ours() -> int:
    """Count what the kernel counts for a user who cannot become another."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if process.stat().st_uid == os.getuid():
                count += len(list(process.glob("task/*")))
    return count


class SandboxLimitsContract:
    """The suite; a subclass has a fixture `sandbox`."""

    def test_output_has_limits(self, sandbox: Bubblewrap | Landlock) -> None:
        """The report's ends the run; messages are cut."""
        limits = replace(FAST, stdout_bytes=100_000, stderr_bytes=1000)
        endless = run_python(sandbox, "while True: print('x' * 9999)", limits=limits)
        assert endless.exit is Stopped.OUTPUT_LIMIT
        assert len(endless.untrusted_stdout) == 100_000
        code = "import sys; sys.stderr.write('y' * 500_000)"
        assert run_python(sandbox, code, limits=limits).untrusted_stderr == b"y" * 1000

    def test_memory_has_a_limit(self, sandbox: Bubblewrap | Landlock) -> None:
        """Of one process, and shared between several."""
        limits = replace(FAST, memory_bytes=100 * _MIB)
        own = run_python(sandbox, "x = bytearray(300 << 20)", limits=limits)
        assert b"MemoryError" in own.untrusted_stderr
        code = (
            "import mmap, time\n"
            "shared = mmap.mmap(-1, 150 << 20)\n"
            "for at in range(0, 150 << 20, 4096): shared[at] = 1\n"
            "time.sleep(20)\n"
        )
        assert run_python(sandbox, code, limits=limits).exit is Stopped.MEMORY_LIMIT

    @pytest.mark.parametrize("files", [1, 8])
    def test_disk_has_a_limit(self, sandbox: Bubblewrap | Landlock, files: int) -> None:
        """In one file as in several."""
        code = (
            "import os, signal, sys, time\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "for n in range(int(sys.argv[1])):\n"
            "    with open(f'{os.environ[\"TMPDIR\"]}/{n}', 'wb') as file:\n"
            "        for _ in range(16): file.write(b'x' * (1 << 20))\n"
            "        if n: time.sleep(0.1)\n"
        )
        limits = replace(FAST, temporary_bytes=24 * _MIB if files > 1 else 10 * _MIB)
        seen = run_python(sandbox, code, str(files), limits=limits)
        was_refused = seen.exit == Exited(1) and b"OSError: [Errno" in seen.untrusted_stderr
        assert was_refused or seen.exit is Stopped.DISK_LIMIT, seen

    def test_files_have_a_limit(self, sandbox: Bubblewrap | Landlock) -> None:
        """Also empty ones: each takes memory of the kernel's."""
        code = (
            "import itertools, os\n"
            "for n in itertools.count():\n"
            "    os.close(os.open(f'{os.environ[\"TMPDIR\"]}/{n}', os.O_CREAT, 0o600))\n"
        )
        limits = replace(FAST, temporary_files=500)
        assert run_python(sandbox, code, limits=limits).exit is Stopped.DISK_LIMIT

    def test_one_file_has_a_limit_of_its_own(self, sandbox: Bubblewrap | Landlock) -> None:
        """The kernel's: it holds between two looks. Python would ignore the signal."""
        code = (
            "import os, signal, sys\n"
            "signal.signal(signal.SIGXFSZ, getattr(signal, sys.argv[1]))\n"
            "with open(os.environ['TMPDIR'] + '/x', 'wb') as file: file.write(b'x' * (4 << 20))\n"
        )
        limits = replace(FAST, file_bytes=_MIB)
        assert run_python(sandbox, code, "SIG_DFL", limits=limits).exit == Killed(signal.SIGXFSZ)
        refused = run_python(sandbox, code, "SIG_IGN", limits=limits)
        assert refused.exit == Exited(1)
        assert b"OSError: [Errno 27]" in refused.untrusted_stderr

    @pytest.mark.parametrize("forks", [0, 3])
    def test_processor_time_has_a_limit(self, sandbox: Bubblewrap | Landlock, forks: int) -> None:
        """Of one process, and of several together; no signal handler puts the end off."""
        code = (
            "import os, signal, sys\n"
            "signal.signal(signal.SIGXCPU, signal.SIG_IGN)\n"
            "for _ in range(int(sys.argv[1])):\n"
            "    if os.fork() == 0: break\n"
            "while True: pass\n"
        )
        limits = replace(FAST, cpu_seconds=1)
        assert run_python(sandbox, code, str(forks), limits=limits).exit is Stopped.TIMEOUT

    def test_processor_time_of_the_dead_counts(self, sandbox: Bubblewrap | Landlock) -> None:
        """A chain of short lives would otherwise spin for ever."""
        code = (
            "import os, time\n"
            "while True:\n"
            "    if os.fork() == 0:\n"
            "        while time.process_time() < 0.1: pass\n"
            "        os._exit(0)\n"
            "    os.wait()\n"
        )
        limits = replace(FAST, cpu_seconds=1)
        assert run_python(sandbox, code, limits=limits).exit is Stopped.TIMEOUT

    def test_open_files_have_a_limit(self, sandbox: Bubblewrap | Landlock) -> None:
        """Three are the streams."""
        code = (
            "import itertools, os\n"
            "try:\n"
            "    for n in itertools.count(): os.dup(1)\n"
            "except OSError as error: print(n, error.errno)\n"
        )
        seen = run_python(sandbox, code, limits=replace(FAST, open_files=40))
        assert seen.untrusted_stdout == b"37 24\n"

    def test_processes_have_a_limit(self, sandbox: Bubblewrap | Landlock) -> None:
        """A fork bomb stops; what it left goes with it."""
        if sandbox.uid is None and os.geteuid() == 0:
            pytest.skip("the kernel counts no processes of root's")
        marker = uuid.uuid4().hex
        code = (
            "import os, signal\n"
            "for n in range(1000):\n"
            "    try: pid = os.fork()\n"
            "    except BlockingIOError: break\n"
            "    if pid == 0: signal.pause()\n"
            "print(n)\n"
        )
        limits = replace(FAST, processes=40 + (_threads_of_ours() if sandbox.uid is None else 0))
        seen = run_python(sandbox, code, marker, limits=limits)
        assert 0 < int(seen.untrusted_stdout) < limits.processes
        assert processes_with(marker) == {}

    @pytest.mark.parametrize(
        ("code", "limits", "reason"),
        [
            ("signal.pause()", {"wall_seconds": 0.5}, UnknownReason.TIMEOUT),
            ("while True: pass", {"cpu_seconds": 1}, UnknownReason.TIMEOUT),
            ("print('x' * 999)", {"stdout_bytes": 99}, UnknownReason.OUTPUT_LIMIT),
            (
                "x = mmap.mmap(-1, 99 << 20); x[::4096] = bytes(25344); signal.pause()",
                {"memory_bytes": 64 * _MIB},
                UnknownReason.MEMORY_LIMIT,
            ),
            (
                "for n in range(300): os.mkdir(f'{TMP}/{n}')\nsignal.pause()",
                {"temporary_files": 200},
                UnknownReason.DISK_LIMIT,
            ),
            (
                "signal.signal(25, signal.SIG_DFL); open(TMP + '/x', 'wb').write(bytes(9999))",
                {"file_bytes": 5000},
                UnknownReason.DISK_LIMIT,
            ),
            ("os.abort()", {}, UnknownReason.SCANNER_CRASH),
            ("sys.exit(7)", {}, UnknownReason.SCANNER_CRASH),
        ],
    )
    def test_each_end_has_its_name(
        self,
        sandbox: Bubblewrap | Landlock,
        code: str,
        limits: dict[str, float],
        reason: UnknownReason,
    ) -> None:
        """The one that the report gives."""
        code = f"import mmap, os, signal, sys\nTMP = os.environ['TMPDIR']\n{code}"
        seen = run_python(sandbox, code, limits=replace(FAST, **limits))  # type: ignore[arg-type]
        assert explain(seen.exit, seen.untrusted_stderr).reason is reason, seen

    @pytest.mark.skipif(os.uname().machine != "x86_64", reason="the program is x86-64's")
    def test_a_forbidden_call_is_a_violation(
        self, sandbox: Bubblewrap | Landlock, tmp_path: Path
    ) -> None:
        """Under the filter itself."""
        (tmp_path / "program").write_bytes(build([_MOUNT]))
        (tmp_path / "program").chmod(0o755)
        seen = sandbox.run(tmp_path / "program", [], read_only={}, environment={}, limits=FAST)
        told = explain(seen.exit, seen.untrusted_stderr)
        assert told.reason is UnknownReason.SANDBOX_VIOLATION
