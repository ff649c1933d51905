from hypothesis import given
from hypothesis import strategies as st

from scanner.notify.plain_text import plain


def test_text_that_hides_or_reorders_is_taken_out() -> None:
    """A title must not pretend to be another one (CVE-2021-42574, "Trojan Source")."""
    assert plain("a\u202eb\u200bc\x1b[31md\x00e\u2028f\x85g\ufeff", 50) == "abc[31mdefg"
    assert plain("one\ntwo\tthree", 50) == "one two three"
    assert plain("Übermaß 漢字 🦀", 50) == "Übermaß 漢字 🦀"


def test_text_that_is_cut_says_so() -> None:
    """At the limit it is whole, beyond it ends in an ellipsis."""
    assert plain("x" * 200, 200) == "x" * 200
    assert plain("x" * 201, 200) == "x" * 199 + "…"


@given(st.text(max_size=400), st.integers(1, 60))
def test_plain_text_is_always_within_its_limit(text: str, limit: int) -> None:
    """Whatever comes, it is encodable, on one line and short."""
    cleaned = plain(text, limit)
    assert len(cleaned) <= limit
    assert cleaned.encode().decode().isprintable()
