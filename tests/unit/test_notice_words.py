from dataclasses import replace
from datetime import timedelta

import pytest

from scanner.model import Remedy, RemedyKind, TransitionKind
from scanner.notify.announcement import Announcement
from scanner.notify.channels import mail_html, mail_text
from scanner.notify.channels.headline import duration, headline
from scanner.notify.channels.phrases import change
from scanner.notify.channels.words import shortened, words
from tests.announcements import (
    BECAME_UNKNOWN,
    EXEMPTION_EXPIRING,
    NEWLY_UNHEALTHY,
    RESOLVED,
    SINCE,
    WORSE,
)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (
            replace(NEWLY_UNHEALTHY, findings_total=1, severity=None),
            "shop/cart:v7 is unhealthy since 2026-11-22 12:00 UTC: 1 finding blocks it",
        ),
        (
            replace(NEWLY_UNHEALTHY, tag=None, findings_total=2_000),
            (
                "shop/cart@sha256:5e5e5e5e5e5… is unhealthy since 2026-11-22 12:00 UTC: "
                "2,000 findings block it, the worst CRITICAL"
            ),
        ),
        (
            replace(WORSE, new_total=2),
            (
                "shop/cart:v7 got worse at 2026-11-24 06:30 UTC: 2 more findings block it, 3 in "
                "all, the worst CRITICAL; unhealthy since 2026-11-22 12:00 UTC"
            ),
        ),
        (
            replace(RESOLVED, verdict="not-applicable(deleted)"),
            "shop/cart:v7 was deleted, 2026-11-24 09:00 UTC; it was unhealthy for 1 day 21 hours",
        ),
        (
            replace(RESOLVED, verdict_before="unknown(timeout)"),
            (
                "shop/cart:v7 can be judged again: healthy, 2026-11-24 09:00 UTC; "
                "it could not be judged (timeout) for 1 day 21 hours"
            ),
        ),
        (
            replace(BECAME_UNKNOWN, verdict_before=""),
            "shop/cart:v7 cannot be judged since 2026-11-22 12:00 UTC: stale-advisories",
        ),
        (
            replace(EXEMPTION_EXPIRING, expiring=EXEMPTION_EXPIRING.expiring * 3),
            (
                "3 exemptions for shop/cart:v7 end soon, the first on 2026-11-29 00:00 UTC, in 6 "
                "days 12 hours: CVE-2019-10744 in lodash 4.17.4"
            ),
        ),
    ],
)
def test_the_first_line_says_what_to_what_since_when(told: Announcement, expected: str) -> None:
    """Where the goldens do not show it."""
    assert headline(told) == expected


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (0, "1 minute"),
        (59, "59 minutes"),
        (60, "1 hour"),
        (61, "1 hour 1 minute"),
        (24 * 60 + 5, "1 day"),
        (48 * 60 + 125, "2 days 2 hours"),
    ],
)
def test_a_duration_has_two_units_at_most(minutes: int, expected: str) -> None:
    """Nobody needs the minutes of a week."""
    assert duration(SINCE, SINCE + timedelta(minutes=minutes)) == expected


@pytest.mark.parametrize(
    ("remedy", "expected"),
    [
        (
            Remedy(
                kind=RemedyKind.REMOVE,
                target="left-pad",
                package_type="npm",
                installed_version="1.0",
                clears=("CVE-2026-1",),
            ),
            "Remove left-pad (npm) 1.0, which has no fixed version (clears CVE-2026-1)",
        ),
        (
            Remedy(kind=RemedyKind.CONFIGURE, target="The image runs as root"),
            "Change the image's settings: The image runs as root",
        ),
        (
            Remedy(kind=RemedyKind.REBASE, target="debian:12"),
            "Build on a newer base image: debian:12",
        ),
    ],
)
def test_a_change_says_what_to_do(remedy: Remedy, expected: str) -> None:
    """Where the goldens do not show it."""
    assert change(remedy) == expected


def test_what_cannot_be_mended_says_so() -> None:
    """Silence would read as an oversight."""
    said = words(replace(NEWLY_UNHEALTHY, remedies=(), remedies_total=0))
    assert [str(line) for line in said.sections[0].lines] == ["No change is known that mends it."]


def test_what_is_cut_is_counted() -> None:
    """Whatever the announcement itself left out."""
    said = words(replace(NEWLY_UNHEALTHY, findings_total=5_000, remedies_total=40))
    assert [section.cut for section in said.sections] == [
        "and 37 more changes",
        "and 4,995 more findings",
    ]


def test_shortening_ends_and_always_says_so() -> None:
    """The last list loses its lines first, then the others, then the facts."""
    said, steps = words(NEWLY_UNHEALTHY), 0
    while (shorter := shortened(said)) is not None:
        said, steps = shorter, steps + 1
    assert steps == 3 + 5 + 1
    assert all("no room" in section.cut for section in said.sections)
    assert said.headline == words(NEWLY_UNHEALTHY).headline


@pytest.mark.parametrize("kind", TransitionKind)
def test_no_address_of_others_is_left_live(kind: TransitionKind) -> None:
    """Mail and chat programs make links of them."""
    told = replace(
        NEWLY_UNHEALTHY, kind=kind, explanation="see http://evil.example/x", repository="https://x"
    )
    said = words(told)
    assert "http[:]//evil.example/x" in said.explanation
    assert "://" not in said.headline


@pytest.mark.parametrize(("missing", "said"), [(1, "change is"), (2, "changes are")])
@pytest.mark.parametrize("number", [1, 2])
def test_a_digest_says_how_many_are_missing(number: int, missing: int, said: str) -> None:
    """Whatever else is in it."""
    some = [NEWLY_UNHEALTHY] * number
    for form in (mail_text.text(some, missing), mail_html.page(some, missing)):
        assert f"{missing} more {said} left out" in form
    assert "left out" not in mail_text.text(some)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (25, ""),
        (26, "The first 25 follow in full."),
        (201, "And 1 more change. The first 25 follow in full."),
        (5_000, "And 4,800 more changes. The first 25 follow in full."),
    ],
)
def test_a_digest_that_is_too_long_says_what_it_leaves_out(number: int, expected: str) -> None:
    """Both forms stay of a size that mail servers take."""
    many = [NEWLY_UNHEALTHY] * number
    text, page = mail_text.text(many), mail_html.page(many)
    assert mail_text.left_out(many, 0) == expected
    assert expected in text
    assert expected in page
    assert page.count("<h1 ") == 25
    assert len(text) + len(page) < 256 * 1024
