import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import InvalidMessageError
from scanner.notify.message import MAX_MESSAGE_BYTES, Notice, decode, encode, notice_on
from tests.reports import healthy_report, unhealthy_report, unknown_report


def _notice() -> Notice:
    notice = notice_on(unhealthy_report())
    assert notice is not None
    return notice


def _changed(**changes: object) -> bytes:
    return json.dumps(json.loads(encode(_notice())) | changes).encode()


def test_a_notice_is_read_as_it_was_written() -> None:
    """The tag is left out: it may have moved before the notice is sent."""
    notice = _notice()
    untagged = replace(notice, image=replace(notice.image, tag=None))
    assert decode(encode(notice).encode()) == untagged


def test_a_healthy_image_calls_for_no_notice() -> None:
    """No news."""
    assert notice_on(healthy_report()) is None


def test_the_id_follows_from_image_and_verdict_alone() -> None:
    """A re-scan and another tag keep it; another verdict and another repository do not."""
    report = unhealthy_report()
    same = notice_on(unhealthy_report(tag="other", seed=5))
    moved = notice_on(replace(report, image=replace(report.image, repository="web/app")))
    other = notice_on(unknown_report())
    assert same is not None
    assert moved is not None
    assert other is not None
    assert same.id == _notice().id
    assert len({_notice().id, moved.id, other.id}) == 3


@pytest.mark.parametrize(
    ("untrusted_message", "field"),
    [
        (b"", "body"),
        (b"\xff", "body"),
        (b"[]", "body"),
        (b"[" * 100_000, "body"),
        (b'{"v":1,"v":1}', "body"),
        (b" " * (MAX_MESSAGE_BYTES + 1), "body"),
        (_changed(v=2), "v"),
        (_changed(v=True), "v"),
        (_changed(v="1"), "v"),
        (_changed(findings=[]), "members"),
        (b'{"v":1}', "members"),
        (_changed(id=None), "id"),
        (_changed(id="A" * 64), "id"),
        (_changed(id="a" * 63 + "\n"), "id"),
        (_changed(report_id="../reports/x"), "report_id"),
        (_changed(report_id=""), "report_id"),
        (_changed(digest="sha256:short"), "digest"),
        (_changed(digest=["x"]), "digest"),
        (_changed(repository="a//b"), "repository"),
        (_changed(registry="evil.example/x"), "registry"),
    ],
)
def test_what_is_no_notice_is_refused_by_the_name_of_its_fault(
    untrusted_message: bytes, field: str
) -> None:
    """Strict: whoever can write to the queue gets nowhere with anything else."""
    with pytest.raises(InvalidMessageError) as caught:
        decode(untrusted_message)
    assert caught.value.field == field


@given(st.binary(max_size=300) | st.from_type(dict).map(lambda d: repr(d).encode()))
def test_any_bytes_are_a_notice_or_refused(untrusted_message: bytes) -> None:
    """Nothing else is ever raised."""
    with pytest.raises(InvalidMessageError):
        decode(untrusted_message)
