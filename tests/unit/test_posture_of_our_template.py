import json
from typing import Any

import pytest

from local.bicep import profiles
from local.bicep.evaluate import evaluate
from scanner.posture.assessment import Assessment, assess
from scanner.posture.files import read_resources
from tests.posture import NOW, failing, undecided


def _assessed(profile: str, **changed: object) -> Assessment:
    return _judged(evaluate(profiles.MAIN, {**profiles.parameters(profile), **changed}))


def _judged(resources: list[dict[str, Any]]) -> Assessment:
    (snapshot,) = read_resources(resources)
    return assess(snapshot, now=NOW)


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("private", []),
        # Public access beside private link is what the profile is for; no key of one's own, and
        # nothing is deleted until somebody asks for it.
        ("firewall", ["ACR004", "ACR008", "ACR010", "ACR017"]),
        # Standard has no network controls, so their policies are not assigned.
        ("open", ["ACR010", "ACR020"]),
    ],
)
def test_our_own_template_has_just_the_documented_findings(
    profile: str, expected: list[str]
) -> None:
    """docs/controls.md names them; `private` is the one with a customer-managed key."""
    assert failing(_assessed(profile)) == expected


@pytest.mark.parametrize("profile", profiles.NAMES)
def test_nothing_in_our_own_template_is_left_open_or_excused(profile: str) -> None:
    """What only Azure can compute does not keep a rule from answering."""
    assessment = _assessed(profile)
    assert undecided(assessment) == []
    assert [found for found in assessment.findings if found.exemption] == []


@pytest.mark.parametrize(
    ("name", "off", "rule"),
    [("customerManagedKey", False, "ACR008"), ("untaggedDays", 0, "ACR017")],
)
def test_the_private_profile_lacks_what_can_never_be_undone_until_it_is_asked_for(
    name: str, off: object, rule: str
) -> None:
    """A key cannot be taken off again, a deleted manifest does not come back."""
    assert failing(_assessed("private", **{name: off})) == [rule]


def test_tokens_for_arm_are_taken_only_because_the_app_pulls_with_one() -> None:
    """Where nothing in the deployment pulls by identity, the same registry has a finding."""
    resources = evaluate(profiles.MAIN, profiles.parameters("private"))
    apps = [one for one in resources if one["type"] == "Microsoft.App/containerApps"]
    others = [one for one in resources if one not in apps]
    assert failing(_judged(others)) == ["ACR013"]
    elsewhere = json.loads(json.dumps(apps))
    elsewhere[0]["properties"]["configuration"]["registries"][0]["server"] = "ghcr.io"
    assert failing(_judged([*others, *elsewhere])) == ["ACR013"]
