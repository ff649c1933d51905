"""policy.yaml <-> a policy. The canonical form is the same document with nothing left to defaults.

Canonical: JSON, names sorted, no blanks; what is not set is left out. It reads back as the same
policy, and its sha256 is the policy's digest.
"""

import hashlib
import json
import re
from dataclasses import replace
from typing import Any, Final

from scanner.classify.concerns import asks_of_vulnerability
from scanner.model import (
    Digest,
    FixStatus,
    Kind,
    Outcome,
    Policy,
    Rule,
    Severity,
    What,
    Where,
)
from scanner.policy.members import Faults, Members
from scanner.policy.nodes import parse

JsonObject = dict[str, Any]

_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_NAME_CHARACTERS: Final = 64
_OUTCOMES: Final = (Outcome.BLOCKS, Outcome.WARNS, Outcome.INFORMS)
_MAX_DAYS: Final = 3650
_MAX_EXEMPTION_DAYS: Final = 365
_NO_DIGEST: Final = Digest("sha256:" + "0" * 64)
_DEFAULT: Final = Policy(name="", digest=_NO_DIGEST, rules=())
_TAKEN: Final = frozenset(
    {"is-an-image", "examination-complete", "advisories-fresh", "examined-everything"}
    | {"nothing-blocks", "every-platform-healthy"}
)
"""Names of the steps that no policy can change."""


def read_policy(file: str, untrusted_text: bytes) -> Policy:
    """Read a policy. Raises PolicyError with every fault: file, line and field."""
    faults = Faults(file)
    members = Members(parse(file, untrusted_text), "", faults)
    if members.parsed("version", {"1": 1}.__getitem__, "1") is None and "version" not in members:
        members.missing("version")
    policy = Policy(
        name=_name(members, ()),
        digest=_NO_DIGEST,
        rules=_rules(members),
        severity_sources=members.texts("severity_sources"),
        max_advisory_age_hours=members.number("max_advisory_age_hours", 1, 720)
        or _DEFAULT.max_advisory_age_hours,
        max_exemption_days=members.number("max_exemption_days", 1, _MAX_EXEMPTION_DAYS)
        or _DEFAULT.max_exemption_days,
        max_exploit_age_days=members.number("max_exploit_age_days", 1, _MAX_DAYS)
        or _DEFAULT.max_exploit_age_days,
    )
    members.refuse_unread()
    faults.raise_any()
    return with_digest(policy)


def with_digest(policy: Policy) -> Policy:
    """Return a policy with the digest that belongs to it."""
    digest = hashlib.sha256(canonical(policy)).hexdigest()
    return replace(policy, digest=Digest(f"sha256:{digest}"))


def canonical(policy: Policy) -> bytes:
    """Write a policy in its canonical form."""
    document: JsonObject = {
        "version": 1,
        "name": policy.name,
        "severity_sources": list(policy.severity_sources),
        "max_advisory_age_hours": policy.max_advisory_age_hours,
        "max_exemption_days": policy.max_exemption_days,
        "max_exploit_age_days": policy.max_exploit_age_days,
        "rules": [_write_rule(rule) for rule in policy.rules],
    }
    kept = {name: value for name, value in document.items() if value != []}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _rules(members: Members) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for entry in members.each("rules"):
        rules.append(_rule(entry, tuple(rule.name for rule in rules)))
        entry.refuse_unread()
    if not rules:
        members.fault("rules", "has no rule: then nothing would ever block")
    return tuple(rules)


def _rule(entry: Members, others: tuple[str, ...]) -> Rule:
    where, what = entry.inner("where"), entry.inner("what")
    if what is None:
        entry.missing("what")
    rule = Rule(
        name=_name(entry, others),
        outcome=_outcome(entry),
        where=_where(where) if where else Where(),
        what=_what(what) if what else What(),
        grace_days=entry.number("grace_days", 1, _MAX_DAYS),
    )
    if rule.grace_days is not None and (
        rule.outcome is not Outcome.BLOCKS or rule.what.kinds != (Kind.VULNERABILITY,)
    ):
        entry.fault("grace_days", "needs the outcome blocks and the kind vulnerability")
    if what is not None:
        _check_kinds(what, rule.what)
    return rule


def _outcome(entry: Members) -> Outcome:
    if "outcome" not in entry:
        entry.missing("outcome")
    known = {outcome.value: outcome for outcome in _OUTCOMES}
    found = entry.parsed("outcome", known.__getitem__, f"one of {', '.join(known)}")
    return found or Outcome.BLOCKS


def _name(entry: Members, others: tuple[str, ...]) -> str:
    name = entry.text("name", most=_NAME_CHARACTERS)
    if name and not _NAME.fullmatch(name):
        entry.fault(
            "name", "is not small letters and digits, joined by dashes, dots or underscores"
        )
    if name in others:
        entry.fault("name", "is that of an earlier rule")
    if name in _TAKEN:
        entry.fault("name", "is that of a step which every image passes")
    return name


def _where(members: Members) -> Where:
    where = Where(
        registries=members.texts("registries"),
        repositories=members.texts("repositories"),
        tags=members.texts("tags"),
    )
    members.refuse_unread()
    return where


def _what(members: Members) -> What:
    what = What(
        kinds=members.several("kind", Kind, f"one of {', '.join(Kind)}"),
        ids=members.texts("ids"),
        packages=members.texts("packages"),
        severity=members.parsed("severity", _severity, "LOW, MEDIUM, HIGH or CRITICAL"),
        fixable=members.boolean("fixable"),
        fix_status=members.several("fix_status", FixStatus, f"one of {', '.join(FixStatus)}"),
        package_class=members.several("package_class", _package_class, "os-pkgs or lang-pkgs"),
        package_types=members.texts("package_types"),
        cvss=members.fraction("cvss", 0, 10),
        epss=members.fraction("epss", 0, 1),
        known_exploited=members.boolean("known_exploited"),
        published_over_days=members.number("published_over_days", 1, _MAX_DAYS),
        published_within_days=members.number("published_within_days", 1, _MAX_DAYS),
        image_over_days=members.number("image_over_days", 1, _MAX_DAYS),
        end_of_life=members.boolean("end_of_life"),
    )
    members.refuse_unread()
    return what


def _check_kinds(members: Members, what: What) -> None:
    """Refuse what could never concern anything, as no rule may be silent by mistake."""
    others = set(what.kinds) - {Kind.END_OF_LIFE}
    if Kind.END_OF_LIFE in what.kinds and what != What(kinds=(Kind.END_OF_LIFE,)):
        members.fault("kind", "end-of-life is about the image: it stands alone")
    elif others and Kind.VULNERABILITY not in others and asks_of_vulnerability(what):
        members.fault("kind", "is without vulnerability, and the rest asks for what only they have")


def _severity(text: str) -> Severity:
    severity = Severity[text]
    if severity is Severity.UNKNOWN:
        raise ValueError(text)
    return severity


def _package_class(text: str) -> str:
    if text not in {"os-pkgs", "lang-pkgs"}:
        raise ValueError(text)
    return text


def _write_rule(rule: Rule) -> JsonObject:
    where, what = rule.where, rule.what
    document: JsonObject = {
        "name": rule.name,
        "outcome": rule.outcome.value,
        "grace_days": rule.grace_days,
        "where": _set(
            registries=list(where.registries),
            repositories=list(where.repositories),
            tags=list(where.tags),
        )
        or None,
    }
    written = {name: value for name, value in document.items() if value is not None}
    written["what"] = _set(
        kind=[kind.value for kind in what.kinds],
        ids=list(what.ids),
        packages=list(what.packages),
        severity=what.severity.name if what.severity is not None else None,
        fixable=what.fixable,
        fix_status=[status.value for status in what.fix_status],
        package_class=list(what.package_class),
        package_types=list(what.package_types),
        # As text: how fractions are written is where canonical JSON is hard (RFC 8785, 3.2.2.3).
        cvss=repr(what.cvss) if what.cvss is not None else None,
        epss=repr(what.epss) if what.epss is not None else None,
        known_exploited=what.known_exploited,
        published_over_days=what.published_over_days,
        published_within_days=what.published_within_days,
        image_over_days=what.image_over_days,
        end_of_life=what.end_of_life,
    )
    return written


def _set(**members: object) -> JsonObject:
    return {name: value for name, value in members.items() if value is not None and value != []}
