"""How much is tried: a short or a long search for inputs that break a parser, tables or counts."""

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


def pytest_configure(config: pytest.Config) -> None:
    """Collect what the hostile suite tells."""
    config.pluginmanager.register(Tables(config.getoption("--hostile") == "full"))
