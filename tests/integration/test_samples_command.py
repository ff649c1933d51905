"""The command that builds all samples."""

import subprocess
import sys
from pathlib import Path

import pytest

from local.samples.images import SAMPLES
from local.samples.packages import PackageCache
from tests.integration.kept_packages import CACHE, ROOT, packages

pytestmark = pytest.mark.integration
__all__ = ["packages"]


def prepare(into: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run the command where every download goes to a proxy that is not there."""
    return subprocess.run(  # noqa: S603 - this Python and our own module
        [sys.executable, "-m", "local.samples", "--into", into, "--cache", cache],
        cwd=ROOT,
        env={"https_proxy": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_builds_all_from_the_cache(packages: PackageCache, tmp_path: Path) -> None:
    """A second set-up works without network, as on a train."""
    del packages  # filled; the command finds it by its path
    done = prepare(tmp_path / "images", CACHE / "packages")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("sha256:") == len(SAMPLES)
    assert {entry.name for entry in (tmp_path / "images").iterdir()} == set(SAMPLES)


def test_the_command_says_which_package_it_could_not_get(tmp_path: Path) -> None:
    """One line on the error stream, exit status 1, no half-built sample left."""
    done = prepare(tmp_path / "images", tmp_path / "cache")
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot download https://files.pythonhosted.org/")
    assert list((tmp_path / "images").iterdir()) == []
