import dataclasses
import json
import re
import types
import typing
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import StoreError
from scanner.model import Digest, Report
from scanner.store import report_json
from tests.examples import ADVISORIES, finding
from tests.policies import MILD
from tests.reports import (
    AMD64,
    ARM64,
    SCANNER,
    healthy_report,
    index_report,
    judged_report,
    not_applicable_report,
    unhealthy_report,
    unknown_report,
)

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "scanner/store/report.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(
    SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
)
EXAMPLES = {
    "unhealthy": unhealthy_report(),
    "judged": judged_report(),
    "healthy": healthy_report(),
    "untagged": healthy_report(tag=None),
    "unknown": unknown_report(),
    "not-applicable": not_applicable_report(),
    "index": index_report(
        (AMD64, unhealthy_report()),
        (ARM64, unknown_report()),
        digest=Digest("sha256:" + "1d" * 32),
    ),
}
each_verdict = pytest.mark.parametrize("report", EXAMPLES.values(), ids=EXAMPLES.keys())


def _objects(schema: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for value in schema.values():
            yield from _objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _objects(value)


def _nouns(noun: type) -> Iterator[type]:
    yield noun
    hints = typing.get_type_hints(noun)
    for field in dataclasses.fields(noun):
        for part in _parts(hints[field.name]) if field.compare else ():
            if dataclasses.is_dataclass(part) and part is not Digest:
                yield from _nouns(part)


def _parts(hint: Any) -> Iterator[type]:  # noqa: ANN401 - a type hint
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is tuple:
        for part in typing.get_args(hint):
            yield from _parts(part)
    elif isinstance(hint, type):
        yield hint


@each_verdict
def test_a_report_is_read_as_it_was_written(report: Report) -> None:
    """Nothing is lost or changed on the way through the store."""
    assert report_json.decode(report_json.encode(report)) == report


@each_verdict
def test_a_report_keeps_to_the_published_schema(report: Report) -> None:
    """What readers are promised is what they get."""
    VALIDATOR.validate(json.loads(report_json.encode(report)))


@each_verdict
def test_the_same_report_has_the_same_bytes(report: Report) -> None:
    """Whoever repeats a scan writes the same blob."""
    again = report_json.decode(report_json.encode(report))
    assert report_json.encode(again) == report_json.encode(report)


@each_verdict
def test_a_report_is_canonical_json(report: Report) -> None:
    """Names sorted, no blanks, no fractions, UTF-8 (RFC 8785, which our names and numbers keep)."""

    def refuse(number: str) -> float:
        raise AssertionError(number)

    document = report_json.encode(report)
    parsed = json.loads(document, parse_float=refuse)
    canonical = json.dumps(parsed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert document == canonical.encode()


@each_verdict
def test_the_evidence_is_the_report_without_its_occasion(report: Report) -> None:
    """Who asked, when, by what tag, in which sandbox, fetched from where, changes nothing."""
    elsewhere = replace(
        report,
        id="0" * 64,
        image=replace(report.image, tag="other"),
        job_id="another",
        requested_at=report.requested_at - timedelta(days=1),
        as_of=report.as_of + timedelta(hours=1),
        finished_at=report.finished_at + timedelta(hours=2),
        scanner=report.scanner and replace(report.scanner, isolation="another sandbox"),
        advisories=report.advisories and replace(report.advisories, source="a mirror"),
        platforms=tuple(replace(entry, report_id="1" * 64) for entry in report.platforms),
    )
    assert report_json.encode(elsewhere) != report_json.encode(report)
    assert report_json.encode_evidence(elsewhere) == report_json.encode_evidence(report)


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": replace(unhealthy_report().verdict, rule="another")},
        {"verdict": replace(unhealthy_report().verdict, violations=())},
        {"policy": MILD},
        {"scanner": replace(SCANNER, version="0.77.0")},
        {"advisories": replace(ADVISORIES, java_digest=Digest("sha256:" + "0b" * 32))},
        {"scan": None},
        {"layers": ()},
        {"config_digest": None},
        {"platform": ARM64},
        {"image": replace(unhealthy_report().image, repository="shop/other")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_whatever_else_changes_is_other_evidence(changes: dict[str, Any]) -> None:
    """Nothing that follows from the inputs, and no input, is left out."""
    report = unhealthy_report()
    changed = replace(report, **changes)
    assert report_json.encode_evidence(changed) != report_json.encode_evidence(report)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_of_an_image_survives(text: str) -> None:
    """Stored as it came: whoever shows it escapes it."""
    hostile = replace(finding(), package=text, title=text, package_path=text)
    report = unhealthy_report()
    report = replace(report, verdict=replace(report.verdict, violations=(hostile,)))
    document = report_json.encode(report)
    assert report_json.decode(document) == report
    assert not set(document) & set(range(0x20))
    assert b'"package":' + json.dumps(text, ensure_ascii=False).encode() in document


def test_a_verdict_of_before_its_weaknesses_were_listed_is_read() -> None:
    """What is stored outlives the worker that wrote it."""
    document = json.loads(report_json.encode(unhealthy_report()))
    del document["verdict"]["weaknesses"]
    assert report_json.decode(json.dumps(document).encode()) == unhealthy_report()


def test_times_are_kept_to_the_microsecond_and_written_in_utc() -> None:
    """Two machines in two zones write the same."""
    zone = timezone(timedelta(hours=5, minutes=30))
    report = healthy_report(as_of=datetime(2026, 3, 1, 1, 2, 3, 456789, tzinfo=zone))
    document = report_json.encode(report)
    assert b'"as_of":"2026-02-28T19:32:03.456789Z"' in document
    assert report_json.decode(document) == report


def test_a_time_without_a_zone_is_refused() -> None:
    """Nobody could tell when that was."""
    naive = datetime(2026, 3, 1, tzinfo=UTC).replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        report_json.encode(healthy_report(as_of=naive))


def test_text_that_is_no_unicode_is_refused() -> None:
    """A lone surrogate cannot be written as UTF-8."""
    report = unknown_report()
    broken = replace(report, verdict=replace(report.verdict, explanation="\ud800"))
    with pytest.raises(StoreError, match="Unicode"):
        report_json.encode(broken)


@pytest.mark.parametrize(
    "untrusted_document",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"schema":"pushscan.report/v2"}',
        b'{"schema":"pushscan.report/v1"}',
        report_json.encode(healthy_report())[:-1],
        report_json.encode(healthy_report()).replace(b'"healthy"', b'"fine"'),
        report_json.encode(healthy_report()).replace(b"sha256:", b"md5:"),
        report_json.encode(healthy_report())
        .replace(b'"policy":{', b'"policy":{"x":1,"y":{')
        .replace(b'},"scanner"', b'}},"scanner"'),
        report_json.encode(healthy_report()).replace(b'"image":{', b'"image":[],"was":{'),
        report_json.encode(unknown_report()).replace(b'"corrupt-layer"', b"null"),
    ],
)
def test_what_is_no_report_is_refused(untrusted_document: bytes) -> None:
    """A blob that somebody else wrote ends in one error, never in half a report."""
    with pytest.raises(StoreError, match="is not pushscan"):
        report_json.decode(untrusted_document)


def test_every_member_of_every_noun_is_in_the_schema() -> None:
    """A member that is added to a noun, and forgotten here, would be lost in the store."""
    published = {frozenset(schema["properties"]) - {"schema"} for schema in _objects(SCHEMA)}
    for noun in set(_nouns(Report)):
        # What is not compared follows from another member, as sources do from the digest.
        fields = frozenset(field.name for field in dataclasses.fields(noun) if field.compare)
        assert fields in published, noun


def test_the_schema_leaves_no_room() -> None:
    """Every object is closed, every member is required and described."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for schema in _objects(SCHEMA):
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])
        for name, member in schema["properties"].items():
            assert member.get("description"), name


def test_the_schema_has_no_place_for_secrets() -> None:
    """Trivy's own report carries environment, history, labels and the text around secrets."""
    members = {name for schema in _objects(SCHEMA) for name in schema["properties"]}
    words = {word for name in members for word in re.split(r"_", name)}
    assert not words & {
        *("cmd", "code", "content", "entrypoint", "env", "environment", "history"),
        *("label", "labels", "match", "metadata", "password", "secret", "secrets", "token"),
    }
    assert {name for name in members if "config" in name} == {"config_digest"}


def test_the_example_in_the_documentation_is_valid() -> None:
    """The page shows what the code writes, and explains each member."""
    page = (ROOT / "docs/report-schema.md").read_text()
    [example] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    document = json.loads(example)
    VALIDATOR.validate(document)
    assert json.loads(report_json.encode(report_json.decode(example.encode()))) == document
    for schema in _objects(SCHEMA):
        for name in schema["properties"]:
            assert f"{name}`" in page, name
