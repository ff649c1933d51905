from pathlib import Path

import pytest

from scanner import bolt, lookups
from scanner.trivy.changes import changed_keys

DEBIAN, NPM = "debian 12", "npm::GitHub Security Advisory npm"
TREE: dict[str, bolt.Node] = {
    DEBIAN: {"openssl": {"CVE-1": b"{}"}, "zlib": {"CVE-2": b"{}"}},
    NPM: {"lodash": {"CVE-3": b"{}"}},
    "vulnerability": {"CVE-1": b"low", "CVE-2": b"low", "CVE-3": b"low"},
    "data-source": {DEBIAN: b"{}"},
}


def changes(tmp_path: Path, changed: dict[str, bolt.Node]) -> frozenset[int] | None:
    """Compare the tree with one in which these buckets are others; empty text: gone."""
    after = {name: tree for name, tree in (TREE | changed).items() if tree != b""}
    bolt.write(tmp_path / "old.db", TREE)
    bolt.write(tmp_path / "new.db", after)
    found = changed_keys(tmp_path / "old.db", tmp_path / "new.db")
    # What went is as much of a change as what came.
    assert changed_keys(tmp_path / "new.db", tmp_path / "old.db") == found
    return found


def keys(*names: str) -> frozenset[int]:
    """Return the keys of look-ups."""
    return frozenset(map(lookups.key, names))


def test_equal_databases_have_no_differences(tmp_path: Path) -> None:
    """However they came about."""
    assert changes(tmp_path, {}) == frozenset()


def test_a_changed_advisory_names_its_package(tmp_path: Path) -> None:
    """By the distribution and not by its release: Alpine looks into several."""
    after: bolt.Node = {"openssl": {"CVE-1": b'{"FixedVersion":"2"}'}, "zlib": {"CVE-2": b"{}"}}
    assert changes(tmp_path, {DEBIAN: after}) == keys(lookups.of_package("debian", "openssl"))


def test_an_advisory_that_came_names_its_package(tmp_path: Path) -> None:
    """Beside those that were there, or as the first of its package."""
    after: bolt.Node = {
        "openssl": {"CVE-1": b"{}", "CVE-9": b"{}"},
        "tar": {"CVE-8": b"{}"},
        "zlib": {"CVE-2": b"{}"},
    }
    named = (lookups.of_package("debian", name) for name in ("openssl", "tar"))
    assert changes(tmp_path, {DEBIAN: after}) == keys(*named)


def test_changed_details_name_the_vulnerability(tmp_path: Path) -> None:
    """Another severity is another verdict."""
    after: bolt.Node = {"CVE-1": b"high", "CVE-2": b"low", "CVE-3": b"low"}
    assert changes(tmp_path, {"vulnerability": after}) == keys(lookups.of_vulnerability("CVE-1"))


def test_a_source_that_went_concerns_its_whole_family(tmp_path: Path) -> None:
    """An image of which nothing is known any more must not stay healthy."""
    assert changes(tmp_path, {DEBIAN: b""}) == keys(
        lookups.of_family("debian"),
        lookups.of_package("debian", "openssl"),
        lookups.of_package("debian", "zlib"),
    )


def test_a_source_that_was_emptied_is_gone(tmp_path: Path) -> None:
    """Nothing is looked up in an empty bucket."""
    found = changes(tmp_path, {DEBIAN: {}})
    assert found is not None
    assert lookups.key(lookups.of_family("debian")) in found


def test_a_package_in_a_module_is_named_without_it_too(tmp_path: Path) -> None:
    """Red Hat's modules stand before the package."""
    found = changes(tmp_path, {"rocky 9": {"nodejs:18::npm": {"CVE-5": b"{}"}}})
    names = (lookups.of_package("rocky", name) for name in ("npm", "nodejs:18::npm"))
    assert found == keys(lookups.of_family("rocky"), *names)


def test_red_hats_products_concern_red_hat(tmp_path: Path) -> None:
    """Its advisories name products by numbers, and this is what the numbers mean."""
    found = changes(tmp_path, {"Red Hat CPE": {"cpe": {"1": b"x"}}})
    assert found == keys(lookups.of_family("Red Hat"))


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"data-source": {DEBIAN: b'{"ID":"x"}'}}, id="data-source"),
        pytest.param({"root.io debian 12": {"x": {"CVE-4": b"{}"}}}, id="unheard-of"),
        pytest.param({"seal": b"a value"}, id="no bucket"),
    ],
)
def test_what_is_not_understood_may_concern_anything(
    tmp_path: Path, changed: dict[str, bolt.Node]
) -> None:
    """Data sources decide whose severity counts; of other buckets nothing is known here."""
    bolt.write(tmp_path / "old.db", TREE)
    bolt.write(tmp_path / "new.db", TREE | changed)
    assert changed_keys(tmp_path / "old.db", tmp_path / "new.db") is None


def test_too_many_changes_are_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded."""
    monkeypatch.setattr("scanner.trivy.changes.MAX_CHANGES", 1)
    assert changes(tmp_path, {"vulnerability": {"CVE-1": b"x"}}) is None


def test_a_database_that_is_none_is_refused(tmp_path: Path) -> None:
    """The caller then takes all images."""
    bolt.write(tmp_path / "old.db", TREE)
    (tmp_path / "new.db").write_bytes(b"x" * 8192)
    with pytest.raises(ValueError, match="bbolt"):
        changed_keys(tmp_path / "old.db", tmp_path / "new.db")
