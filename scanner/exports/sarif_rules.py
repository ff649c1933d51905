"""Rules of a SARIF run: one for each vulnerability, kind of secret or setting that was found."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from scanner.exports.exported import PlatformReport, score_of
from scanner.model import Finding, Subject, Weakness, WeaknessKind
from scanner.text import visible

UNKNOWN_RULE: Final = "pushscan-unknown"
_MAX_CHARACTERS = 1_000
_NAMES: Final = {
    WeaknessKind.SECRET: "Secret",
    WeaknessKind.MISCONFIGURATION: "Misconfiguration",
}
# Whoever lets severe findings through no gate must not let through what nobody has looked into.
_UNKNOWN: Final[dict[str, Any]] = {
    "id": UNKNOWN_RULE,
    "name": "ImageNotExamined",
    "shortDescription": {"text": "The image, or a part of it, could not be examined"},
    "fullDescription": {"text": "What was not examined may hold anything."},
    "help": {"text": "Severity: CRITICAL\nWhat was not examined may hold anything."},
    "defaultConfiguration": {"level": "error"},
    "properties": {"security-severity": "10.0", "precision": "very-high", "tags": ["security"]},
}


def rules(
    subjects: Iterable[Subject], unexamined: Sequence[PlatformReport]
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Write the rules of these subjects, and say at which place each stands.

    Where a vulnerability is not equally severe in all packages, the rule is as severe as the worst.
    """
    worst: dict[str, Subject] = {}
    for subject in subjects:
        known = worst.setdefault(identifier(subject), subject)
        if _weight(subject) > _weight(known):
            worst[identifier(subject)] = subject
    written = [_UNKNOWN] if unexamined else []
    written += [_rule(worst[rule]) for rule in sorted(worst)]
    return written, {rule["id"]: place for place, rule in enumerate(written)}


def identifier(subject: Subject) -> str:
    """Name the rule of a subject."""
    named = subject.vulnerability if isinstance(subject, Finding) else subject.id
    return visible(named, _MAX_CHARACTERS) or "unnamed"


def _weight(subject: Subject) -> tuple[int, float]:
    return subject.severity, score_of(subject)


def _rule(subject: Subject) -> dict[str, Any]:
    name = identifier(subject)
    title = visible(subject.title, _MAX_CHARACTERS) or name
    severity = subject.severity.name
    # The severity comes first: a title must not be able to speak before it.
    help_lines = [f"Severity: {severity}", name, title]
    link = _link(subject)
    if link:
        help_lines.append(link)
    rule = {
        "id": name,
        "name": _kind(subject),
        "shortDescription": {"text": title},
        "fullDescription": {"text": title},
        "help": {"text": "\n".join(help_lines)},
        "properties": {
            "security-severity": f"{score_of(subject):.1f}",
            "precision": "very-high",
            "tags": ["security", _tag(subject), severity],
        },
    }
    if link:
        rule["helpUri"] = link
    return rule


def _kind(subject: Subject) -> str:
    if isinstance(subject, Weakness):
        return _NAMES[subject.kind]
    is_of_system = subject.package_class == "os-pkgs"
    return "OsPackageVulnerability" if is_of_system else "LanguageSpecificPackageVulnerability"


def _tag(subject: Subject) -> str:
    return "vulnerability" if isinstance(subject, Finding) else subject.kind.value


def _link(subject: Subject) -> str:
    """Return where a vulnerability is described, if that is an address on the web."""
    url = subject.url if isinstance(subject, Finding) else ""
    is_plain = url.isascii() and url.isprintable() and not set(url) & set(" \"<>[]\\^`{|}()'")
    return url if url.startswith("https://") and is_plain else ""
