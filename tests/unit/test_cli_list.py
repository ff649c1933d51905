import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from scanner.errors import StoreError
from scanner.model import Digest, ImageReference, Platform, Report, Status
from scanner.ports import CurrentVerdict
from tests.command_line import HOSTILE, OBEYED, pushscan
from tests.examples import DIGEST, IMAGE, NOW
from tests.fakes import InMemoryReportStore
from tests.reports import (
    AMD64,
    ARM64,
    deleted_report,
    healthy_report,
    index_report,
    not_applicable_report,
    unhealthy_report,
    unknown_report,
)

INDEX = Digest("sha256:" + "1d" * 32)
OTHER = Digest("sha256:" + "a6" * 32)


def _in(report: Report, repository: str, *, tag: str | None = "v7") -> Report:
    """Give a report to another repository, with an id of its own."""
    image = replace(report.image, repository=repository, tag=tag)
    return replace(report, id=f"{repository.replace('/', '-')}-{tag}", image=image)


@pytest.fixture
def store() -> InMemoryReportStore:
    """A store with one image a verdict."""
    store = InMemoryReportStore()
    store.save(_in(unknown_report(), "tools/lint"))
    store.save(_in(healthy_report(), "base/debian"))
    store.save(_in(not_applicable_report(), "tools/signature"))
    store.save(unhealthy_report())
    return store


def _lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_every_current_verdict_has_a_line(store: InMemoryReportStore) -> None:
    """In the order of the names, with counts or the reason why there are none."""
    assert _lines(pushscan("list", store=store).stdout) == [
        ["VERDICT", "FINDINGS", "AGE", "IMAGE"],
        ["healthy", "none", "5", "h", "contoso.azurecr.io/base/debian:v7"],
        ["unhealthy", "1C", "1H", "5", "h", "contoso.azurecr.io/shop/cart:v7"],
        ["unknown", "corrupt-layer", "5", "h", "contoso.azurecr.io/tools/lint:v7"],
        ["not-applicable", "signature", "5", "h", "contoso.azurecr.io/tools/signature:v7"],
    ]


@pytest.mark.parametrize(
    ("arguments", "repositories"),
    [
        (["--verdict", "unknown"], ["tools/lint"]),
        (["--verdict", "not-applicable"], ["tools/signature"]),
        (["--repository", "tools/*"], ["tools/lint", "tools/signature"]),
        (["--repository", "*e*", "--verdict", "healthy"], ["base/debian"]),
    ],
)
def test_the_list_is_filtered(
    store: InMemoryReportStore, arguments: list[str], repositories: list[str]
) -> None:
    """By verdict, by repository, by both."""
    entries = json.loads(pushscan("list", "--json", *arguments, store=store).stdout)
    assert [entry["repository"] for entry in entries] == repositories


def test_an_image_that_lost_its_tag_is_marked_and_a_deleted_one_is_gone() -> None:
    """The tag names another digest now; the deleted image keeps its history under `show`."""
    store = InMemoryReportStore()
    store.save(unhealthy_report())
    moved = replace(IMAGE, digest=OTHER)
    later = NOW + timedelta(hours=1)
    store.save(replace(healthy_report(requested_at=later), id="3" * 64, image=moved))
    gone = replace(IMAGE, repository="shop/gone")
    store.save(replace(healthy_report(), id="4" * 64, image=gone))
    store.save(replace(deleted_report(as_of=later), id="5" * 64, image=replace(gone, tag=None)))
    lines = pushscan("list", store=store).stdout.splitlines()[1:]
    assert [line.split(" h    ")[1] for line in lines] == [
        "contoso.azurecr.io/shop/cart:v7",
        f"contoso.azurecr.io/shop/cart@{DIGEST} (untagged)",
    ]
    entries = json.loads(pushscan("list", "--json", store=store).stdout)
    assert {entry["digest"]: entry["untagged"] for entry in entries} == {
        str(OTHER): False,
        str(DIGEST): True,
    }


def test_what_is_part_of_an_index_stands_below_it() -> None:
    """Though its digest would put it elsewhere; the index shows no zeros for what it sums up."""
    store = InMemoryReportStore()
    amd64 = unhealthy_report(tag=None)
    arm64 = replace(healthy_report(tag=None), image=replace(IMAGE, digest=OTHER, tag=None))
    arm64 = replace(arm64, platform=ARM64)
    for child in (amd64, arm64):
        store.save(child, part_of=INDEX)
    index = index_report((AMD64, amd64), (ARM64, arm64), digest=INDEX)
    store.save(replace(index, id="1" * 64))
    other = replace(IMAGE, digest=Digest("sha256:" + "00" * 32), tag="v8")
    store.save(replace(healthy_report(), id="2" * 64, image=other))
    name = "contoso.azurecr.io/shop/cart"
    assert [
        line.split(" h    ")[1] for line in pushscan("list", store=store).stdout.splitlines()[1:]
    ] == [
        f"{name}:v7",
        f"{name}@{DIGEST} (linux/amd64, part of {INDEX})",
        f"{name}@{OTHER} (linux/arm64/v8, part of {INDEX})",
        f"{name}:v8",
    ]
    assert _lines(pushscan("list", store=store).stdout)[1] == ["unhealthy", "5", "h", f"{name}:v7"]


def test_untagged_images_come_last() -> None:
    """Under their whole digest, which `show` takes."""
    store = InMemoryReportStore()
    store.save(healthy_report(tag=None))
    tagged = replace(healthy_report(), id="2" * 64, image=replace(IMAGE, digest=OTHER))
    store.save(tagged)
    lines = _lines(pushscan("list", store=store).stdout)
    assert [line[-1] for line in lines[1:]] == [
        "contoso.azurecr.io/shop/cart:v7",
        f"contoso.azurecr.io/shop/cart@{DIGEST}",
    ]


def test_json_is_one_array(store: InMemoryReportStore) -> None:
    """With all that a row holds."""
    result = pushscan("list", "--json", "--verdict", "unhealthy", store=store)
    assert json.loads(result.stdout) == [
        {
            "registry": "contoso.azurecr.io",
            "repository": "shop/cart",
            "digest": str(DIGEST),
            "tag": "v7",
            "untagged": False,
            "status": "unhealthy",
            "reason": None,
            "rule": "severity-threshold",
            "explanation": "2 findings at or above HIGH, the worst CRITICAL.",
            "counts": "CRITICAL=1 HIGH=1 MEDIUM=0 LOW=0 UNKNOWN=0",
            "platform": "linux/amd64",
            "part_of": None,
            "as_of": "2026-11-22T12:00:00.000000Z",
            "report_id": unhealthy_report().id,
        }
    ]
    assert result.stderr == ""


def test_an_empty_list_is_no_error() -> None:
    """In JSON it is an empty array; a person is told on stderr."""
    store = InMemoryReportStore()
    assert json.loads(pushscan("list", "--json", store=store).stdout) == []
    result = pushscan("list", store=store)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "pushscan: no verdict matches\n"


class _BreakingStore(InMemoryReportStore):
    """Is lost after the first page."""

    def list_current(
        self,
        *,
        status: Status | None = None,
        repository: str | None = None,
        after: ImageReference | None = None,
    ) -> Iterator[CurrentVerdict]:
        """Yield what there is, then fail."""
        yield from super().list_current(status=status, repository=repository, after=after)
        raise StoreError("images.select: ServiceResponseError")


def test_an_outage_in_the_middle_leaves_no_whole_array() -> None:
    """What was cut off must not be taken for all there is."""
    store = _BreakingStore()
    store.save(unhealthy_report())
    result = pushscan("list", "--json", store=store)
    assert result.exit_code == 1
    with pytest.raises(json.JSONDecodeError):
        json.loads(result.stdout)


def test_an_unknown_verdict_word_is_misuse(store: InMemoryReportStore) -> None:
    """Exit 2."""
    assert pushscan("list", "--verdict", "sick", store=store).exit_code == 2


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_hostile_text_is_inert(arguments: list[str]) -> None:
    """A platform is whatever the image's config says."""
    store = InMemoryReportStore()
    hostile = replace(
        unhealthy_report(),
        platform=Platform(os=HOSTILE, architecture=HOSTILE),
        verdict=replace(unhealthy_report().verdict, explanation=HOSTILE),
    )
    store.save(hostile, part_of=INDEX)
    output = pushscan("list", *arguments, store=store).stdout
    assert not [character for character in OBEYED if character in output]
    assert "[31mred" in output
