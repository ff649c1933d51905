"""`pushscan policy check`, what `show` says of decisions, and what `doctor` says of the policy."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scanner.cli import policy_check
from scanner.cli.doctor import Outcome
from scanner.exploits import read_table
from scanner.model import Outcome as Decided
from scanner.model.exploits import EPSS, KNOWN_EXPLOITED
from scanner.policy.default import default_text
from scanner.ports.exploits import TableUpdate
from scanner.rulebooks import Rulebooks
from tests.command_line import HOSTILE, OBEYED, pushscan
from tests.examples import NOW
from tests.fakes import (
    InMemoryExploitArchive,
    InMemoryPolicyArchive,
    InMemoryPolicyFolder,
    InMemoryReportStore,
)
from tests.reports import judged_report

DAY = timedelta(days=1)
NAME = "contoso.azurecr.io/shop/cart:v7"
POLICY = """\
version: 1
name: contoso
severity_sources: [nvd, ghsa]
rules:
  - name: high
    where: {repositories: ["prod/**"], tags: ["v*"]}
    what: {kind: vulnerability, severity: HIGH, fixable: true, epss: 0.1}
    outcome: blocks
    grace_days: 14
  - {name: ended, what: {kind: end-of-life}, outcome: warns}
"""
EXEMPTIONS = """\
version: 1
exemptions:
  - {ids: CVE-2026-1, images: "**", owner: jane, reason: why not, expires: 2020-12-31}
"""


def check(*files: Path, json: bool = False) -> tuple[int, str, str]:
    """Run the command: exit status, what it printed, what it complained of."""
    arguments = [str(file) for file in files] + (["--json"] if json else [])
    result = pushscan("policy", "check", *arguments, store=InMemoryReportStore())
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A policy in a file."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def test_a_policy_is_read_aloud(policy: Path) -> None:
    """Each rule in a sentence, in their order; then what holds for all."""
    status, said, complaints = check(policy)
    assert (status, complaints) == (0, "")
    for text in (
        "policy contoso  sha256:",
        "1  high   blocks (warns for 14 days): vulnerabilities, with a fix, HIGH or worse, EPSS",
        "EPSS 0.1 or higher; only in repositories prod/** and tags v*",
        "2  ended  warns: distributions past their end of life",
        "severity: nvd, then ghsa, then the scanner's choice",
        "advisories older than 72 h prove nothing",
        "exemptions last 180 days at most",
    ):
        assert text in said


def test_exemptions_are_held_against_the_policy_beside_them(policy: Path) -> None:
    """In whatever order they are named; what has ended is told."""
    exemptions = policy.with_name("exemptions.yaml")
    exemptions.write_text(EXEMPTIONS)
    status, said, _ = check(exemptions, policy)
    assert status == 0
    assert "CVE-2026-1 of images ** ENDED on 2020-12-31: jane: why not" in said
    exemptions.write_text(EXEMPTIONS.replace("2020", "2999"))
    policy.write_text(POLICY.replace("rules:", "max_exemption_days: 30\nrules:"))
    status, _, complaints = check(exemptions, policy)
    assert status == 1
    assert "more than 30 days ahead" in complaints


def test_every_fault_of_every_file_is_told(policy: Path, tmp_path: Path) -> None:
    """Exit 1; in JSON, too."""
    policy.write_text(POLICY.replace("HIGH", "HUGE").replace("warns", "shouts"))
    vex = tmp_path / "a.json"
    vex.write_text("{}")
    files = (policy, vex, tmp_path / "none.yaml")
    status, _, complaints = check(*files)
    assert status == 1
    faults = (
        f"{policy}:7: rules[1].what.severity is 'HUGE'",
        f"{policy}:10: rules[2].outcome is 'shouts'",
        f"{vex}:1: is not OpenVEX 0.2",
        f"{tmp_path}/none.yaml:1: cannot be read: No such file or directory",
    )
    status, said, _ = check(*files, json=True)
    document = json.loads(said)
    assert (status, document["ok"], len(document["faults"])) == (1, False, 4)
    for fault in faults:
        assert fault in complaints
        assert any(fault in one for one in document["faults"])


def test_the_shipped_policy_passes_its_own_check(tmp_path: Path) -> None:
    """Whoever copies it begins with something that works."""
    copied = tmp_path / "mine.yaml"
    copied.write_bytes(default_text())
    assert check(copied)[0] == 0


def test_hostile_files_are_inert(policy: Path) -> None:
    """Somebody else may have written them."""
    policy.write_text(json.dumps({HOSTILE: 1, "name": HOSTILE, "version": HOSTILE}))
    _, said, complaints = check(policy)
    assert not [one for one in OBEYED if one in said + complaints]


def test_each_finding_is_shown_with_its_rule() -> None:
    """What blocks comes first; until when, by what exemption, and what was not known."""
    report = judged_report()
    blocks, accepted, informs = report.decisions
    decisions = (
        replace(blocks, outcome=Decided.WARNS, due=NOW + DAY),
        replace(accepted, due=NOW + 2 * DAY),
        replace(informs, outcome=Decided.BLOCKS, rule="root", due=None, unknown_inputs=()),
    )
    store = InMemoryReportStore()
    store.save(replace(report, decisions=decisions))
    shown = pushscan("show", NAME, store=store).stdout
    rows = (
        "LOW       root-user  misconfiguration",
        "blocks by rule root",
        "HIGH      CVE-2019-10906  jinja2 2.10 -> 2.10.1",
        "warns by rule severity-threshold until 2026-11-23 12:00 UTC; not known: epss",
        "CRITICAL  github-pat  secret  app/.env:3",
        "accepted by exemptions.yaml#1 until 2026-11-24 12:00 UTC, against rule severity-threshold",
    )
    assert [row for row in rows if row not in shown] == []
    places = [shown.index(row) for row in rows]
    assert places == sorted(places)


def rulebooks() -> Rulebooks:
    """Return those of a worker on a machine where nothing was ever judged."""
    return Rulebooks(
        folder=InMemoryPolicyFolder(documents={"policy.yaml": POLICY.encode()}),
        policy="policy.yaml",
        archive=InMemoryPolicyArchive(),
        tables=InMemoryExploitArchive(),
        clock=lambda: NOW,
    )


def test_doctor_tells_which_policy_is_in_force() -> None:
    """And puts none in force."""
    own = rulebooks()
    before = policy_check.examine(own)
    assert (before.outcome, own.archive.in_force()) == (Outcome.OK, None)
    assert "not in force before the first job" in before.detail
    own.update()
    assert "contoso (sha256:" in policy_check.examine(own).detail
    own.archive.note_fault("policy.yaml:3: is wrong")
    broken = policy_check.examine(own)
    assert broken.outcome is Outcome.WARN
    assert "not in force: policy.yaml:3: is wrong" in broken.detail


def test_doctor_tells_of_tables() -> None:
    """Whether a rule asks for them, which are in force, how old, and how the last look went."""
    own = rulebooks()
    own.update()

    def told(table: str = EPSS, *, is_wanted: bool = True, days: int = 1) -> tuple[Outcome, str]:
        diagnosis = policy_check.examine_table(
            own, table, is_wanted=is_wanted, now=NOW + days * DAY
        )
        return diagnosis.outcome, diagnosis.detail

    assert told(is_wanted=False) == (Outcome.WARN, "not used: set PUSHSCAN_EPSS_SOURCE")
    assert told(KNOWN_EXPLOITED, is_wanted=False) == (
        Outcome.OK,
        "not used: set PUSHSCAN_KEV_SOURCE; no rule asks for it",
    )
    own.tables.note(EPSS, TableUpdate(ended_at=NOW, failure="example.org: answered 503"))
    assert told() == (
        Outcome.WARN,
        "none is in force yet; the look of 2026-11-22 12:00 UTC failed: example.org: answered 503",
    )
    content = b"#score_date:2026-11-22T12:00:00Z\ncve,epss,percentile\nCVE-2026-0001,0.5,0.5\n"
    table = read_table(EPSS, content)
    own.archive.put_table_in_force(table.version)
    own.tables.note(EPSS, TableUpdate(ended_at=NOW))
    assert told() == (Outcome.OK, "of 2026-11-22 12:00 UTC, 24 h old")
    assert told(days=30) == (
        Outcome.WARN,
        "of 2026-11-22 12:00 UTC, 30 d old: tells nothing after 30 days",
    )
