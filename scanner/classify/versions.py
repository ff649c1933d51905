"""Which version of a package is the lowest without its vulnerabilities.

How versions compare is each ecosystem's own affair, and `univers` knows it. Trivy names fixed
versions as `1.26.18, 2.0.7`: the first of each maintained branch that has the fix.
"""

import re
from collections.abc import Sequence
from typing import Final

from univers.versions import (
    AlpineLinuxVersion,
    ComposerVersion,
    ConanVersion,
    DebianVersion,
    GolangVersion,
    InvalidVersion,
    MavenVersion,
    NugetVersion,
    PypiVersion,
    RpmVersion,
    RubygemsVersion,
    SemverVersion,
    Version,
)

from scanner.classify.sources import distribution_of, ecosystem_of

_ECOSYSTEMS: Final[dict[str, type[Version]]] = {
    "cargo": SemverVersion,
    "cocoapods": RubygemsVersion,
    "composer": ComposerVersion,
    "conan": ConanVersion,
    "erlang": SemverVersion,
    "go": GolangVersion,
    "julia": SemverVersion,
    "k8s": SemverVersion,
    "maven": MavenVersion,
    "npm": SemverVersion,
    "nuget": NugetVersion,
    "pip": PypiVersion,
    "pub": SemverVersion,
    "rubygems": RubygemsVersion,
    "swift": SemverVersion,
}
_DISTRIBUTIONS: Final[dict[str, type[Version]]] = {
    "alpine": AlpineLinuxVersion,
    "chainguard": AlpineLinuxVersion,
    "debian": DebianVersion,
    "echo": DebianVersion,
    "minimos": AlpineLinuxVersion,
    "ubuntu": DebianVersion,
    "wolfi": AlpineLinuxVersion,
}
# Parsers of other people's versions fail in many ways, and comparing what they made in more.
_NO_VERSION: Final = (
    InvalidVersion,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


def lowest_clearing(package_type: str, fixed_versions: Sequence[str]) -> str | None:
    """Return the lowest named version in which every one of several vulnerabilities is fixed.

    Args:
        package_type: As Trivy has it, e.g. `debian` or `python-pkg`.
        fixed_versions: Of each vulnerability the text that Trivy gives, none of them empty.

    Returns None where versions cannot be compared. A version between two branches counts as fixed
    only within the lower one's last number: one that is too high is honest, one too low is not.
    """
    if len(set(fixed_versions)) == 1 and "," not in fixed_versions[0]:
        return fixed_versions[0]
    kind = _kind(package_type)
    if kind is None:
        return None
    try:
        branches = [_branches(kind, text) for text in fixed_versions]
        named = sorted(version for found in branches for version in found)
        clearing = (v for v in named if all(_is_fixed(v, found) for found in branches))
        return next((version.string for version in clearing), None)
    except _NO_VERSION:
        return None


def _branches(kind: type[Version], text: str) -> list[Version]:
    return sorted(kind(name.strip()) for name in text.split(","))


def _kind(package_type: str) -> type[Version] | None:
    ecosystem = ecosystem_of(package_type)
    if ecosystem is not None:
        return _ECOSYSTEMS.get(ecosystem)
    return _DISTRIBUTIONS.get(package_type, RpmVersion) if distribution_of(package_type) else None


def _is_fixed(version: Version, branches: Sequence[Version]) -> bool:
    # Only by `<`: `>=` of univers 32 compares Alpine's versions as text.
    below = [branch for branch in branches if not version < branch]
    return len(below) == len(branches) or (
        bool(below) and _is_of_branch(version.string, below[-1].string)
    )


def _is_of_branch(version: str, fixed: str) -> bool:
    """Whether a version differs from a fixed one in the last number at most: 1.26.20, 1.26.18."""
    wanted, found = (_NUMBERS.search(text) for text in (fixed, version))
    if wanted is None or found is None:
        return version == fixed
    branch = wanted[0].split(".")[:-1]
    return found[0].split(".")[: len(branch)] == branch
