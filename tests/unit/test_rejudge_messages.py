import json
from dataclasses import replace

import pytest

from scanner.errors import InvalidMessageError
from scanner.rejudge_messages import (
    MAX_IMAGES,
    RejudgeJob,
    SweepStep,
    decode_job,
    decode_step,
    encode_job,
    encode_step,
    portions,
)
from tests.examples import IMAGE, NOW

UNTAGGED = IMAGE.__class__(
    registry=IMAGE.registry, repository=IMAGE.repository, digest=IMAGE.digest
)
JOB = json.loads(encode_job(RejudgeJob(images=(IMAGE,), since=NOW)))
STEP = json.loads(encode_step(SweepStep(sweep="5e" * 16, after=IMAGE)))


@pytest.mark.parametrize(
    "job",
    [
        RejudgeJob(images=(UNTAGGED,)),
        RejudgeJob(images=(UNTAGGED, replace(UNTAGGED, repository="other")), since=NOW),
        RejudgeJob(images=(UNTAGGED,), may_be_older=True),
        RejudgeJob(images=(UNTAGGED,), asks_registry=True),
    ],
)
def test_a_job_is_read_as_it_was_written(job: RejudgeJob) -> None:
    """Every member of it."""
    assert decode_job(encode_job(job).encode()) == job


def test_a_job_is_about_digests() -> None:
    """A tag may have moved."""
    assert decode_job(encode_job(RejudgeJob(images=(IMAGE,))).encode()).images == (UNTAGGED,)


def test_images_are_divided_into_what_a_message_holds() -> None:
    """Of the longest names there are; none is left out."""
    host = ".".join(["r" * 63] * 3)
    longest = replace(UNTAGGED, registry=f"{host}.io:65535", repository="r" * 255)
    parts = [*portions([longest] * (MAX_IMAGES + 1))]
    assert [len(images) for images in parts] == [MAX_IMAGES, 1]
    assert decode_job(encode_job(RejudgeJob(images=parts[0])).encode()).images == parts[0]


@pytest.mark.parametrize("after", [UNTAGGED, None])
def test_a_step_is_read_as_it_was_written(after: object) -> None:
    """The first one stands before all images."""
    step = SweepStep(sweep="5e" * 16, after=UNTAGGED if after else None)
    assert decode_step(encode_step(step).encode()) == step


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"more": 1},
        {"since": 5},
        {"since": "yesterday"},
        {"may_be_older": 1},
        {"asks_registry": "no"},
        {"images": []},
        {"images": {}},
        {"images": ["x"]},
        {"images": JOB["images"] * 51},
        {"images": [JOB["images"][0] | {"tag": "v1"}]},
        {"images": [JOB["images"][0] | {"registry": None}]},
        {"images": [JOB["images"][0] | {"repository": "../up"}]},
        {"images": [JOB["images"][0] | {"digest": "sha256:short"}]},
    ],
)
def test_a_job_that_is_none_is_refused(change: dict[str, object]) -> None:
    """Who can write to the queue is not thereby believed."""
    with pytest.raises(InvalidMessageError):
        decode_job(json.dumps(JOB | change).encode())


@pytest.mark.parametrize(
    "change",
    [{"v": 0}, {"more": 1}, {"sweep": "../x"}, {"sweep": 1}, {"after": "x"}, {"after": {}}],
)
def test_a_step_that_is_none_is_refused(change: dict[str, object]) -> None:
    """A sweep's name becomes that of a blob."""
    with pytest.raises(InvalidMessageError):
        decode_step(json.dumps(STEP | change).encode())
