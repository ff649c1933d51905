"""Stored images judged again by real Trivy, with a registry that notes every request."""

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import azure.functions as func
import pytest

from function_app.rejudging import blueprint
from scanner import bolt, jobs
from scanner.jobs import job_id
from scanner.model import Digest, ImageReference, ScanJob, Status
from scanner.rejudge_messages import (
    RejudgeJob,
    SweepStep,
    decode_job,
    decode_step,
    encode_job,
    encode_step,
)
from scanner.settings import read
from scanner.trivy import AdvisoryDirectory
from scanner.wiring import JOB_QUEUE, NOTICE_QUEUE, REJUDGE_QUEUE, SWEEP_QUEUE, Wiring
from tests.examples import WEBHOOK_SECRET
from tests.integration.acr_images import SmallImage, small_image
from tests.integration.app_surroundings import REPOSITORY, AppSurroundings

pytestmark = pytest.mark.integration

_NOW = datetime.now(UTC).replace(microsecond=0)


def debian(*packages: str) -> SmallImage:
    """Return an image of Debian 12 with these packages in version 1."""
    status = "\n".join(
        f"Package: {name}\nStatus: install ok installed\nMaintainer: x\nArchitecture: amd64\n"
        f"Version: 1\nDescription: x\n"
        for name in packages
    )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        files = {"etc/debian_version": b"12.5\n", "var/lib/dpkg/status": status.encode()}
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return small_image(layer=buffer.getvalue())


class Installation:
    """The app's own parts on real storage, a real sandbox and a stand-in registry."""

    def __init__(self, around: AppSurroundings, home: Path) -> None:
        self.around = around
        self._home = home
        told = {
            "PUSHSCAN_NOTICE_URL": around.operators.url,
            "PUSHSCAN_NOTICE_SECRET": WEBHOOK_SECRET,
        }
        self.wiring = Wiring(read(around.settings() | told))

    def learn(self, **fixed: str) -> None:
        """Install advisories that these packages are mended in these versions."""
        self._home.mkdir()
        folder = self._home / "db"
        folder.mkdir()
        severity = json.dumps({"VendorSeverity": {"debian": 3}, "Title": "x"}).encode()
        packages: dict[str, bolt.Node] = {
            name: {f"CVE-2026-{name}": json.dumps({"FixedVersion": version}).encode()}
            for name, version in fixed.items()
        }
        details: dict[str, bolt.Node] = {f"CVE-2026-{name}": severity for name in fixed}
        source = {"debian 12": json.dumps({"ID": "debian", "Name": "x", "URL": ""}).encode()}
        tree: dict[str, bolt.Node] = {
            "debian 12": packages,
            "vulnerability": details,
            "data-source": dict(source),
        }
        bolt.write(folder / "trivy.db", tree)
        stamp = (_NOW + timedelta(minutes=len(fixed))).isoformat()
        metadata = {"Version": 2, "NextUpdate": stamp, "UpdatedAt": stamp, "DownloadedAt": stamp}
        (folder / "metadata.json").write_text(json.dumps(metadata))
        AdvisoryDirectory(Path(self.around.settings()["PUSHSCAN_ADVISORIES"])).install(
            self._home, source="test"
        )
        self._home = self._home.with_name(f"{self._home.name}x")

    def push(self, image: SmallImage) -> ImageReference:
        """Push an image and judge it."""
        self.around.push(image)
        reference = ImageReference(
            registry=self.around.registry.login_server,
            repository=REPOSITORY,
            digest=Digest(image.digest),
            tag=f"build-{image.digest[-8:]}",
        )
        self.wiring.pipeline.judge(
            ScanJob(id=job_id(reference), image=reference, requested_at=datetime.now(UTC))
        )
        return reference

    def work(self) -> list[ImageReference]:
        """Do all that waits in the queues of re-judging; return the images that were judged."""
        while message := self.around.take(SWEEP_QUEUE):
            self.wiring.sweeper.take(decode_step(message.encode()))
        judged: list[ImageReference] = []
        while message := self.around.take(REJUDGE_QUEUE):
            job = decode_job(message.encode())
            self.wiring.rejudger.judge(job)
            judged += job.images
        return judged

    def status(self, image: ImageReference) -> Status:
        """Return what is said of an image."""
        current = self.wiring.store.current(image)
        assert current is not None
        return current.status


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """Start every part."""
    with AppSurroundings(tmp_path) as around:
        for name, value in around.settings().items():
            monkeypatch.setenv(name, value)
        yield Installation(around, tmp_path / "new")


def test_new_advisories_turn_a_stored_image_without_a_request(installation: Installation) -> None:
    """Only the image with the package is judged, and not one request reaches the registry."""
    installation.learn(tar="1")
    wiring = installation.wiring
    concerned, other = installation.push(debian("bash")), installation.push(debian("tar"))
    wiring.catch_up()
    assert {image.digest for image in installation.work()} == {concerned.digest, other.digest}
    assert installation.status(concerned) is installation.status(other) is Status.HEALTHY
    requests = len(installation.around.registry.requests)
    assert requests > 0

    installation.learn(tar="1", bash="2")
    wiring.catch_up()
    assert [image.digest for image in installation.work()] == [concerned.digest]
    assert installation.status(concerned) is Status.UNHEALTHY
    assert installation.status(other) is Status.HEALTHY
    current = wiring.store.current(concerned)
    assert current is not None
    report = wiring.store.find_report(current.report_id)
    assert report is not None
    assert [finding.vulnerability for finding in report.verdict.violations] == ["CVE-2026-bash"]

    assert installation.around.take(NOTICE_QUEUE)

    wiring.sweeper.begin_full()
    assert len(installation.work()) == 2
    after = wiring.store.current(other)
    assert after is not None
    assert after.against is not None
    assert after.against.advisories == wiring.scanner.advisories().digest
    assert after.as_of < after.against.at
    assert installation.status(concerned) is Status.UNHEALTHY
    assert not installation.around.take(NOTICE_QUEUE)
    assert len(installation.around.registry.requests) == requests


def test_a_job_that_fails_too_often_takes_the_way_of_a_push(installation: Installation) -> None:
    """Which asks the registry, and gives up aloud: a later sweep need not concern the image."""
    installation.learn(tar="1")
    image = installation.push(debian("bash"))
    _run(installation, "rejudge_from_registry", encode_job(RejudgeJob(images=(image,))))
    queued = jobs.decode(installation.around.take(JOB_QUEUE).encode())
    assert isinstance(queued, ScanJob)
    assert queued.image == replace(image, tag=None)
    assert queued.not_before is not None


def test_a_stretch_that_fails_too_often_is_tried_again(installation: Installation) -> None:
    """All images behind it wait for it."""
    installation.learn(tar="1")
    image = installation.push(debian("bash"))
    sweep = installation.wiring.sweeper.begin_full()
    assert installation.around.take(SWEEP_QUEUE)
    _run(installation, "sweep_images_again", encode_step(SweepStep(sweep=sweep.id, after=None)))
    assert [judged.digest for judged in installation.work()] == [image.digest]


def test_images_that_are_not_ours_keep_no_other_from_its_verdict(
    installation: Installation,
) -> None:
    """Their job is kept where somebody can look at it."""
    installation.learn(tar="1")
    image = installation.push(debian("bash"))
    installation.learn(tar="1", bash="2")
    strange = replace(image, registry="elsewhere.azurecr.io")
    _run(installation, "rejudge_image", encode_job(RejudgeJob(images=(strange, image))))
    assert installation.status(image) is Status.UNHEALTHY
    [held] = installation.wiring.unreadable_messages.look()
    assert held.why.endswith("is not a registry of ours")


def _run(installation: Installation, name: str, message: str) -> None:
    app = func.FunctionApp()
    app.register_functions(blueprint(installation.wiring))
    functions = {
        str(one.get_function_name()): one.get_user_function() for one in app.get_functions()
    }
    functions[name](func.QueueMessage(body=message.encode()))
