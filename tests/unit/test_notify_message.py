import contextlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import InvalidMessageError
from scanner.model import Stream
from scanner.notify.message import MAX_MESSAGE_BYTES, Notice, decode, encode
from tests.examples import DIGEST, IMAGE

NOTICE = Notice(
    stream=Stream(registry=IMAGE.registry, repository=IMAGE.repository, name="v7"),
    number=3,
    route="images",
)


def _changed(**changes: object) -> bytes:
    return json.dumps(json.loads(encode(NOTICE)) | changes).encode()


@pytest.mark.parametrize("name", ["v7", str(DIGEST)])
def test_a_notice_is_read_as_it_was_written(name: str) -> None:
    """Of a tag or of a digest."""
    notice = replace(NOTICE, stream=replace(NOTICE.stream, name=name))
    assert decode(encode(notice).encode()) == notice


def test_each_transition_and_each_route_has_an_id_of_its_own() -> None:
    """Receivers drop an id that they have seen."""
    others = [
        replace(NOTICE, number=4),
        replace(NOTICE, route="operators"),
        replace(NOTICE, stream=replace(NOTICE.stream, name="v8")),
        replace(NOTICE, stream=replace(NOTICE.stream, repository="web/app")),
    ]
    assert len({NOTICE.id, *(other.id for other in others)}) == 5


@pytest.mark.parametrize(
    ("untrusted_message", "field"),
    [
        (b"", "body"),
        (b"\xff", "body"),
        (b"[]", "body"),
        (b"[" * 100_000, "body"),
        (b'{"v":2,"v":2}', "body"),
        (b" " * (MAX_MESSAGE_BYTES + 1), "body"),
        (_changed(v=1), "v"),
        (_changed(v=True), "v"),
        (_changed(v="2"), "v"),
        (_changed(findings=[]), "members"),
        (b'{"v":2}', "members"),
        (_changed(number="3"), "number"),
        (_changed(number=True), "number"),
        (_changed(number=0), "number"),
        (_changed(number=1e30), "number"),
        (_changed(route="../images"), "route"),
        (_changed(route=""), "route"),
        (_changed(route=None), "route"),
        (_changed(name="sha256:short"), "digest"),
        (_changed(name=""), "tag"),
        (_changed(name=["x"]), "name"),
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
def test_no_bytes_end_in_any_other_error(untrusted_message: bytes) -> None:
    """A surprise here would kill the worker."""
    with contextlib.suppress(InvalidMessageError):
        decode(untrusted_message)
