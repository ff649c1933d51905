"""Twelve images, what is known when each is judged, and by which rules."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from local.samples.advisories import Advisory, Nvd
from local.samples.images import SampleImage
from scanner.model import (
    Digest,
    Exemption,
    Exemptions,
    Exploits,
    Kind,
    Outcome,
    Rule,
    Rulebook,
    Severity,
    TableVersion,
    VexStatement,
    What,
)
from scanner.model.exploits import EPSS, KNOWN_EXPLOITED
from scanner.policy import kept
from tests.policies import default, policy
from tests.scenarios.images import (
    BASE,
    ENV_FILE,
    UNSUPPORTED,
    Files,
    image,
    index,
    npm,
    python,
    secret,
    without,
)

NOW: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REPOSITORY: Final = "shop/cart"

_LODASH = npm("lodash", "4.17.20")
"""CVE-2021-23337, HIGH with a fix, and CVE-2020-28500, MEDIUM."""
_VULNERABLE = {**npm("lodash", "4.17.4"), **python("jinja2", "2.10")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One image on its way into the registry."""

    build: Callable[[Path], SampleImage]
    repository: str = REPOSITORY
    tag: str = "v7"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Images pushed in turn; the last one is what it is about."""

    name: str
    about: str
    """What is special, in half a sentence."""
    pushes: tuple[Push, ...]
    rulebook: Rulebook = field(default_factory=default)
    advisories: tuple[Advisory, ...] = ()
    """Beside the bundled sample of real ones."""
    advisories_of: datetime = NOW


def _push(*layers: Files, repository: str = REPOSITORY, tag: str = "v7") -> Push:
    def build(into: Path) -> SampleImage:
        return image(repository.replace("/", "-"), *layers).build(into)

    return Push(build=build, repository=repository, tag=tag)


def _made_up(package: str, patched: list[str], severity: str, *, published: datetime) -> Advisory:
    stamp = f"{published:%Y-%m-%dT%H:%M:%SZ}"
    return Advisory(
        id="CVE-2026-99998",
        ecosystem="npm",
        package=package,
        vulnerable=[f"<{patched[0]}"] if patched else [">=0"],
        patched=patched,
        vendor_id="",
        severity=severity,
        severity_source="ghsa",
        title="Made up, as the package is",
        url="https://example.com/CVE-2026-99998",
        verified="",
        nvd=Nvd(published=stamp, record_modified=stamp, severity=severity),
    )


def _exploited() -> Rulebook:
    versions = tuple(
        TableVersion(name=name, digest=Digest("sha256:" + byte * 32), published_at=NOW)
        for name, byte in ((EPSS, "e5"), (KNOWN_EXPLOITED, "ce"))
    )
    known = frozenset({"CVE-2024-37891"})
    return Rulebook(
        policy=default().policy,
        exploits=Exploits(epss={}, known_exploited=known, versions=versions),
    )


def _accepted() -> Rulebook:
    exemption = Exemption(
        id="exemptions.yaml#1",
        ids=("CVE-2021-23337",),
        packages=("lodash",),
        images=("contoso.azurecr.io/shop/**",),
        owner="shop-team@contoso.com",
        reason="template() is not used; the upgrade is in the next release",
        expires_at=NOW + timedelta(days=5),
    )
    return _with(Exemptions(exemptions=(exemption,)))


def _vex() -> Rulebook:
    statement = VexStatement(
        id="vex/cart.json#1",
        vulnerabilities=("CVE-2021-23337",),
        products=("pkg:npm/lodash",),
        subcomponents=(),
        status="not_affected",
        justification="vulnerable_code_not_in_execute_path",
    )
    return _with(Exemptions(statements=(statement,)))


def _with(exemptions: Exemptions) -> Rulebook:
    """Return the default policy with these, under the digest that they are kept by."""
    digest = Digest.of(kept.encode(exemptions))
    return Rulebook(policy=default().policy, exemptions=replace(exemptions, digest=digest))


def _graceful() -> Rulebook:
    severe = What(kinds=(Kind.VULNERABILITY,), severity=Severity.HIGH, fixable=True)
    rule = Rule(name="two-weeks-to-mend", outcome=Outcome.BLOCKS, what=severe, grace_days=14)
    return Rulebook(policy=policy(rule))


_OLD_BASE = ({**BASE}, {**npm("lodash", "4.17.20", "opt"), **python("jinja2", "2.10")})
_NEW_BASE = ({**BASE}, {**npm("lodash", "4.17.21", "opt"), **python("jinja2", "3.1.4")})

SCENARIOS: Final = (
    Scenario(
        name="clean", about="nothing is wrong", pushes=(_push(BASE, npm("lodash", "4.17.21")),)
    ),
    Scenario(
        name="fixable",
        about="two packages with fixed versions, where the tag named a clean image before",
        pushes=(_push(BASE, npm("lodash", "4.17.21")), _push(BASE, _VULNERABLE)),
    ),
    Scenario(
        name="unfixed",
        about="CRITICAL, and nobody has a fix",
        pushes=(_push(BASE, npm("left-behind", "1.0.0")),),
        advisories=(_made_up("left-behind", [], "CRITICAL", published=NOW - timedelta(days=90)),),
    ),
    Scenario(
        name="exploited",
        about="only MEDIUM, but exploited in the wild",
        pushes=(_push(BASE, python("urllib3", "1.26.18")),),
        rulebook=_exploited(),
    ),
    Scenario(
        name="old-base",
        about="what is wrong came with the base, of which there is a newer one",
        pushes=(
            _push(*_OLD_BASE, repository="base/node", tag="20"),
            _push(*_NEW_BASE, repository="base/node", tag="20"),
            _push(*_OLD_BASE, python("urllib3", "1.24.1")),
        ),
    ),
    Scenario(
        name="deleted-secret",
        about="a token in one layer, deleted in the next",
        pushes=(_push(BASE, secret(), without(ENV_FILE)),),
    ),
    Scenario(
        name="accepted",
        about="HIGH with a fix, accepted until five days from now",
        pushes=(_push(BASE, _LODASH),),
        rulebook=_accepted(),
    ),
    Scenario(
        name="graceful",
        about="HIGH with a fix, published three days ago, where two weeks are given",
        pushes=(_push(BASE, npm("just-known", "1.0.0")),),
        rulebook=_graceful(),
        advisories=(_made_up("just-known", ["1.0.1"], "HIGH", published=NOW - timedelta(days=3)),),
    ),
    Scenario(
        name="not-affected",
        about="HIGH with a fix, of which a VEX document says that it does not matter here",
        pushes=(_push(BASE, _LODASH),),
        rulebook=_vex(),
    ),
    Scenario(
        name="stale",
        about="advisories of ten days ago",
        pushes=(_push(BASE, npm("lodash", "4.17.21")),),
        advisories_of=NOW - timedelta(days=10),
    ),
    Scenario(
        name="unsupported",
        about="a distribution that no advisories exist for",
        pushes=(_push(UNSUPPORTED, npm("lodash", "4.17.21")),),
    ),
    Scenario(
        name="other-platform",
        about="fine for amd64, and not for arm64",
        pushes=(
            Push(
                build=lambda into: index(
                    "both",
                    into,
                    ("amd64", (BASE, npm("lodash", "4.17.21"))),
                    ("arm64", (BASE, _VULNERABLE)),
                )
            ),
        ),
    ),
)
