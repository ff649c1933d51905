"""What the image's config says, lineage, decisions and remedies <-> JSON.

A decision names what it is about by its place among the report's subjects: findings first, then
secrets, then misconfigurations.
"""

from collections.abc import Sequence
from typing import Any

from scanner.model import (
    Decision,
    Digest,
    ImageFacts,
    Lineage,
    Origin,
    Outcome,
    Remedy,
    RemedyKind,
    Report,
    Subject,
)
from scanner.storage.moments import from_text, to_text
from scanner.store.verdict_json import read_weakness, write_weakness

JsonObject = dict[str, Any]


def write_facts(facts: ImageFacts) -> JsonObject:
    """Write what the image's config says."""
    return {
        "user": facts.user,
        "created_at": to_text(facts.created_at) if facts.created_at else None,
        "base_name": facts.base_name,
        "base_digest": str(facts.base_digest) if facts.base_digest else None,
        "weaknesses": [write_weakness(weakness) for weakness in facts.weaknesses],
    }


def read_facts(entry: JsonObject) -> ImageFacts:
    """Read what the image's config says. Raises KeyError, TypeError or ValueError."""
    created_at, base_digest = entry["created_at"], entry["base_digest"]
    return ImageFacts(
        user=entry["user"],
        created_at=from_text(created_at) if created_at is not None else None,
        base_name=entry["base_name"],
        base_digest=Digest(base_digest) if base_digest is not None else None,
        weaknesses=tuple(read_weakness(weakness) for weakness in entry["weaknesses"]),
    )


def write_lineage(lineage: Lineage) -> JsonObject:
    """Write where the image comes from."""
    return {
        "base_name": lineage.base_name,
        "base_digest": str(lineage.base_digest) if lineage.base_digest else None,
        "base_layers": lineage.base_layers,
        "previous": str(lineage.previous) if lineage.previous else None,
    }


def read_lineage(entry: JsonObject) -> Lineage:
    """Read where the image comes from. Raises KeyError, TypeError or ValueError."""
    base_digest, previous = entry["base_digest"], entry["previous"]
    return Lineage(
        base_name=entry["base_name"],
        base_digest=Digest(base_digest) if base_digest is not None else None,
        base_layers=int(entry["base_layers"]),
        previous=Digest(previous) if previous is not None else None,
    )


def write_decisions(report: Report) -> list[JsonObject]:
    """Write the decisions of a report. Raises ValueError unless there is one for each subject."""
    pairs = zip(report.decisions, report.subjects, strict=True) if report.decisions else ()
    written = []
    for place, (decision, subject) in enumerate(pairs):
        if decision.subject != subject:
            raise ValueError("decisions are not in the order of the report's subjects")
        written.append(
            {
                "subject": place,
                "outcome": decision.outcome.value,
                "rule": decision.rule,
                "exemption": decision.exemption,
                "due": to_text(decision.due) if decision.due else None,
                "unknown_inputs": list(decision.unknown_inputs),
                "origin": decision.origin.value,
            }
        )
    return written


def read_decisions(
    entries: Sequence[JsonObject], subjects: Sequence[Subject]
) -> tuple[Decision, ...]:
    """Read the decisions about these subjects. Raises KeyError, TypeError or ValueError."""
    if [entry["subject"] for entry in entries] != list(range(len(subjects) if entries else 0)):
        raise ValueError("decisions are not those of the report's subjects")
    return tuple(
        Decision(
            subject=subject,
            outcome=Outcome(entry["outcome"]),
            rule=entry["rule"],
            exemption=entry["exemption"],
            due=from_text(entry["due"]) if entry["due"] is not None else None,
            unknown_inputs=tuple(entry["unknown_inputs"]),
            origin=Origin(entry["origin"]),
        )
        for entry, subject in zip(entries, subjects, strict=False)
    )


def write_remedy(remedy: Remedy) -> JsonObject:
    """Write what would mend the image."""
    return {
        "kind": remedy.kind.value,
        "target": remedy.target,
        "package_type": remedy.package_type,
        "installed_version": remedy.installed_version,
        "wanted_version": remedy.wanted_version,
        "layer_diff_id": remedy.layer_diff_id,
        "origin": remedy.origin.value,
        "clears": list(remedy.clears),
    }


def read_remedy(entry: JsonObject) -> Remedy:
    """Read what would mend the image. Raises KeyError, TypeError or ValueError."""
    return Remedy(
        kind=RemedyKind(entry["kind"]),
        target=entry["target"],
        package_type=entry["package_type"],
        installed_version=entry["installed_version"],
        wanted_version=entry["wanted_version"],
        layer_diff_id=entry["layer_diff_id"],
        origin=Origin(entry["origin"]),
        clears=tuple(entry["clears"]),
    )
