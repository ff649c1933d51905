import json
import re
from dataclasses import replace

import pytest

from scanner.model import Digest, OperatingSystem, Platform, Report, Status, Verdict
from tests.command_line import HOSTILE, OBEYED, pushscan
from tests.examples import finding, scan_report
from tests.reports import index_report, unhealthy_report
from tests.shown_reports import NAME, store_of


def _hostile_report() -> Report:
    """Return a report in which every text is hostile."""
    hostile = replace(
        finding(),
        vulnerability=HOSTILE,
        package=HOSTILE,
        installed_version=HOSTILE,
        fixed_version=HOSTILE,
        title=HOSTILE,
        url=HOSTILE,
        target=HOSTILE,
    )
    return replace(
        unhealthy_report(),
        platform=Platform(os=HOSTILE, architecture=HOSTILE),
        verdict=Verdict(
            status=Status.UNHEALTHY, rule=HOSTILE, explanation=HOSTILE, violations=(hostile,)
        ),
        scan=scan_report(
            hostile,
            warnings=(HOSTILE,),
            operating_system=OperatingSystem(family=HOSTILE, name=HOSTILE),
        ),
    )


def test_hostile_text_is_inert() -> None:
    """It is shown as escapes: nothing moves the cursor, links, reorders or colours."""
    shown = pushscan("show", NAME, store=store_of(_hostile_report())).stdout
    assert not [character for character in OBEYED if character in shown]
    assert "\\x1b[31mred\\x1b]8;;https://evil.example" in shown
    assert "[red]bold[/red]" in shown
    assert ":skull:" in shown


def test_hostile_text_is_inert_in_json_too() -> None:
    """JSON may hold C1 and bidi as they are; a terminal would obey them."""
    output = pushscan("show", NAME, "--json", store=store_of(_hostile_report())).stdout
    assert output.isascii()
    assert not [character for character in OBEYED if character in output]
    assert json.loads(output)["verdict"]["explanation"] == HOSTILE


def test_hostile_text_is_inert_in_an_index() -> None:
    """Platforms come from the index's own JSON."""
    report = _hostile_report()
    index = index_report(
        (Platform(os=HOSTILE, architecture="x"), report), digest=Digest("sha256:" + "1d" * 32)
    )
    index = replace(index, id="1" * 64, image=replace(index.image, tag="all"))
    store = store_of(report, index)
    shown = pushscan("show", "contoso.azurecr.io/shop/cart:all", store=store).stdout
    assert "Platforms" in shown
    assert not [character for character in OBEYED if character in shown]


def test_on_a_terminal_only_our_own_colours_are_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is wider than the screen, but names that people copy."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    shown = pushscan("show", NAME, store=store_of(_hostile_report())).stdout
    assert "\x1b[1;31mUNHEALTHY" in shown
    ours = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert not [character for character in OBEYED if character in ours]
    assert "\\x1b[31mred" in ours
    assert all(len(line) <= 80 for line in ours.splitlines() if "@sha256:" not in line)
