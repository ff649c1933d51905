import json

import pytest

from local.bicep import profiles
from local.bicep.evaluate import evaluate
from scanner.posture.assessment import RULES_BY_ID, Assessment, assess
from scanner.posture.exemptions import read_exemptions
from scanner.posture.files import read_resources
from tests.posture import NOW, failing, undecided

EXEMPTIONS = profiles.MAIN.parent / "posture-exemptions.json"


def _assessed(profile: str) -> Assessment:
    resources = evaluate(profiles.MAIN, profiles.parameters(profile))
    (snapshot,) = read_resources(resources)
    exemptions = read_exemptions(EXEMPTIONS.read_bytes(), RULES_BY_ID)
    return assess(snapshot, exemptions=exemptions, now=NOW)


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("private", []),
        # Public access beside private link is what the profile is for; no key of one's own.
        ("firewall", ["ACR004", "ACR008", "ACR010"]),
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
def test_nothing_in_our_own_template_is_left_open(profile: str) -> None:
    """What only Azure can compute does not keep a rule from answering."""
    assert undecided(_assessed(profile)) == []


def test_the_private_profile_without_a_key_lacks_the_key_alone() -> None:
    """The key is a switch of its own, because it can never be undone."""
    parameters = {**profiles.parameters("private"), "customerManagedKey": False}
    (snapshot,) = read_resources(evaluate(profiles.MAIN, parameters))
    exemptions = read_exemptions(EXEMPTIONS.read_bytes(), RULES_BY_ID)
    assert failing(assess(snapshot, exemptions=exemptions, now=NOW)) == ["ACR008"]


def test_each_of_our_exemptions_is_needed() -> None:
    """What nothing needs any more would hide the next fault."""
    listed = {entry["rule"] for entry in json.loads(EXEMPTIONS.read_bytes())["exemptions"]}
    accepted = {
        finding.rule
        for profile in profiles.NAMES
        for finding in _assessed(profile).findings
        if finding.exemption
    }
    assert accepted == listed
