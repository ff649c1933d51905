"""Report <-> JSON (`pushscan.report/v1`, report.schema.json), exact in both directions.

Written out field by field, so that what is stored is a decision: a new field in a noun reaches
the store only when it is added here and in the published schema.

The JSON is canonical: names sorted, no blanks, no fractions, UTF-8; equal reports are equal bytes.
"""

from dataclasses import replace
from typing import Any

import msgspec

from scanner.errors import PushscanError, StoreError
from scanner.model import (
    Digest,
    ImageReference,
    Platform,
    PlatformVerdict,
    Report,
    Severity,
    Verdict,
)
from scanner.storage.moments import from_text, to_text
from scanner.store import evidence_json, judgement_json, policy_json, verdict_json

JsonObject = dict[str, Any]

MAX_REPORT_BYTES = 64 * 1024 * 1024


def encode(report: Report) -> bytes:
    """Write a report as canonical JSON. Raises StoreError for text that is no Unicode."""
    return _canonical(_write_report(report), report.id)


def evidence(report: Report) -> JsonObject:
    """Return what follows from image, scanner, advisories, policy and as-of time, and from those.

    What is of the occasion is left out: who asked and when, by what tag, which sandbox confined the
    scanner, where the database was fetched; and the ids, because they name the sandbox too.
    """
    document = _write_report(report)
    for name in ("id", "job_id", "requested_at", "as_of", "finished_at"):
        del document[name]
    del document["image"]["tag"]
    if report.scanner:
        del document["scanner"]["isolation"]
    if report.advisories:
        del document["advisories"]["source"]
    for entry in document["platforms"]:
        del entry["report_id"]
    # What it came from, and what it could be built on instead, follows from what else was stored.
    for name in ("lineage", "remedies"):
        del document[name]
    for decision in document["decisions"]:
        del decision["origin"]
    return document


def encode_evidence(report: Report) -> bytes:
    """Write the evidence as canonical JSON: the same bytes from every worker."""
    return _canonical(evidence(report), report.id)


def _canonical(document: JsonObject, report_id: str) -> bytes:
    try:
        return msgspec.json.encode(document, order="sorted")
    except UnicodeEncodeError as error:
        raise StoreError(f"report {report_id} holds text that is not Unicode") from error


def _write_report(report: Report) -> JsonObject:
    return {
        "schema": Report.SCHEMA,
        "id": report.id,
        "image": {
            "registry": report.image.registry,
            "repository": report.image.repository,
            "digest": str(report.image.digest),
            "tag": report.image.tag,
        },
        "job_id": report.job_id,
        "requested_at": to_text(report.requested_at),
        "as_of": to_text(report.as_of),
        "finished_at": to_text(report.finished_at),
        "verdict": verdict_json.write_verdict(report.verdict),
        "policy": policy_json.write_policy(report.policy),
        "turns_at": to_text(report.turns_at) if report.turns_at else None,
        "scanner": evidence_json.write_scanner(report.scanner) if report.scanner else None,
        "advisories": evidence_json.write_advisories(report.advisories)
        if report.advisories
        else None,
        "platform": _write_platform(report.platform) if report.platform else None,
        "scan": evidence_json.write_scan(report.scan) if report.scan else None,
        "platforms": [_write_platform_verdict(entry) for entry in report.platforms],
        "config_digest": str(report.config_digest) if report.config_digest else None,
        "layers": [str(diff_id) for diff_id in report.layers],
        "facts": judgement_json.write_facts(report.facts) if report.facts else None,
        "lineage": judgement_json.write_lineage(report.lineage) if report.lineage else None,
        "decisions": judgement_json.write_decisions(report),
        "remedies": [judgement_json.write_remedy(remedy) for remedy in report.remedies],
    }


def decode(untrusted_document: bytes) -> Report:
    """Read a report. Raises StoreError for anything that `encode` would not have written."""
    try:
        return _read_report(msgspec.json.decode(untrusted_document))
    except (
        AttributeError,
        KeyError,
        PushscanError,
        RecursionError,
        TypeError,
        ValueError,
        msgspec.MsgspecError,
    ) as error:
        raise StoreError(f"a stored report is not {Report.SCHEMA}") from error


def _read_report(document: JsonObject) -> Report:
    if document["schema"] != Report.SCHEMA:
        raise ValueError("another schema")
    image, policy, config = document["image"], document["policy"], document["config_digest"]
    scanner, advisories = document["scanner"], document["advisories"]
    platform, scan = document["platform"], document["scan"]
    report = Report(
        id=document["id"],
        image=ImageReference(
            registry=image["registry"],
            repository=image["repository"],
            digest=Digest(image["digest"]),
            tag=image["tag"],
        ),
        job_id=document["job_id"],
        requested_at=from_text(document["requested_at"]),
        as_of=from_text(document["as_of"]),
        finished_at=from_text(document["finished_at"]),
        verdict=verdict_json.read_verdict(document["verdict"]),
        policy=policy_json.read_policy(policy),
        turns_at=from_text(document["turns_at"]) if document["turns_at"] is not None else None,
        scanner=evidence_json.read_scanner(scanner) if scanner is not None else None,
        advisories=evidence_json.read_advisories(advisories) if advisories is not None else None,
        platform=_read_platform(platform) if platform is not None else None,
        scan=evidence_json.read_scan(scan) if scan is not None else None,
        platforms=tuple(_read_platform_verdict(entry) for entry in document["platforms"]),
        config_digest=Digest(config) if config is not None else None,
        layers=tuple(Digest(diff_id) for diff_id in document["layers"]),
        facts=judgement_json.read_facts(document["facts"])
        if document["facts"] is not None
        else None,
        lineage=judgement_json.read_lineage(document["lineage"])
        if document["lineage"] is not None
        else None,
        remedies=tuple(judgement_json.read_remedy(remedy) for remedy in document["remedies"]),
    )
    decisions = judgement_json.read_decisions(document["decisions"], report.subjects)
    return replace(report, decisions=decisions)


def _write_platform(platform: Platform) -> JsonObject:
    return {
        "os": platform.os,
        "architecture": platform.architecture,
        "variant": platform.variant,
    }


def _read_platform(entry: JsonObject) -> Platform:
    return Platform(os=entry["os"], architecture=entry["architecture"], variant=entry["variant"])


def _write_platform_verdict(entry: PlatformVerdict) -> JsonObject:
    return {
        "platform": _write_platform(entry.platform),
        "digest": str(entry.digest),
        "verdict": verdict_json.write_verdict(entry.verdict),
        "report_id": entry.report_id,
        "counts": {severity.name: count for severity, count in entry.counts.items()} or None,
        "turns_at": to_text(entry.turns_at) if entry.turns_at else None,
    }


def _read_platform_verdict(entry: JsonObject) -> PlatformVerdict:
    verdict: Verdict = verdict_json.read_verdict(entry["verdict"])
    return PlatformVerdict(
        platform=_read_platform(entry["platform"]),
        digest=Digest(entry["digest"]),
        verdict=verdict,
        report_id=entry["report_id"],
        counts={Severity[name]: int(count) for name, count in (entry["counts"] or {}).items()},
        turns_at=from_text(entry["turns_at"]) if entry["turns_at"] is not None else None,
    )
