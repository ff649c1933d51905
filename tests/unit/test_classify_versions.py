"""The lowest version that clears several vulnerabilities."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.classify.versions import lowest_clearing


@pytest.mark.parametrize(
    ("package_type", "fixed", "lowest"),
    [
        ("debian", ["2.36-9+deb12u4", "2.36-9+deb12u10"], "2.36-9+deb12u10"),
        ("debian", ["1:1.2.13.dfsg-1", "1.3-1"], "1:1.2.13.dfsg-1"),
        ("alpine", ["1.36.1-r17", "1.36.1-r5"], "1.36.1-r17"),
        ("redhat", ["1:2.3-4.el8", "2.3-9.el8"], "1:2.3-4.el8"),
        ("python-pkg", ["2.0.7, 1.26.18", "2.0.6, 1.26.17"], "1.26.18"),
        ("node-pkg", ["4.17.12", "4.17.11", "4.17.21"], "4.17.21"),
        ("gobinary", ["1.19.8, 1.20.3", "1.19.9, 1.20.4"], "1.19.9"),
        ("gobinary", ["v0.17.0", "v0.7.0"], "v0.17.0"),
        ("jar", ["2.15.0", "2.3.2, 2.12.4, 2.17.1"], "2.17.1"),
        ("gemspec", ["5.2.4.3, 6.0.3.1", "6.0.3.2"], "6.0.3.2"),
    ],
)
def test_each_ecosystem_compares_in_its_own_way(
    package_type: str, fixed: list[str], lowest: str
) -> None:
    """A maintained branch is enough where all of them are fixed in it."""
    for order in itertools.permutations(fixed):
        assert lowest_clearing(package_type, order) == lowest


def test_a_version_between_branches_is_not_taken_for_fixed() -> None:
    """0.9.0 is above 0.8.1, and below the 0.9.3 that has the fix in its own branch."""
    assert lowest_clearing("node-pkg", ["0.8.1, 0.9.3", "0.9.0"]) == "0.9.3"


@pytest.mark.parametrize(
    ("package_type", "fixed"),
    [
        ("python-pkg", ["not a version", "2.0"]),
        ("node-pkg", ["1.0.0", ""]),
        ("unheard-of", ["1.0", "2.0"]),
        ("julia", ["1.0.0,", "2.0.0"]),
    ],
)
def test_what_cannot_be_compared_has_no_lowest(package_type: str, fixed: list[str]) -> None:
    """A guess would be followed."""
    assert lowest_clearing(package_type, fixed) is None


def test_one_version_needs_no_comparison() -> None:
    """Whatever it looks like."""
    assert lowest_clearing("unheard-of", ["r2-final", "r2-final"]) == "r2-final"


branch = st.tuples(st.integers(0, 3), st.integers(0, 3))
lists = st.lists(
    st.dictionaries(st.integers(1, 3), branch, min_size=1), min_size=1, max_size=4
).map(lambda found: [{major: (major, *rest) for major, rest in one.items()} for one in found])


@given(lists)
def test_no_lower_version_would_do(found: list[dict[int, tuple[int, int, int]]]) -> None:
    """Brute force over all versions, where each major version is a branch of its own."""
    fixed = [", ".join(".".join(map(str, v)) for v in one.values()) for one in found]
    got = lowest_clearing("node-pkg", fixed)
    assert got is not None
    chosen = tuple(map(int, got.split(".")))

    def is_fixed(version: tuple[int, ...], one: dict[int, tuple[int, int, int]]) -> bool:
        newest = max(one)
        return version >= one[newest] or (
            version[0] in one and version >= one[version[0]] and version[:2] == one[version[0]][:2]
        )

    named = sorted(version for one in found for version in one.values())
    assert all(is_fixed(chosen, one) for one in found)
    assert chosen == next(v for v in named if all(is_fixed(v, one) for one in found))


@given(st.sampled_from(["python-pkg", "jar", "debian", "redhat", "gobinary", "conan"]), st.data())
def test_any_text_is_survived(package_type: str, data: st.DataObject) -> None:
    """Advisories come from many hands."""
    text = st.text(min_size=1, max_size=40)
    fixed = data.draw(st.lists(text, min_size=1, max_size=4))
    lowest = lowest_clearing(package_type, fixed)
    assert lowest is None or any(lowest in one for one in fixed)
