"""What Trivy asks of the advisories for the packages it lists; rather too much than too little.

Source: Trivy 0.76, `pkg/detector/ospkg/*/` (by source package, or by the package itself) and
`pkg/detector/library/driver.go`.
"""

from collections.abc import Iterable, Sequence

import msgspec

from scanner import lookups
from scanner.classify.sources import distribution_of, ecosystem_of


class Package(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    """A package of a report by what it is looked up; its details are most of a report's size."""

    name: str = ""
    src_name: str = ""


def looked_up(
    system: str, groups: Iterable[tuple[str, str, Sequence[Package]]], *, is_rebuilt: bool
) -> frozenset[str]:
    """Name what is looked up, as `scanner.lookups` does.

    Args:
        system: The family of the distribution, as Trivy has it.
        groups: Class and type of each result with its packages.
        is_rebuilt: Whether a third party's advisories are asked in the distribution's stead.
    """
    found = set()
    for package_class, package_type, packages in groups:
        if package_class == "os-pkgs":
            family = None if is_rebuilt else distribution_of(system)
        else:
            family = ecosystem_of(package_type)
        if family is not None:
            found.add(lookups.of_family(family))
            names = {name for p in packages for name in (p.name, p.src_name) if name}
            found.update(lookups.of_package(family, name) for name in names)
        elif packages:
            found.add(lookups.ANYTHING)
    return frozenset(found)
