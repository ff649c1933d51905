"""Two rulebooks beside each other: which images may the change concern?

An exemption is about ids, and so are VEX statements and exploit tables; an image that has none of
them is judged by both alike. Rules themselves may concern any image.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from scanner import lookups
from scanner.model import Exemption, Exploits, Rulebook, VexStatement

_GLOB: Final = frozenset("*?")
_MAX_CHANGES: Final = 500_000


def changed_keys(before: Rulebook, now: Rulebook) -> frozenset[int] | None:
    """Return what the change is about, as keys of `scanner.lookups`; None: any image."""
    if before.policy.digest != now.policy.digest:
        return None
    old, new = before.exemptions, now.exemptions
    ids = {
        *_ids(set(old.exemptions) ^ set(new.exemptions)),
        *_ids(set(old.statements) ^ set(new.statements)),
    }
    exploits = _changed_exploits(before.exploits, now.exploits, now)
    if exploits is None or any(not _GLOB.isdisjoint(name) for name in ids):
        return None
    names = ids | exploits
    if len(names) > _MAX_CHANGES:
        return None
    return frozenset(lookups.key(lookups.of_vulnerability(name)) for name in names)


def _ids(changed: Iterable[Exemption | VexStatement]) -> Iterator[str]:
    for one in changed:
        yield from one.ids if isinstance(one, Exemption) else one.vulnerabilities


def _changed_exploits(before: Exploits, now: Exploits, rulebook: Rulebook) -> set[str] | None:
    """Name the vulnerabilities that rules may judge otherwise now; None for any."""
    whats = [rule.what for rule in rulebook.policy.rules]
    changed: set[str] = set()
    if any(what.known_exploited is not None for what in whats):
        if (before.known_exploited is None) != (now.known_exploited is None):
            return None
        changed |= (before.known_exploited or frozenset()) ^ (now.known_exploited or frozenset())
    if thresholds := {what.epss for what in whats if what.epss is not None}:
        if before.epss is None or now.epss is None:
            return None if before.epss is not now.epss else changed
        changed |= {
            name
            for name in before.epss.keys() | now.epss.keys()
            if _side(before.epss.get(name), thresholds) != _side(now.epss.get(name), thresholds)
        }
    return changed


def _side(score: float | None, thresholds: Iterable[float]) -> frozenset[float] | None:
    return None if score is None else frozenset(one for one in thresholds if score >= one)
