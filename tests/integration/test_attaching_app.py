"""The app's own functions: a push, its verdict, and what is then attached; on real parts."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from azure.core.exceptions import ResourceNotFoundError

from function_app import attaching, rejudging, worker
from local.acr import Rules
from scanner import jobs
from scanner.jobs import job_id
from scanner.model import Digest, ImageReference, ScanJob, Status
from scanner.rejudge_messages import RejudgeJob, encode_job
from scanner.settings import read
from scanner.wiring import ATTACH_QUEUE, Wiring
from tests.integration.acr_images import SmallImage
from tests.integration.app_surroundings import REPOSITORY, AppSurroundings
from tests.integration.test_rejudging_stored_images import debian

pytestmark = pytest.mark.integration


class App:
    """The functions of an app that attaches, by name."""

    def __init__(self, around: AppSurroundings, wanted: Mapping[str, str]) -> None:
        self.around = around
        self.wiring = Wiring(read({**around.settings(), **wanted}))
        app = func.FunctionApp()
        for module in (worker, rejudging, attaching):
            app.register_functions(module.blueprint(self.wiring))
        self._functions = {
            str(one.get_function_name()): one.get_user_function() for one in app.get_functions()
        }

    def run(self, function: str, message: str) -> None:
        """Give a message to a function."""
        self._functions[function](func.QueueMessage(body=message.encode()))

    def judge(self, digest: str) -> ImageReference:
        """Judge what was pushed under a digest."""
        image = ImageReference(
            registry=self.around.registry.login_server,
            repository=REPOSITORY,
            digest=Digest(digest),
        )
        job = ScanJob(id=job_id(image), image=image, requested_at=datetime.now(UTC))
        self.run("scan_image", jobs.encode(job))
        return image

    def attach(self) -> int:
        """Do all that waits in the queue; return how many messages that were."""
        done = 0
        while message := self.around.take(ATTACH_QUEUE):
            self.run("attach_exports", message)
            done += 1
        return done

    def referrers(self, image: ImageReference) -> list[dict[str, Any]]:
        """Ask the registry as anybody would."""
        found = self.wiring.attacher.referrers.attached(image)
        assert found is not None
        return [{"digest": str(one.digest), "type": one.artifact_type} for one in found]

    def writes(self) -> int:
        """Count what has been pushed or deleted with success."""
        seen = self.around.registry.requests.matching(host=self.around.registry.login_server)
        return sum(one.method in {"PUT", "DELETE"} and one.status < 300 for one in seen)


@pytest.fixture
def around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppSurroundings]:
    """Start every part; the identity may write."""
    with AppSurroundings(tmp_path, rules=Rules(identity_may_write=True)) as around:
        for name, value in around.settings().items():
            monkeypatch.setenv(name, value)
        yield around


def _push(around: AppSurroundings) -> SmallImage:
    image = debian("bash")
    around.push(image)
    return image


def test_a_push_is_judged_and_what_is_said_is_attached_once(around: AppSurroundings) -> None:
    """Also after a second push, a re-judgement, and the events of what was attached."""
    app = App(around, {"PUSHSCAN_ATTACH": "sarif,cyclonedx"})
    image = app.judge(_push(around).digest)
    assert app.attach() == 1
    attached = app.referrers(image)
    assert sorted(one["type"] for one in attached) == [
        "application/sarif+json",
        "application/vnd.cyclonedx+json",
    ]
    before = app.writes()
    app.judge(str(image.digest))
    app.run("rejudge_image", encode_job(RejudgeJob(images=(image,))))
    assert app.attach() == 2
    for one in attached:
        of_ours = app.judge(one["digest"])
        assert around.status(one["digest"]) is Status.NOT_APPLICABLE
        assert app.attach() == 1
        assert app.referrers(of_ours) == []
    assert app.writes() == before
    assert app.referrers(image) == attached


def test_nothing_is_asked_for_unless_it_is_switched_on(around: AppSurroundings) -> None:
    """Nothing is written, and the queue is not even made."""
    app = App(around, {})
    digest = _push(around).digest
    before = app.writes()
    app.judge(digest)
    with pytest.raises(ResourceNotFoundError):
        app.attach()
    assert app.writes() == before


def test_a_message_that_is_none_is_kept_and_one_that_fails_is_given_up(
    around: AppSurroundings, caplog: pytest.LogCaptureFixture
) -> None:
    """No message is tried for ever."""
    app = App(around, {"PUSHSCAN_ATTACH": "sarif"})
    app.run("attach_exports", "nonsense")
    foreign = {
        "v": 1,
        "registry": "evil.example",
        "repository": "x",
        "digest": "sha256:" + "0" * 64,
    }
    app.run("attach_exports", json.dumps(foreign))
    ours = foreign | {"registry": around.registry.login_server}
    app.run("give_up_attaching", json.dumps(ours))
    assert sum("attaching.unreadable" in message for message in caplog.messages) == 2
    assert sum("export.given_up" in message for message in caplog.messages) == 1
