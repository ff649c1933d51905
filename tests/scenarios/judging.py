"""A scenario played: real Trivy in its sandbox, each layer alone; a worker's flow; what is told."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from local.samples.advisories import install_sample
from scanner.classify.deeds import deed, origin_words
from scanner.classify.subjects import id_of
from scanner.local_images import LocalRegistry, open_image
from scanner.model import (
    Finding,
    ImageReference,
    Outcome,
    Report,
    ScanJob,
    Transition,
)
from scanner.notify.announcement import Announcement
from scanner.notify.channels import event, mail_html, mail_text, slack_blocks, teams_card
from scanner.notify.composer import Composer
from scanner.policy import kept
from scanner.trivy import AdvisoryDirectory, TrivyScanner
from tests.fakes import (
    InMemoryInventoryStore,
    InMemoryPolicyArchive,
    InMemoryReportStore,
    InMemoryStreams,
    RecordingOutbox,
    examiner_on,
    pipeline_on,
    publisher_on,
)
from tests.sandbox_programs import bubblewrap_path, trivy_path
from tests.scenarios.cases import NOW, Scenario

REGISTRY = "contoso.azurecr.io"
_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What became of a scenario's last image."""

    report: Report
    parts: tuple[Report, ...]
    """The report, or of an index those on its platforms."""
    told: tuple[Announcement, ...]
    """On the last image, in their order."""


def play(scenario: Scenario, folder: Path) -> Played:
    """Push the images, and judge each as a worker does."""
    store, outbox = InMemoryReportStore(), RecordingOutbox()
    install_sample(
        folder / "advisories", updated_at=scenario.advisories_of, more=scenario.advisories
    )
    (folder / "scratch").mkdir()
    scanner = TrivyScanner(
        trivy=trivy_path(),
        bubblewrap=bubblewrap_path(),
        directory=AdvisoryDirectory(folder / "advisories"),
        scratch=folder / "scratch",
    )
    inventories, streams = InMemoryInventoryStore(), InMemoryStreams()
    reports = []
    for number, push in enumerate(scenario.pushes):
        now = NOW - timedelta(minutes=len(scenario.pushes) - 1 - number)
        built = push.build(folder / str(number))
        clock = _Clock(now)
        registry = LocalRegistry(contents=open_image(built.layout))
        examiner = examiner_on(registry, scanner, inventories, folder / "scratch")
        publisher = publisher_on(
            store, streams, outbox, rulebook=lambda: scenario.rulebook, clock=clock
        )
        pipeline = pipeline_on(examiner, store, publisher, clock=clock)
        image = ImageReference(
            registry=REGISTRY, repository=push.repository, digest=built.digest, tag=push.tag
        )
        reports.append(pipeline.judge(ScanJob(id=str(number), image=image, requested_at=now)))
    report = reports[-1]
    policies = InMemoryPolicyArchive()
    exemptions = scenario.rulebook.exemptions
    if exemptions.digest is not None:
        policies.keep(exemptions.digest, kept.encode(exemptions))
    composer = Composer(store=store, policies=policies)
    parts = [store.find_report(entry.report_id) for entry in report.platforms]
    return Played(
        report=report,
        parts=tuple(filter(None, parts)) or (report,),
        told=tuple(_told(outbox.announced, report, composer)),
    )


@dataclass(frozen=True, slots=True)
class _Clock:
    """Stands still."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


def _told(
    announced: list[Transition], report: Report, composer: Composer
) -> Iterator[Announcement]:
    for transition in announced:
        if transition.image.digest == report.image.digest:
            yield composer.compose(transition, notice_id="0" * 64)


def written(scenario: Scenario, played: Played) -> str:
    """Write what is said of the image, and each message about it, for somebody to read."""
    parts = [f"{scenario.name}: {scenario.about}", *_verdict(played)]
    if not played.told:
        parts.append("Nobody is told.")
    for told in played.told:
        parts += [f"# Told: {told.kind}", *(_message(told))]
    return "\n".join(parts) + "\n"


def _verdict(played: Played) -> Iterator[str]:
    verdict = played.report.verdict
    yield f"\n{verdict}\n  {verdict.explanation}\n  by rule {verdict.rule}\n"
    for part in played.parts:
        shown = [one for one in part.decisions if one.outcome is not Outcome.INFORMS]
        if part.platform and len(played.parts) > 1:
            yield f"{part.platform}: {part.verdict}"
        for one in shown[:_SHOWN]:
            fixed = ""
            if isinstance(one.subject, Finding):
                fixed = f" in {one.subject.package} {one.subject.installed_version}"
            by = f" by {one.exemption}, against" if one.exemption else " by"
            until = f" until {one.due:%Y-%m-%d}" if one.due else ""
            asked = f"; not known: {', '.join(one.unknown_inputs)}" if one.unknown_inputs else ""
            origin = origin_words(one.origin)
            yield (
                f"  {one.outcome}: {one.subject.severity.name} {id_of(one.subject)}{fixed}"
                f"{by} {one.rule}{until}{asked}" + (f"; {origin}" if origin else "")
            )
        for remedy in part.remedies:
            yield f"  -> {deed(remedy, str)}"
    yield ""


def _message(told: Announcement) -> Iterator[str]:
    yield f"\n## Mail\n\nSubject: {mail_text.subject([told])}\n\n{mail_text.text([told])}"
    yield f"## Teams\n\n{_texts(teams_card.compose(told))}"
    yield f"## Slack\n\n{_texts(slack_blocks.compose(told))}"
    yield f"## Event (webhook, Event Grid)\n\n{_json(event.compose(told))}"
    yield f"## Mail as HTML: {len(mail_html.page([told]).encode())} bytes\n"


def _texts(body: bytes) -> str:
    """List what a person reads in a card, in its order."""
    found: list[str] = []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            for name, value in node.items():
                if name == "inlines" and isinstance(value, list):
                    found.append("".join(run["text"] for run in value))
                elif name == "text" and isinstance(value, str):
                    found.append(value)
                else:
                    walk(value)
        elif isinstance(node, list):
            for one in node:
                walk(one)

    walk(json.loads(body))
    return "\n".join(dict.fromkeys(found)) + "\n"


def _json(body: bytes) -> str:
    return json.dumps(json.loads(body), indent=2, ensure_ascii=False) + "\n"
