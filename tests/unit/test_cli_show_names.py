from dataclasses import replace
from datetime import timedelta

import pytest

from scanner.errors import StoreError
from scanner.model import Digest
from tests.command_line import pushscan
from tests.examples import DIGEST, IMAGE, NOW
from tests.fakes import InMemoryReportStore
from tests.reports import deleted_report, healthy_report, unhealthy_report
from tests.shown_reports import NAME, store_of


def test_a_deleted_image_is_shown_with_what_was_said_before() -> None:
    """The verdict is history, not gone."""
    judged, gone = unhealthy_report(), deleted_report(as_of=NOW + timedelta(hours=1))
    result = pushscan("show", NAME, store=store_of(judged, gone))
    assert result.exit_code == 0
    for text in (
        "NOT-APPLICABLE (deleted)",
        "Before it was deleted",
        f"UNHEALTHY  {judged.verdict.explanation}",
        f"judged 2026-11-22 12:00 UTC, report {judged.id}",
    ):
        assert text in result.stdout


def test_an_image_that_lost_its_tag_says_so() -> None:
    """It is shown under its digest; the tag means another image."""
    moved = healthy_report(requested_at=NOW + timedelta(hours=1))
    moved = replace(moved, image=replace(moved.image, digest=Digest("sha256:" + "a6" * 32)))
    store = store_of(unhealthy_report(), moved)
    result = pushscan("show", f"contoso.azurecr.io/shop/cart@{DIGEST}", store=store)
    assert "Untagged" in result.stdout
    assert "Untagged" not in pushscan("show", NAME, store=store).stdout


def test_a_digest_finds_what_a_tag_finds() -> None:
    """An image without a tag has no other name."""
    store = store_of(unhealthy_report(tag=None))
    assert pushscan("show", NAME, store=store).exit_code == 1
    assert (
        "UNHEALTHY"
        in pushscan("show", f"contoso.azurecr.io/shop/cart@{DIGEST}", store=store).stdout
    )


def test_a_tag_means_its_latest_push() -> None:
    """As the store has it; the registry is not asked."""
    other = Digest("sha256:" + "0e" * 32)
    later = healthy_report()
    later = replace(
        later,
        id="0" * 64,
        image=replace(IMAGE, digest=other),
        requested_at=later.as_of.replace(hour=13),
    )
    shown = pushscan("show", NAME, store=store_of(unhealthy_report(), later)).stdout
    assert "HEALTHY" in shown
    assert str(other) in shown


def test_an_image_is_called_by_the_tag_that_was_asked_for() -> None:
    """The same digest may have been pushed under another tag before."""
    store = store_of(unhealthy_report(tag="v6"), unhealthy_report(tag="v7"))
    assert pushscan("show", NAME, store=store).stdout.startswith(f"{NAME}\n")


@pytest.mark.parametrize("name", [NAME, f"contoso.azurecr.io/shop/cart@{DIGEST}"])
def test_an_image_that_nobody_judged_is_an_error(name: str) -> None:
    """In one line, on stderr, exit 1."""
    result = pushscan("show", name, store=InMemoryReportStore())
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("pushscan: ")
    assert name in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "name",
    [
        "contoso.azurecr.io/shop/cart",
        "cart:v7",
        "contoso.azurecr.io/Shop:v7",
        "contoso.azurecr.io/shop:v7@sha256:12",
        "contoso.azurecr.io/shop:a\x1b[2J",
        "",
    ],
)
def test_a_name_that_is_none_is_misuse(name: str) -> None:
    """Exit 2, before storage is asked."""
    store = InMemoryReportStore()
    store.outage = StoreError("asked")
    assert pushscan("show", name, store=store).exit_code == 2


def test_an_outage_ends_in_one_line() -> None:
    """No traceback; where to look further is said."""
    store = InMemoryReportStore()
    store.outage = StoreError("images.read: ServiceRequestError")
    result = pushscan("show", NAME, store=store)
    assert result.exit_code == 1
    assert result.stderr == (
        "pushscan: images.read: ServiceRequestError; `pushscan doctor` tells more\n"
    )
