"""The settings of what one scan may use."""

from dataclasses import fields
from pathlib import Path

import pytest

from scanner import settings
from scanner.environment import Environment
from scanner.errors import SettingsError
from scanner.limit_settings import read_limits
from scanner.model.limits import Limits
from scanner.wiring import Wiring
from tests.unit.test_settings import COMPLETE

_MIB = 1 << 20
# Setting, least and most that it may be, field of `Limits`, bytes of its unit.
_SETTINGS = [
    ("PUSHSCAN_SCAN_SECONDS", 1, 540, "wall_seconds", 1),
    ("PUSHSCAN_SCAN_CPU_SECONDS", 1, 34_560, "cpu_seconds", 1),
    ("PUSHSCAN_SCAN_PROCESSORS", 1, 64, "processors", 1),
    ("PUSHSCAN_SCAN_MEMORY_MIB", 128, 65_536, "memory_bytes", _MIB),
    ("PUSHSCAN_SCAN_PROCESSES", 32, 4096, "processes", 1),
    ("PUSHSCAN_SCAN_OPEN_FILES", 32, 4096, "open_files", 1),
    ("PUSHSCAN_SCAN_FILE_MIB", 1, 65_536, "file_bytes", _MIB),
    ("PUSHSCAN_SCAN_TEMPORARY_MIB", 1, 65_536, "temporary_bytes", _MIB),
    ("PUSHSCAN_SCAN_TEMPORARY_FILES", 100, 1_000_000, "temporary_files", 1),
    ("PUSHSCAN_SCAN_STDOUT_KIB", 1, 65_536, "stdout_bytes", 1 << 10),
    ("PUSHSCAN_SCAN_STDERR_KIB", 1, 65_536, "stderr_bytes", 1 << 10),
]
_README = Path(__file__).parents[2].joinpath("README.md").read_text(encoding="utf-8")


def test_every_limit_has_a_setting() -> None:
    """And there is no setting of a scan that is no limit."""
    environment = Environment({})
    assert read_limits(environment) == Limits()
    assert environment.names_read == {name for name, *_ in _SETTINGS}
    assert {field for *_, field, _ in _SETTINGS} == {field.name for field in fields(Limits)}


@pytest.mark.parametrize(("name", "least", "most", "field", "unit"), _SETTINGS)
def test_a_limit_is_read_in_its_unit(
    name: str, least: int, most: int, field: str, unit: int
) -> None:
    """Both bounds are allowed, and reach the scanner; the next numbers are refused by name."""
    for number in (least, most):
        read = settings.read(COMPLETE | {name: str(number)})
        assert getattr(Wiring(read).scanner.limits, field) == number * unit
    for refused in (str(least - 1), str(most + 1), "-1", "1.5", "many"):
        with pytest.raises(SettingsError, match=f"^settings: {name} is not a whole number from "):
            settings.read(COMPLETE | {name: refused})


@pytest.mark.parametrize(("name", "least", "most", "field", "unit"), _SETTINGS)
def test_the_readme_tells_each_default(
    name: str, least: int, most: int, field: str, unit: int
) -> None:
    """As it is, and within the bounds."""
    default = int(getattr(Limits(), field)) // unit
    assert f"| `{name}` | `{default}` |" in _README
    assert least <= default <= most
