import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import InvalidMessageError
from scanner.events import PushEvent
from scanner.jobs import MAX_MESSAGE_BYTES, decode, encode, job_for, retire_job
from scanner.model import Deletion, Job
from tests.examples import IMAGE, NOW, job


def message(**changes: object) -> bytes:
    """Return an encoded job with members changed."""
    return json.dumps(json.loads(encode(job())) | changes).encode()


def test_a_job_survives_the_queue() -> None:
    """What was written is what is read."""
    assert decode(encode(job()).encode()) == job()


def test_pushes_of_one_manifest_share_a_job_id() -> None:
    """Replicas and second tags repeat an event; the id follows from the digest."""
    first = PushEvent(event_id="1", image=IMAGE, pushed_at=NOW)
    replica = PushEvent(event_id="2", image=IMAGE, pushed_at=NOW + timedelta(seconds=3))
    assert job_for(first, now=NOW).id == job_for(replica, now=NOW).id


def test_a_push_from_the_future_is_dated_now() -> None:
    """A registry's clock that runs ahead must not make a tag unmovable."""
    event = PushEvent(event_id="1", image=IMAGE, pushed_at=NOW + timedelta(days=2))
    assert job_for(event, now=NOW).requested_at == NOW


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"v": 99}, "v"),
        ({"v": None}, "v"),
        ({"extra": 1}, "members"),
        ({"registry": "https://evil"}, "registry"),
        ({"registry": "evil/../x"}, "registry"),
        ({"registry": 1}, "registry"),
        ({"repository": "../x"}, "repository"),
        ({"digest": "sha256:x"}, "digest"),
        ({"tag": 1}, "tag"),
        ({"tag": "a\n"}, "tag"),
        ({"id": "0" * 32}, "id"),
        ({"requested_at": "now"}, "requested_at"),
        ({"requested_at": "2026-11-22T12:00:00"}, "requested_at"),
    ],
)
def test_a_forged_message_is_refused_by_field(change: dict[str, object], field: str) -> None:
    """Whoever can write to storage can write to the queue."""
    with pytest.raises(InvalidMessageError) as caught:
        decode(message(**change))
    assert caught.value.field == field


RETIRE = retire_job(
    Deletion(registry=IMAGE.registry, repository=IMAGE.repository, digest=IMAGE.digest),
    requested_at=NOW,
)


@pytest.mark.parametrize(
    "written",
    [
        RETIRE,
        retire_job(replace(RETIRE.deletion, digest=None, tag="v7"), requested_at=NOW),
        retire_job(replace(RETIRE.deletion, digest=None), requested_at=NOW),
        replace(job(), not_before=NOW),
    ],
)
def test_each_kind_of_job_survives_the_queue(written: Job) -> None:
    """A manifest, a tag, a repository that was deleted; another look at an image."""
    assert decode(encode(written).encode()) == written


def test_a_push_is_written_as_the_version_before_reads_it() -> None:
    """While an update rolls out, both read the queue."""
    assert json.loads(encode(job()))["v"] == 1


def test_deletions_of_one_thing_share_a_job_id_and_no_scan_has_it() -> None:
    """Event Grid and the webhook may both tell of it."""
    later = retire_job(RETIRE.deletion, requested_at=NOW + timedelta(hours=1))
    repository = retire_job(replace(RETIRE.deletion, digest=None), requested_at=NOW)
    assert later.id == RETIRE.id
    assert len({RETIRE.id, repository.id, job().id}) == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "drop"}, "kind"),
        ({"kind": None}, "kind"),
        ({"v": True}, "v"),
        ({"v": 1}, "members"),
        ({"digest": "sha256:x"}, "digest"),
        ({"digest": None}, "id"),
        ({"id": job().id}, "id"),
        ({"tag": "a b"}, "tag"),
        ({"not_before": "2026-11-22T12:00:00Z"}, "members"),
    ],
)
def test_a_forged_deletion_is_refused_by_field(change: dict[str, object], field: str) -> None:
    """As strictly as a scan."""
    with pytest.raises(InvalidMessageError) as caught:
        decode(json.dumps(json.loads(encode(RETIRE)) | change).encode())
    assert caught.value.field == field


@pytest.mark.parametrize(
    "untrusted", [b"", b"bm90IGpzb24=", b"[]", b"{}", b" " * (MAX_MESSAGE_BYTES + 1)]
)
def test_what_is_no_job_is_refused(untrusted: bytes) -> None:
    """Not JSON, not an object, or too large."""
    with pytest.raises(InvalidMessageError):
        decode(untrusted)


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_job_or_the_error(untrusted: bytes) -> None:
    """Nothing else escapes the parser."""
    with pytest.raises(InvalidMessageError):
        decode(untrusted)
