import json

import pytest

from scanner.errors import InvalidMessageError
from scanner.rejudge_messages import (
    RejudgeJob,
    SweepStep,
    decode_job,
    decode_step,
    encode_job,
    encode_step,
)
from tests.examples import IMAGE, NOW

UNTAGGED = IMAGE.__class__(
    registry=IMAGE.registry, repository=IMAGE.repository, digest=IMAGE.digest
)
JOB = json.loads(encode_job(RejudgeJob(image=IMAGE, since=NOW)))
STEP = json.loads(encode_step(SweepStep(sweep="5e" * 16, after=IMAGE)))


@pytest.mark.parametrize("since", [NOW, None])
def test_a_job_is_read_as_it_was_written(since: object) -> None:
    """Without the tag: a digest is what is judged."""
    message = encode_job(RejudgeJob(image=IMAGE, since=NOW if since else None))
    assert decode_job(message.encode()) == RejudgeJob(image=UNTAGGED, since=NOW if since else None)


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
        {"registry": None},
        {"repository": "../up"},
        {"digest": "sha256:short"},
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
