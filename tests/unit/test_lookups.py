from dataclasses import replace

import pytest

from scanner import lookups
from scanner.trivy.looked_up import Package, looked_up
from tests.reports import healthy_report, unhealthy_report


def test_names_that_ecosystems_take_for_one_have_one_key() -> None:
    """Trivy looks pip's packages up in lower case and with dashes, others as they are."""
    names = ("Zope.Interface", "zope-interface", "ZOPE__interface")
    assert len({lookups.of_package("pip", name) for name in names}) == 1


def test_a_family_and_a_package_of_its_name_are_two() -> None:
    """`debian` may be a package too."""
    assert lookups.key(lookups.of_family("a")) != lookups.key(lookups.of_package("a", "a"))


def test_keys_are_read_as_they_were_written() -> None:
    """None of them included."""
    for keys in (frozenset[int](), frozenset({0, 7, 2**32 - 1})):
        assert lookups.read(lookups.write(keys)) == keys


@pytest.mark.parametrize("text", ["AAA=", "!", "AAAAAAA="])
def test_what_are_no_keys_is_refused(text: str) -> None:
    """Neither base64 nor whole."""
    with pytest.raises(ValueError, match=r".+"):
        lookups.read(text)


def test_an_image_is_found_by_package_and_by_finding() -> None:
    """A finding's details may change when no advisory on the package does."""
    report = unhealthy_report()
    assert report.scan is not None
    scan = replace(report.scan, looked_up=frozenset({lookups.of_package("debian", "tar")}))
    keys = lookups.keys_of(replace(report, scan=scan))
    assert keys is not None
    assert lookups.key(lookups.of_package("debian", "tar")) in keys
    assert lookups.key(lookups.of_vulnerability("CVE-2019-10906")) in keys


def test_anything_may_concern_what_is_not_known() -> None:
    """A report from the store, an image of an unheard-of kind, one with too much in it."""
    report = healthy_report()
    assert report.scan is not None
    many = frozenset(str(number) for number in range(lookups.MAX_KEYS + 1))
    for looked in (None, frozenset({lookups.ANYTHING}), many):
        assert lookups.keys_of(replace(report, scan=replace(report.scan, looked_up=looked))) is None


def test_most_keys_fit_into_a_property() -> None:
    """Of 32 Ki characters."""
    assert len(lookups.write(frozenset(range(lookups.MAX_KEYS)))) <= 32 * 1024


def test_packages_are_looked_up_by_both_their_names() -> None:
    """Distributions differ in whether source or binary packages have advisories."""
    libssl = Package(name="libssl3", src_name="openssl")
    found = looked_up("debian", [("os-pkgs", "debian", [libssl])], is_rebuilt=False)
    assert found == {
        lookups.of_family("debian"),
        lookups.of_package("debian", "libssl3"),
        lookups.of_package("debian", "openssl"),
    }


@pytest.mark.parametrize(
    ("package_class", "package_type", "is_rebuilt"),
    [("os-pkgs", "debian", True), ("lang-pkgs", "unheard-of", False), ("", "", False)],
)
def test_packages_of_unknown_advisories_look_up_anything(
    package_class: str, package_type: str, *, is_rebuilt: bool
) -> None:
    """A third party's, or of a kind that is younger than this list."""
    groups = [(package_class, package_type, [Package(name="x")])]
    assert looked_up("debian", groups, is_rebuilt=is_rebuilt) == {lookups.ANYTHING}
