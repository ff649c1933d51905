"""How much is tried, and where: each session has a temporary folder that no other one touches."""

import os
import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, settings

from tests.hostile.tables import Tables

_FULL_HEALTH = (HealthCheck.too_slow,)  # two processors, shared with real programs
settings.register_profile(
    "short", max_examples=60, deadline=2000, suppress_health_check=_FULL_HEALTH
)
settings.register_profile(
    "long", max_examples=20_000, deadline=2000, suppress_health_check=_FULL_HEALTH
)
settings.load_profile("short")  # `--hypothesis-profile long` replaces it


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the one option of our own."""
    parser.addoption(
        "--hostile",
        choices=("short", "full"),
        default="short",
        help="full: print all of the hostile suite's tables, and try more scans in a row",
    )


_ROOT = "PYTEST_DEBUG_TEMPROOT"
_own_root = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder, and collect what the hostile suite tells.

    pytest would use one folder for all sessions, and close it at the start of each to every other
    user: a scan that runs under its own could no longer read what it was given.
    """
    if _ROOT not in os.environ:
        config.stash[_own_root] = os.environ[_ROOT] = tempfile.mkdtemp(prefix="tests-")
    config.pluginmanager.register(Tables(config.getoption("--hostile") == "full"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder, if it was this process that made it."""
    root = config.stash.get(_own_root, None)
    if root is not None:
        del os.environ[_ROOT]
        shutil.rmtree(root, ignore_errors=True)
