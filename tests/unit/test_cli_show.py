import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from scanner.errors import StoreError
from scanner.model import (
    Digest,
    FixStatus,
    ImageFacts,
    OperatingSystem,
    Platform,
    Report,
    Severity,
    Status,
    Verdict,
    Weakness,
    WeaknessKind,
)
from scanner.ports import Check
from scanner.store import report_json
from tests.command_line import HOSTILE, OBEYED, pushscan
from tests.examples import DIGEST, IMAGE, NOW, finding, scan_report
from tests.fakes import InMemoryReportStore
from tests.reports import (
    AMD64,
    ARM64,
    decided,
    deleted_report,
    healthy_report,
    index_report,
    not_applicable_report,
    unhealthy_report,
    unknown_report,
)

NAME = "contoso.azurecr.io/shop/cart:v7"


def _store(*reports: Report) -> InMemoryReportStore:
    store = InMemoryReportStore()
    for report in reports:
        store.save(report)
    return store


def test_a_deleted_image_is_shown_with_what_was_said_before() -> None:
    """The verdict is history, not gone."""
    judged, gone = unhealthy_report(), deleted_report(as_of=NOW + timedelta(hours=1))
    result = pushscan("show", NAME, store=_store(judged, gone))
    assert result.exit_code == 0
    for text in (
        "NOT-APPLICABLE (deleted)",
        "Before it was deleted",
        f"UNHEALTHY  {judged.verdict.explanation}",
        f"judged 2026-11-22 12:00 UTC, report {judged.id}",
    ):
        assert text in result.stdout


def test_an_image_that_lost_its_tag_says_so() -> None:
    """It is shown under its digest; the tag means another image."""
    moved = healthy_report(requested_at=NOW + timedelta(hours=1))
    moved = replace(moved, image=replace(moved.image, digest=Digest("sha256:" + "a6" * 32)))
    store = _store(unhealthy_report(), moved)
    result = pushscan("show", f"contoso.azurecr.io/shop/cart@{DIGEST}", store=store)
    assert "Untagged" in result.stdout
    assert "Untagged" not in pushscan("show", NAME, store=store).stdout


def test_a_verdict_is_shown_with_all_that_it_rests_on() -> None:
    """Verdict, why, counts, findings with fix and link, scanner, advisories, time."""
    result = pushscan("show", NAME, store=_store(decided(unhealthy_report())))
    assert result.exit_code == 0
    for text in (
        NAME,
        str(DIGEST),
        "UNHEALTHY",
        "2 findings at or above HIGH, the worst CRITICAL.",
        "severity-threshold",
        "1 critical, 1 high, 0 medium, 0 low, 0 unknown",
        "debian 12.15, 88 packages, linux/amd64",
        "trivy 0.76.0 in bubblewrap 0.12.0",
        "mirror.gcr.io/aquasec/trivy-db:2 of 2026-11-22 12:00 UTC",
        "2026-11-22 12:00 UTC, 5 h ago",
        "CVE-2019-10906  jinja2 2.10 -> 2.10.1",
        "https://example.org/CVE-2019-10906",
        "Upgrade jinja2 (python-pkg) from 2.10 to 2.10.1 (clears CVE-2019-10906)",
        "app/broken.jar: not a zip file",
    ):
        assert text in result.stdout


def test_the_worst_findings_come_first_and_the_rest_is_counted() -> None:
    """Ten are shown."""
    low = [
        replace(finding(Severity.LOW), vulnerability=f"CVE-2020-1{n:03}", package=f"low{n:02}")
        for n in range(10)
    ]
    scan = scan_report(*low, finding(Severity.MEDIUM), finding(Severity.CRITICAL))
    shown = pushscan("show", NAME, store=_store(replace(healthy_report(), scan=scan))).stdout
    assert "the worst 10 of 12" in shown
    assert shown.index("CRITICAL  ") < shown.index("MEDIUM  ") < shown.index("low00")
    assert "low07" in shown
    assert "low08" not in shown


def test_secrets_and_settings_are_shown_by_their_place() -> None:
    """What would have to be changed, and where; the worst come first, and the rest is counted."""
    secrets = [
        Weakness(
            kind=WeaknessKind.SECRET,
            id="github-pat",
            severity=Severity.CRITICAL,
            title="GitHub Personal Access Token",
            path=f"app/{HOSTILE}.env",
            line=line,
            layer_diff_id="sha256:" + "1a" * 32,
        )
        for line in range(1, 13)
    ]
    root = Weakness(
        kind=WeaknessKind.MISCONFIGURATION,
        id="root-user",
        severity=Severity.MEDIUM,
        title="it runs as root",
    )
    report = replace(
        healthy_report(),
        scan=replace(scan_report(), weaknesses=tuple(secrets)),
        facts=ImageFacts(weaknesses=(root,)),
    )
    shown = pushscan("show", NAME, store=_store(report)).stdout
    assert "Secrets, the worst 10 of 12" in shown
    assert "CRITICAL  GitHub Personal Access Token  app/" in shown
    assert ".env:10\n" in shown
    assert ".env:11\n" not in shown
    assert f"github-pat, in layer sha256:{'1a' * 32}" in shown
    assert "Settings\n  MEDIUM    it runs as root\n            root-user\n" in shown
    assert not [character for character in OBEYED if character in shown]


def test_a_digest_finds_what_a_tag_finds() -> None:
    """An image without a tag has no other name."""
    store = _store(unhealthy_report(tag=None))
    assert pushscan("show", NAME, store=store).exit_code == 1
    assert (
        "UNHEALTHY"
        in pushscan("show", f"contoso.azurecr.io/shop/cart@{DIGEST}", store=store).stdout
    )


def test_a_tag_means_its_latest_push() -> None:
    """As the store has it; the registry is not asked."""
    other = Digest("sha256:" + "0e" * 32)
    later = healthy_report()
    later = replace(
        later,
        id="0" * 64,
        image=replace(IMAGE, digest=other),
        requested_at=later.as_of.replace(hour=13),
    )
    shown = pushscan("show", NAME, store=_store(unhealthy_report(), later)).stdout
    assert "HEALTHY" in shown
    assert str(other) in shown


def test_an_image_is_called_by_the_tag_that_was_asked_for() -> None:
    """The same digest may have been pushed under another tag before."""
    store = _store(unhealthy_report(tag="v6"), unhealthy_report(tag="v7"))
    assert pushscan("show", NAME, store=store).stdout.startswith(f"{NAME}\n")


@pytest.mark.parametrize("name", [NAME, f"contoso.azurecr.io/shop/cart@{DIGEST}"])
def test_an_image_that_nobody_judged_is_an_error(name: str) -> None:
    """In one line, on stderr, exit 1."""
    result = pushscan("show", name, store=InMemoryReportStore())
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("pushscan: ")
    assert name in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "name",
    [
        "contoso.azurecr.io/shop/cart",
        "cart:v7",
        "contoso.azurecr.io/Shop:v7",
        "contoso.azurecr.io/shop:v7@sha256:12",
        "contoso.azurecr.io/shop:a\x1b[2J",
        "",
    ],
)
def test_a_name_that_is_none_is_misuse(name: str) -> None:
    """Exit 2, before storage is asked."""
    store = InMemoryReportStore()
    store.outage = StoreError("asked")
    assert pushscan("show", name, store=store).exit_code == 2


def test_an_outage_ends_in_one_line() -> None:
    """No traceback; where to look further is said."""
    store = InMemoryReportStore()
    store.outage = StoreError("images.read: ServiceRequestError")
    result = pushscan("show", NAME, store=store)
    assert result.exit_code == 1
    assert result.stderr == (
        "pushscan: images.read: ServiceRequestError; `pushscan doctor` tells more\n"
    )


def test_json_is_the_stored_report() -> None:
    """One document of the published schema, and nothing else."""
    report = unhealthy_report(tag="v6")
    store = _store(report, unhealthy_report(tag="v7"))
    result = pushscan("show", NAME, "--json", store=store)
    assert json.loads(result.stdout) == json.loads(report_json.encode(report))
    assert result.stderr == ""


def test_sample_advisories_are_told_loudly() -> None:
    """A healthy verdict by them says nothing about an image that is not a sample."""
    report = healthy_report()
    assert report.advisories
    sample = replace(report, advisories=replace(report.advisories, source="bundled-sample"))
    assert "SAMPLE ADVISORIES" in pushscan("show", NAME, store=_store(sample)).stdout
    assert "SAMPLE" not in pushscan("show", NAME, store=_store(report)).stdout


def test_each_platform_of_an_index_is_shown_with_its_own_counts() -> None:
    """The index itself shows the most that one platform has."""
    index = Digest("sha256:" + "1d" * 32)
    amd64 = decided(unhealthy_report(tag=None))
    arm64 = replace(
        healthy_report(tag=None),
        id="a" * 64,
        image=replace(IMAGE, digest=Digest("sha256:" + "a6" * 32), tag=None),
    )
    both = index_report((AMD64, amd64), (ARM64, arm64), digest=index)
    store = _store(amd64, arm64, replace(both, id="1" * 64))
    shown = pushscan("show", NAME, store=store).stdout
    assert "linux/amd64     unhealthy     1 critical, 1 high, 0 medium" in shown
    assert "linux/arm64/v8  healthy       0 critical, 0 high, 0 medium" in shown
    assert f"@{arm64.image.digest}" in shown
    assert "  findings    1 critical, 1 high, 0 medium" in shown
    assert "What would mend it for linux/amd64" in shown
    assert "Upgrade jinja2 (python-pkg) from 2.10 to 2.10.1" in shown


def test_an_unknown_verdict_says_what_to_do() -> None:
    """And its reason."""
    shown = pushscan("show", NAME, store=_store(unknown_report())).stdout
    assert "UNKNOWN (corrupt-layer)  Layer 2 is not what its digest says." in shown
    assert "Build and push the image again" in shown


def test_what_is_no_image_needs_no_mending() -> None:
    """A signature cannot be unhealthy."""
    shown = pushscan("show", NAME, store=_store(not_applicable_report())).stdout
    assert "NOT-APPLICABLE (signature)" in shown
    assert "mend" not in shown


def test_a_finding_without_a_fix_is_said_to_have_none() -> None:
    """Nobody shall look for an upgrade that does not exist."""
    unfixed = replace(finding(fixed_version=""), status=FixStatus.WILL_NOT_FIX)
    verdict = replace(unhealthy_report().verdict, violations=(unfixed,))
    report = decided(replace(unhealthy_report(), verdict=verdict, scan=scan_report(unfixed)))
    shown = pushscan("show", NAME, store=_store(report)).stdout
    assert "jinja2 2.10 -> no fix (will not fix)" in shown
    assert "Remove jinja2 (python-pkg) 2.10, which has no fixed version" in shown
    assert "Upgrade" not in shown


def _hostile_report() -> Report:
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
    shown = pushscan("show", NAME, store=_store(_hostile_report())).stdout
    assert not [character for character in OBEYED if character in shown]
    assert "\\x1b[31mred\\x1b]8;;https://evil.example" in shown
    assert "[red]bold[/red]" in shown
    assert ":skull:" in shown


def test_hostile_text_is_inert_in_json_too() -> None:
    """JSON may hold C1 and bidi as they are; a terminal would obey them."""
    output = pushscan("show", NAME, "--json", store=_store(_hostile_report())).stdout
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
    store = _store(report, index)
    shown = pushscan("show", "contoso.azurecr.io/shop/cart:all", store=store).stdout
    assert "Platforms" in shown
    assert not [character for character in OBEYED if character in shown]


def test_on_a_terminal_only_our_own_colours_are_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is wider than the screen, but names that people copy."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    shown = pushscan("show", NAME, store=_store(_hostile_report())).stdout
    assert "\x1b[1;31mUNHEALTHY" in shown
    ours = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert not [character for character in OBEYED if character in ours]
    assert "\\x1b[31mred" in ours
    assert all(len(line) <= 80 for line in ours.splitlines() if "@sha256:" not in line)


def test_a_verdict_that_still_stands_says_against_what() -> None:
    """The report stays what it was; the row knows what came since."""
    store = _store(unhealthy_report())
    assert "still so" not in pushscan("show", NAME, store=store).stdout
    current = store.current(IMAGE)
    assert current is not None
    later = NOW + timedelta(hours=4)
    store.confirm(current, Check(at=later, advisories=DIGEST, advisories_of=later))
    shown = pushscan("show", NAME, store=store).stdout
    assert "still so    2026-11-22 16:00 UTC, against advisories of 2026-11-22 16:00 UTC" in shown
