"""Registries for the tests of posture: bundles in the shape in which ARM answers."""

import copy
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from azure.core.credentials import AccessToken

from scanner.posture.assessment import Assessment, Finding, assess
from scanner.posture.reading import read_snapshot
from scanner.posture.rule import Outcome

SNAPSHOTS = Path(__file__).parent / "unit" / "posture_snapshots"
NAMES = ("private-cmk", "basic-quickstart", "firewall-mixed", "standard-abac", "half-seen")
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

Bundle = dict[str, Any]


def bundle(name: str = "private-cmk") -> Bundle:
    """Return a copy of a recorded bundle; `private-cmk` passes every rule."""
    document: Bundle = json.loads((SNAPSHOTS / f"{name}.json").read_bytes())
    return document


def changed(
    *,
    sku: str | None = None,
    without: str = "",
    parts: Mapping[str, Any] | None = None,
    **properties: Any,  # noqa: ANN401  JSON
) -> Bundle:
    """Return `private-cmk` with some of the registry's properties or parts replaced."""
    document = copy.deepcopy(bundle())
    document["registry"]["properties"].update(properties)
    document["registry"]["properties"].pop(without, None)
    if sku:
        document["registry"]["sku"]["name"] = sku
    return {**document, **(parts or {})}


def judged(document: Bundle, *, is_declared: bool = False) -> Assessment:
    """Assess a bundle."""
    return assess(read_snapshot(document, is_declared=is_declared), now=NOW)


def finding(document: Bundle, rule: str) -> Finding:
    """Assess a bundle, and return what one rule found."""
    return next(found for found in judged(document).findings if found.rule == rule)


def failing(assessment: Assessment) -> list[str]:
    """Return the rules that are open."""
    return [found.rule for found in assessment.findings if found.is_open]


def undecided(assessment: Assessment) -> list[str]:
    """Return the rules that could not be answered."""
    return [found.rule for found in assessment.findings if found.outcome is Outcome.UNKNOWN]


class FixedToken:
    """A credential with one token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *scopes: str, **_options: object) -> AccessToken:
        """Return the token for ARM and for nothing else."""
        assert scopes == ("https://management.azure.com/.default",)
        return AccessToken(self._token, 4_000_000_000)
