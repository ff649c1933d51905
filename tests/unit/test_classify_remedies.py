"""The smallest set of changes that makes an image healthy."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from scanner.classify.remedies import NewerBase, remedies
from scanner.model import (
    Decision,
    Finding,
    Origin,
    Outcome,
    Remedy,
    RemedyKind,
    Severity,
    Subject,
    Weakness,
    WeaknessKind,
)
from tests.examples import finding

SECRET = Weakness(
    kind=WeaknessKind.SECRET,
    id="github-pat",
    severity=Severity.CRITICAL,
    title="GitHub token",
    path="app/.env",
    layer_diff_id="sha256:" + "2b" * 32,
)
ROOT = Weakness(
    kind=WeaknessKind.MISCONFIGURATION,
    id="root-user",
    severity=Severity.LOW,
    title="The image runs as root",
)


def blocks(subject: Subject, origin: Origin = Origin.UNKNOWN) -> Decision:
    """Return the decision that something blocks."""
    return Decision(subject=subject, outcome=Outcome.BLOCKS, rule="severity", origin=origin)


def fault(number: int, package: str, fixed_version: str) -> Finding:
    """Return one vulnerability in a package."""
    return replace(
        finding(fixed_version=fixed_version),
        vulnerability=f"CVE-2026-{number:04}",
        package=package,
        package_type="python-pkg",
    )


def test_one_upgrade_clears_all_of_a_package() -> None:
    """To the highest of the fixed versions; what clears most is told first."""
    found = remedies(
        blocks(subject)
        for subject in (
            fault(1, "jinja2", "2.10.1"),
            fault(2, "urllib3", "1.26.18, 2.0.7"),
            fault(3, "jinja2", "2.11.3"),
        )
    )
    assert [(r.kind, r.target, r.wanted_version, r.clears) for r in found] == [
        (RemedyKind.UPGRADE, "jinja2", "2.11.3", ("CVE-2026-0001", "CVE-2026-0003")),
        (RemedyKind.UPGRADE, "urllib3", "1.26.18", ("CVE-2026-0002",)),
    ]


def test_a_package_without_a_fixed_version_has_to_go() -> None:
    """An upgrade that leaves one of its faults is no remedy."""
    [found] = remedies([blocks(fault(1, "abandoned", "")), blocks(fault(2, "abandoned", "9"))])
    assert (found.kind, found.target, found.wanted_version) == (
        RemedyKind.REMOVE,
        "abandoned",
        "",
    )
    assert found.clears == ("CVE-2026-0001", "CVE-2026-0002")


def test_packages_are_changed_where_they_lie() -> None:
    """The same package in two layers is two lines in two files."""
    first = fault(1, "jinja2", "2.10.1")
    second = replace(first, layer_diff_id="sha256:" + "2b" * 32)
    found = remedies([blocks(first), blocks(second)])
    assert {remedy.layer_diff_id for remedy in found} == {
        first.layer_diff_id,
        second.layer_diff_id,
    }


def test_secrets_go_and_settings_change() -> None:
    """What is no package has remedies too."""
    found = remedies([blocks(SECRET), blocks(ROOT)])
    assert {(remedy.kind, remedy.target) for remedy in found} == {
        (RemedyKind.REMOVE, "app/.env"),
        (RemedyKind.CONFIGURE, "The image runs as root"),
    }


def test_what_does_not_block_asks_for_nothing() -> None:
    """Accepted, warned of or only told: nobody need act."""
    others = [outcome for outcome in Outcome if outcome is not Outcome.BLOCKS]
    assert not remedies(replace(blocks(SECRET), outcome=outcome) for outcome in others)


def test_versions_that_nobody_can_compare_are_all_named() -> None:
    """A person may know."""
    odd = [replace(fault(n, "odd", v), package_type="odd") for n, v in ((1, "a"), (2, "b"))]
    [found] = remedies(map(blocks, odd))
    assert found.wanted_version == "a and b"


def test_a_newer_base_is_proposed_where_it_saves_work() -> None:
    """Two upgrades and a change of base are more than a change of base."""
    old = [blocks(fault(n, f"lib{n}", "2"), Origin.BASE) for n in range(3)]
    own = blocks(fault(9, "jinja2", "2.10.1"), Origin.THIS_PUSH)
    base = NewerBase(
        name="contoso.azurecr.io/base:12",
        version="sha256:" + "ba" * 32,
        decisions=(old[0], replace(own, outcome=Outcome.WARNS)),
    )
    first, *rest = remedies([*old, own], newer_base=base)
    assert (first.kind, first.target) == (RemedyKind.REBASE, "contoso.azurecr.io/base:12")
    assert first.clears == ("CVE-2026-0001", "CVE-2026-0002")
    assert [(remedy.target, remedy.origin) for remedy in rest] == [
        ("jinja2", Origin.THIS_PUSH),
        ("lib0", Origin.BASE),
    ]


def test_a_newer_base_that_saves_nothing_is_not_proposed() -> None:
    """One upgrade is one change, and so is another base."""
    only = blocks(fault(1, "lib", "2"), Origin.BASE)
    [found] = remedies([only], newer_base=NewerBase(name="base", version="", decisions=()))
    assert found.kind is RemedyKind.UPGRADE


def after(changes: Iterable[Remedy], decisions: Sequence[Decision], base: NewerBase) -> int:
    """Build the image anew with these changes, and count what still blocks."""
    changes = list(changes)
    image = list(decisions)
    if any(change.kind is RemedyKind.REBASE for change in changes):
        above = [d for d in image if d.origin is not Origin.BASE]
        image = [*above, *(replace(d, origin=Origin.BASE) for d in base.decisions)]
    return sum(
        not any(is_cleared(decision.subject, change) for change in changes)
        for decision in image
        if decision.outcome is Outcome.BLOCKS
    )


def is_cleared(subject: Subject, change: Remedy) -> bool:
    """Say whether a change alone takes a fault out of an image, by a rule of its own."""
    if isinstance(subject, Weakness):
        is_change = change.kind in {RemedyKind.REMOVE, RemedyKind.CONFIGURE}
        return is_change and change.target == (subject.path or subject.title)
    is_there = (change.target, change.layer_diff_id) == (subject.package, subject.layer_diff_id)
    if change.kind is RemedyKind.REMOVE:
        return is_there
    is_new_enough = subject.fixed_version and int(change.wanted_version or 0) >= int(
        subject.fixed_version
    )
    return bool(change.kind is RemedyKind.UPGRADE and is_there and is_new_enough)


def conceivable(decisions: Iterable[Decision], base: NewerBase) -> list[Remedy]:
    """List every change that somebody could make."""
    found = {Remedy(kind=RemedyKind.REBASE, target=base.name)}
    for decision in (*decisions, *base.decisions):
        subject = decision.subject
        layer = subject.layer_diff_id
        if isinstance(subject, Weakness):
            found.add(Remedy(kind=RemedyKind.REMOVE, target=subject.path or subject.title))
            continue
        found.add(Remedy(kind=RemedyKind.REMOVE, target=subject.package, layer_diff_id=layer))
        found |= {
            Remedy(
                kind=RemedyKind.UPGRADE,
                target=subject.package,
                layer_diff_id=layer,
                wanted_version=version,
            )
            for version in "123"
        }
    return sorted(found, key=repr)


faults = st.builds(
    fault, st.integers(1, 9), st.sampled_from(["a", "b"]), st.sampled_from(["", "1", "2", "3"])
)
decisions = st.builds(
    Decision,
    subject=faults | st.sampled_from([SECRET, ROOT]),
    outcome=st.sampled_from([Outcome.BLOCKS, Outcome.BLOCKS, Outcome.INFORMS]),
    rule=st.just("rule"),
    origin=st.sampled_from([Origin.BASE, Origin.EARLIER]),
)
bases = st.builds(
    NewerBase,
    name=st.just("base"),
    version=st.just(""),
    decisions=st.lists(decisions, max_size=2).map(tuple),
)


@given(st.lists(decisions, max_size=6), bases)
def test_the_changes_make_the_image_healthy_and_no_fewer_would(
    image: list[Decision], base: NewerBase
) -> None:
    """Brute force over all changes that somebody could make agrees."""
    found = remedies(image, newer_base=base)
    assert after(found, image, base) == 0
    fewer = itertools.combinations(conceivable(image, base), max(len(found) - 1, 0))
    assert not found or not any(after(changes, image, base) == 0 for changes in fewer)
