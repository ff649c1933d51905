"""What a program may do to the single files that it is given to write to, in every sandbox."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from scanner.errors import SandboxUnavailableError
from scanner.sandbox import Bubblewrap, Exited, Landlock, Stopped
from tests.contracts.sandbox_contract import run_python
from tests.sandbox_programs import FAST, PYTHON

_NESTED = "/cache/fanal/fanal.db"
_MIB = 1 << 20


class SandboxWritableContract:
    """The suite; a subclass has a fixture `sandbox`."""

    @pytest.fixture
    def given(self, tmp_path: Path) -> Path:
        """Make a folder with a file that is given away, and one beside it that is not."""
        folder = tmp_path / "host"
        folder.mkdir(mode=0o755)
        (folder / "given").write_bytes(b"before")
        (folder / "beside").write_bytes(b"beside")
        return folder / "given"

    def test_what_the_program_writes_is_read_by_the_host(
        self, sandbox: Bubblewrap | Landlock, given: Path
    ) -> None:
        """By a name below others too; what was in it can be read, and shortened."""
        code = (
            "with open('cache/fanal/fanal.db', 'r+b') as file:\n"
            "    print(file.read().decode())\n"
            "    file.truncate(3)\n"
            "    file.seek(0, 2)\n"
            "    file.write(b' and after')\n"
        )
        seen = run_python(sandbox, code, writable={_NESTED: given})
        assert (seen.exit, seen.untrusted_stdout) == (Exited(0), b"before\n")
        assert given.read_bytes() == b"bef and after"

    def test_it_lies_beside_inputs_of_the_same_folder(
        self, sandbox: Bubblewrap | Landlock, given: Path, tmp_path: Path
    ) -> None:
        """As Trivy's cache has its databases and its records; the input stays as it was."""
        database = tmp_path / "database"
        database.mkdir()
        (database / "trivy.db").write_bytes(b"advisories")
        code = (
            "print(open('cache/db/trivy.db').read())\n"
            "open('cache/fanal/fanal.db', 'wb').write(b'after')\n"
            "for path in ('cache/db/trivy.db', 'cache/db/new', 'cache/new', 'cache/fanal/new'):\n"
            "    try: open(path, 'wb').close()\n"
            "    except OSError: print('refused')\n"
        )
        seen = run_python(
            sandbox, code, read_only={"/cache/db": database}, writable={_NESTED: given}
        )
        assert seen.untrusted_stdout.split() == [b"advisories", *[b"refused"] * 4]
        assert given.read_bytes() == b"after"
        assert [path.read_bytes() for path in database.iterdir()] == [b"advisories"]
        assert {path.name for path in given.parent.iterdir()} == {"given", "beside"}

    @pytest.mark.parametrize(
        "act",
        [
            "os.unlink(PATH)",
            "os.rename(PATH, PATH + '2')",
            "os.rename(PATH, TMP + '/x')",
            "open(TMP + '/x', 'w').close(); os.rename(TMP + '/x', PATH)",
            "open(TMP + '/x', 'w').close(); os.link(TMP + '/x', PATH + '2')",
            "os.link(PATH, TMP + '/x')",
            "os.symlink('/etc/passwd', PATH + '2')",
            "os.unlink(REAL)",
            "os.rename(REAL, TMP + '/x')",
            "open(os.path.dirname(REAL) + '/beside').read()",
            "open(os.path.dirname(REAL) + '/beside', 'w')",
            "open(os.path.dirname(REAL) + '/new', 'w')",
            "os.listdir(os.path.dirname(REAL))",
        ],
    )
    def test_it_cannot_be_removed_replaced_or_renamed(
        self, sandbox: Bubblewrap | Landlock, given: Path, act: str
    ) -> None:
        """Neither by its name inside nor by that of the host; what lies beside is out of reach."""
        given.parent.chmod(0o755)
        before = given.stat().st_ino
        code = (
            "import os, sys\n"
            "PATH, REAL, TMP = 'cache/fanal/fanal.db', sys.argv[1], os.environ['TMPDIR']\n"
            f"try: {act}\n"
            "except OSError: print('refused')\n"
        )
        seen = run_python(sandbox, code, str(given), writable={_NESTED: given})
        assert seen.untrusted_stdout == b"refused\n", seen.untrusted_stderr
        assert (given.stat().st_ino, given.stat().st_nlink) == (before, 1)
        assert not given.is_symlink()
        assert {path.name: path.read_bytes() for path in given.parent.iterdir()} == {
            "given": b"before",
            "beside": b"beside",
        }

    def test_it_cannot_grow_beyond_the_limit_of_a_file(
        self, sandbox: Bubblewrap | Landlock, given: Path
    ) -> None:
        """The kernel's: it holds between two looks of the watchdog, and for a hole too."""
        code = (
            "import os, signal\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "with open('cache/fanal/fanal.db', 'r+b', buffering=0) as file:\n"
            "    for grow in (lambda: file.truncate(4 << 20), lambda: os.pwrite(file.fileno(),\n"
            "                 b'x', 4 << 20), lambda: file.write(b'x' * (4 << 20))):\n"
            "        try: grow()\n"
            "        except OSError as error: print(error.errno)\n"
        )
        limits = replace(FAST, file_bytes=_MIB)
        seen = run_python(sandbox, code, writable={_NESTED: given}, limits=limits)
        assert seen.exit in {Exited(0), Stopped.DISK_LIMIT}, seen
        assert given.stat().st_size <= _MIB

    def test_a_file_that_is_not_there_is_our_fault(
        self, sandbox: Bubblewrap | Landlock, tmp_path: Path
    ) -> None:
        """Nothing is made in its place."""
        with pytest.raises(SandboxUnavailableError):
            run_python(sandbox, "", writable={_NESTED: tmp_path / "nowhere"})
        assert not (tmp_path / "nowhere").exists()

    @pytest.mark.parametrize("inside", ["/image/x", "/image", "/", "/tmp/x", "/tmp"])  # noqa: S108 - paths inside
    def test_it_never_lies_below_an_input(
        self, sandbox: Bubblewrap | Landlock, given: Path, inside: str
    ) -> None:
        """Nothing is ever made in a hostile tree (CVE-2026-87766)."""
        with pytest.raises(ValueError, match=inside):
            sandbox.run(
                PYTHON,
                [],
                read_only={"/image": given.parent},
                writable={inside: given},
                environment={},
                limits=FAST,
            )
        assert given.read_bytes() == b"before"

    def test_only_it_is_given_to_the_scans_user(
        self, sandbox: Bubblewrap | Landlock, given: Path, tmp_path: Path
    ) -> None:
        """Where the worker is root; an input is lent for reading, and stays root's."""
        if sandbox.uid is None:
            pytest.skip("the sandbox has no user of its own")
        image = tmp_path / "image"
        image.mkdir()
        (image / "blob").touch()
        run_python(sandbox, "", read_only={"/image": image}, writable={_NESTED: given})
        owners = [path.stat().st_uid for path in (given, given.parent, image, image / "blob")]
        assert owners == [sandbox.uid, *[os.geteuid()] * 3]
        assert (given.parent / "beside").stat().st_uid == os.geteuid()
