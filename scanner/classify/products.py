"""Package URLs of VEX statements against an image and what is in it.

OpenVEX 0.2 names a product, e.g. `pkg:oci/cart@sha256:...?repository_url=host/shop/cart`, and the
subcomponents of it that the statement is about; a package by itself may be the product too.
"""

from typing import Final

from packageurl import PackageURL

from scanner.classify.subjects import Surroundings
from scanner.model import Finding, VexStatement

_PURL_TYPES: Final = {
    "alpine": "apk",
    "wolfi": "apk",
    "chainguard": "apk",
    "debian": "deb",
    "ubuntu": "deb",
    "gobinary": "golang",
    "gomod": "golang",
    "bundler": "gem",
    "gemspec": "gem",
    "cargo": "cargo",
    "rustbinary": "cargo",
    "composer": "composer",
    "composer-vendor": "composer",
    "nuget": "nuget",
    "dotnet-core": "nuget",
    "gradle": "maven",
    "jar": "maven",
    "pom": "maven",
    "sbt": "maven",
    **dict.fromkeys(("bun", "javascript", "node-pkg", "npm", "pnpm", "yarn"), "npm"),
    **dict.fromkeys(("pip", "pipenv", "poetry", "pylock", "python-pkg", "uv"), "pypi"),
}
"""By Trivy's package type, as its `pkg/purl/purl.go` has them; the other systems use RPM."""


def concerns_product(statement: VexStatement, finding: Finding, image: Surroundings) -> bool:
    """Whether a statement is about this finding in this image."""
    for text in statement.products:
        product = PackageURL.from_string(text)
        if product.type != "oci":
            if not statement.subcomponents and _is_package(product, finding):
                return True
        elif _is_image(product, image):
            parts = map(PackageURL.from_string, statement.subcomponents)
            if not statement.subcomponents or any(_is_package(part, finding) for part in parts):
                return True
    return False


def _is_image(product: PackageURL, image: Surroundings) -> bool:
    """Compare with an image; the name alone is not enough, as names repeat over registries."""
    qualifiers = product.qualifiers
    url = qualifiers.get("repository_url", "")
    here = f"{image.registry}/{image.repository}"
    is_there = here in {url, f"{url}/{product.name}"}
    if product.version:
        return product.version == image.digest and (is_there or not url)
    tag = qualifiers.get("tag")
    return is_there and tag in {None, image.tag}


def _is_package(part: PackageURL, finding: Finding) -> bool:
    """Compare with a package; a purl without a version is about every version."""
    is_system = finding.package_class == "os-pkgs"
    expected = _PURL_TYPES.get(finding.package_type, "rpm" if is_system else "")
    if part.type != expected or part.version not in {None, finding.installed_version}:
        return False
    # Of a distribution's package the namespace is the distribution, which is the image's anyway.
    if is_system or not part.namespace:
        return bool(_named(part.type, part.name) == _named(part.type, finding.package))
    separator = ":" if part.type == "maven" else "/"
    return f"{part.namespace}{separator}{part.name}" == finding.package


def _named(purl_type: str, name: str) -> str:
    """Write a name as its ecosystem's purls have it: PyPI's are lower case with dashes."""
    return name.lower().replace("_", "-") if purl_type == "pypi" else name
