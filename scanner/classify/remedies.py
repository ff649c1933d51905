"""What to change: the smallest set of changes after which nothing blocks any more.

Each package is cleared by one upgrade, or by taking it out where no version is without its faults.
A newer base image may clear many at once, and bring what blocks in turn; it is proposed where the
set gets smaller by it. The smaller of the two sets is the smallest of all, because no two other
changes clear the same finding.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from scanner.classify.versions import lowest_clearing
from scanner.model import (
    Decision,
    Finding,
    Origin,
    Outcome,
    Remedy,
    RemedyKind,
    Weakness,
    WeaknessKind,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewerBase:
    """What the tag of the image's base names by now."""

    name: str
    """Registry, repository and tag."""
    version: str
    """Its digest."""
    decisions: tuple[Decision, ...]
    """What the image's own policy says of all that is in it."""


def remedies(
    decisions: Iterable[Decision], *, newer_base: NewerBase | None = None
) -> tuple[Remedy, ...]:
    """Return the smallest set of changes that clears all that blocks, most cleared first.

    None for an image in which nothing blocks. That the versions are free of what is not told of the
    installed ones, nobody knows until they are installed and judged.
    """
    blocking = _blocking(decisions)
    one_by_one = _one_by_one(blocking)
    rebased = _rebased(blocking, newer_base) if newer_base else one_by_one
    smallest = rebased if len(rebased) < len(one_by_one) else one_by_one
    return tuple(sorted(smallest, key=_order))


def _blocking(decisions: Iterable[Decision]) -> list[Decision]:
    return [decision for decision in decisions if decision.outcome is Outcome.BLOCKS]


def _rebased(blocking: Sequence[Decision], base: NewerBase) -> list[Remedy]:
    """Return the changes to an image whose bottom layers are those of the newer base."""
    replaced = [decision for decision in blocking if decision.origin is Origin.BASE]
    above = [decision for decision in blocking if decision.origin is not Origin.BASE]
    brought = [replace(decision, origin=Origin.BASE) for decision in _blocking(base.decisions)]
    cleared = set(map(_name, replaced)) - set(map(_name, brought))
    rebase = Remedy(
        kind=RemedyKind.REBASE,
        target=base.name,
        wanted_version=base.version,
        origin=Origin.BASE,
        clears=tuple(sorted(cleared)),
    )
    return [rebase, *_one_by_one([*above, *brought])]


def _one_by_one(blocking: Iterable[Decision]) -> list[Remedy]:
    groups: dict[tuple[str, ...], list[Decision]] = defaultdict(list)
    for decision in blocking:
        groups[_place(decision)].append(decision)
    return [_remedy(group) for group in groups.values()]


def _place(decision: Decision) -> tuple[str, ...]:
    """Name what has to be changed: a package of one version in one layer, a file, a setting."""
    match decision.subject:
        case Finding() as finding:
            return (
                finding.package_type,
                finding.package,
                finding.installed_version,
                finding.layer_diff_id,
            )
        case Weakness(kind=WeaknessKind.SECRET) as secret:
            return (secret.kind, secret.path, secret.layer_diff_id)
        case Weakness() as setting:
            return (setting.kind, setting.id, setting.title)


def _remedy(group: Sequence[Decision]) -> Remedy:
    begun = Remedy(
        kind=RemedyKind.REMOVE,
        target="",
        layer_diff_id=group[0].subject.layer_diff_id,
        origin=group[0].origin,
        clears=tuple(sorted(set(map(_name, group)))),
    )
    match group[0].subject:
        case Finding() as finding:
            wanted = _wanted_version(group)
            return replace(
                begun,
                kind=RemedyKind.UPGRADE if wanted else RemedyKind.REMOVE,
                target=finding.package,
                package_type=finding.package_type,
                installed_version=finding.installed_version,
                wanted_version=wanted,
            )
        case Weakness(kind=WeaknessKind.SECRET) as secret:
            return replace(begun, target=secret.path)
        case Weakness() as setting:
            return replace(begun, kind=RemedyKind.CONFIGURE, target=setting.title)


def _wanted_version(group: Sequence[Decision]) -> str:
    """Return the version to install; empty where no version is without all of these faults."""
    findings = [found for d in group if isinstance(found := d.subject, Finding)]
    fixed = [finding.fixed_version for finding in findings]
    if not all(fixed):
        return ""
    # Where versions cannot be compared, all of them are named: a person can.
    return lowest_clearing(findings[0].package_type, fixed) or " and ".join(dict.fromkeys(fixed))


def _name(decision: Decision) -> str:
    subject = decision.subject
    return subject.vulnerability if isinstance(subject, Finding) else subject.id


def _order(remedy: Remedy) -> tuple[int, str, str, str, str]:
    return (
        -len(remedy.clears),
        remedy.kind,
        remedy.target,
        remedy.installed_version,
        remedy.layer_diff_id,
    )
