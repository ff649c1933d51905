"""What sources say of a vulnerability, put together."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.model import Rating, Severity
from scanner.trivy.ratings import MAX_RATINGS, Scores, ratings


@pytest.mark.parametrize(
    ("scores", "newest"),
    [
        (Scores(v2=1.0, v3=2.0, v4=3.0), 3.0),
        (Scores(v2=1.0, v3=2.0), 2.0),
        (Scores(v2=1.0, v3=0.0), 1.0),
        (Scores(v2=1.0, v3=11.0, v4=-1.0), 1.0),
        (Scores(v2=10.0, v4=inf), 10.0),
        (Scores(v3=nan), None),
        (Scores(), None),
    ],
)
def test_the_score_is_of_the_newest_possible_version(scores: Scores, newest: float | None) -> None:
    """A score of 0 is what Trivy has for none."""
    assert scores.newest == newest


_SOURCES = st.text(max_size=3)
_SCORES = st.builds(Scores, *[st.none() | st.floats()] * 3)


@given(
    severities=st.dictionaries(_SOURCES, st.integers(), max_size=9),
    scores=st.dictionaries(_SOURCES, _SCORES, max_size=9),
)
def test_whatever_is_said_is_sorted_and_possible(
    severities: dict[str, int], scores: dict[str, Scores]
) -> None:
    """Each source once, and none that says nothing."""
    found = ratings(severities, scores)
    assert len({rating.source for rating in found}) == len(found) <= len({*severities, *scores})
    assert all(rating.severity is not None or rating.score is not None for rating in found)
    assert all(rating.score is None or 0 < rating.score <= 10 for rating in found)
    said = {source for source, number in severities.items() if 0 <= number <= 4}
    assert len([rating for rating in found if rating.severity is not None]) == len(said)


def test_sources_are_bounded() -> None:
    """A database of somebody's own may have any number."""
    many = {f"source {number:03}": 2 for number in range(MAX_RATINGS + 1)}
    found = ratings(many, {})
    assert len(found) == MAX_RATINGS
    assert found[0] == Rating(source="source 000", severity=Severity.MEDIUM)
