"""The analysers that are linked into Trivy, and which of them run with our flags.

Read off Trivy 0.76.0: the packages from the program itself (`linked`), what each registers from
`pkg/fanal/analyzer/const.go`, what is off from `pkg/commands/artifact/run.go` (`ScanImage` and
`disabledAnalyzers`).
"""

import mmap
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

_REGISTRATION = re.compile(
    rb"github\.com/aquasecurity/trivy/pkg/fanal/analyzer/([a-z0-9_/]+)\.init\.(\d+)\0"
)

ON: Mapping[str, tuple[str, ...]] = {
    "buildinfo": ("redhat-content-manifest", "redhat-dockerfile"),
    "imgconf/secret": ("image-config-secret",),
    "language/conda/meta": ("conda-pkg",),
    "language/dotnet/deps": ("dotnet-core",),
    "language/dotnet/nuget": ("nuget",),
    "language/dotnet/packagesprops": ("packages-props",),
    "language/golang/binary": ("gobinary",),
    "language/java/jar": ("jar",),
    "language/julia/pkg": ("julia",),
    "language/nodejs/pkg": ("node-pkg",),
    "language/python/packaging": ("python-egg", "python-pkg"),
    "language/ruby/gemspec": ("gemspec",),
    "language/rust/binary": ("rustbinary",),
    "language/rust/cargo": ("cargo",),
    "os/alpine": ("alpine",),
    "os/amazonlinux": ("amazon",),
    "os/debian": ("debian",),
    "os/redhatbase": ("alma", "centos", "fedora", "oracle", "redhat", "rocky"),
    "os/release": ("os-release",),
    "os/ubuntu": ("ubuntu", "ubuntu-esm"),
    "pkg/apk": ("apk",),
    "pkg/bottlerocket_inventory": ("bottlerocket-inventory",),
    "pkg/dpkg": ("dpkg", "dpkg-license"),
    "rapidfort": ("rapidfort-curated",),
    "repo/apk": ("apk-repo",),
    "sbom": ("sbom",),
}
"""By package: the analysers that it registers, all of which run."""

PARTLY_ON: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "language/php/composer": (("composer-vendor",), ("composer",)),
    # Archives need TRIVY_EXPERIMENTAL_RPM_ARCHIVE in the environment, which is ours.
    "pkg/rpm": (("rpm", "rpmqa"), ("rpm-archive",)),
}
"""By package: those of its analysers that run, and those that do not."""

_NO_MISCONFIGURATION = "it looks for misconfiguration (--scanners vuln)"
_LOCK_FILE = "lock files are not examined in images (TypeLockfiles)"

OFF: Mapping[str, str] = {
    **{
        f"config/{name}": _NO_MISCONFIGURATION
        for name in (
            *("ansible", "azurearm", "cloudformation", "dockerfile", "helm", "json", "k8s"),
            *("terraform", "terraformplan/json", "terraformplan/snapshot", "yaml"),
        )
    },
    **{
        f"language/{name}": _LOCK_FILE
        for name in (
            *("c/conan", "conda/environment", "dart/pub", "elixir/mix", "golang/mod"),
            *("java/gradle", "java/pom", "java/sbt", "nodejs/bun", "nodejs/npm", "nodejs/pnpm"),
            *("nodejs/yarn", "python/pip", "python/pipenv", "python/poetry", "python/pylock"),
            *("python/uv", "ruby/bundler", "swift/cocoapods", "swift/swift"),
        )
    },
    "crypto": "it looks for keys and certificates (--scanners vuln)",
    "executable": "it asks Rekor, a service (no --sbom-sources)",
    "imgconf/apk": "it looks up Alpine's history in a service (no --removed-pkgs)",
    "imgconf/dockerfile": "it looks for misconfiguration (no --image-config-scanners)",
    "licensing": "it looks for licence texts (no --license-full)",
    "secret": "it runs by itself (argv.list_secrets)",
}
"""By package with a single analyser: why it does not run."""

ENABLED = frozenset(
    name for names in (*ON.values(), *(some for some, _ in PARTLY_ON.values())) for name in names
)
"""Every analyser that runs, as Trivy calls it; the corpus must hold a file for each."""


def known() -> Mapping[str, int]:
    """Return how many analysers each package registers, as far as this module knows."""
    counts = {name: len(analysers) for name, analysers in ON.items()}
    counts |= {name: len(on) + len(off) for name, (on, off) in PARTLY_ON.items()}
    return counts | dict.fromkeys(OFF, 1)


def linked(trivy: Path) -> Mapping[str, int]:
    """Return how many analysers each package of a Trivy registers.

    Each is registered by a function `init` of its own; the names of functions stay in a Go program.
    """
    with trivy.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = {(name.decode(), number) for name, number in _REGISTRATION.findall(content)}
    return Counter(name for name, _ in found)
