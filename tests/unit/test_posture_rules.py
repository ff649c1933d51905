from typing import cast

import pytest

from scanner.posture.assessment import RULES
from scanner.posture.rule import Outcome, Severity
from tests.posture import Bundle, bundle, changed, failing, finding, judged, undecided

REGISTRY_ID = bundle()["registry"]["id"]


def _policies(**states: str) -> Bundle:
    policies = bundle()["registry"]["properties"]["policies"]
    return {**policies, **{name: {"status": status} for name, status in states.items()}}


def _roles(role: str, kind: str | None = "ServicePrincipal", scope: str = REGISTRY_ID) -> Bundle:
    properties = {
        "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{role}",
        "principalId": "5e3a0c11-0000-4000-8000-00000000abcd",
        "scope": scope,
        **({"principalType": kind} if kind else {}),
    }
    return {"roleAssignments": {"value": [{"properties": properties}]}}


def _webhook(**properties: str) -> Bundle:
    enabled = {"status": "enabled", **properties}
    return {"webhooks": {"value": [{"name": "hooked", "properties": enabled}]}}


def _endpoint(status: str) -> list[Bundle]:
    state = {"privateLinkServiceConnectionState": {"status": status}}
    return [{"name": "pep-1.77", "properties": state}]


def _rules(*ranges: str) -> Bundle:
    return {"defaultAction": "Deny", "ipRules": [{"action": "Allow", "value": r} for r in ranges]}


CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
OPEN: Bundle = {"publicNetworkAccess": "Enabled"}
ALLOW = {"defaultAction": "Allow", "ipRules": []}
KEY = "https://kv.vault.azure.net/keys/registry"
ARM_TOKENS = _policies(azureADAuthenticationAsArmPolicy="enabled")
PULLED: Bundle = {"containerApps": {"value": [{"name": "ca-scanner"}]}}
VERSION = "00112233445566778899aabbccddeeff"


def _key(identifier: str, *, rotates: bool | None = None) -> Bundle:
    properties = {"keyIdentifier": identifier, "keyRotationEnabled": rotates}
    return {"encryption": {"status": "enabled", "keyVaultProperties": properties}}


@pytest.mark.parametrize(
    ("rule", "document", "severity"),
    [
        ("ACR001", changed(adminUserEnabled=True), Severity.HIGH),
        ("ACR002", changed(anonymousPullEnabled=True), Severity.HIGH),
        ("ACR003", changed(**OPEN, networkRuleSet=ALLOW), Severity.HIGH),
        ("ACR004", changed(**OPEN), Severity.MEDIUM),
        ("ACR005", changed(privateEndpointConnections=[]), Severity.MEDIUM),
        ("ACR005", changed(privateEndpointConnections=_endpoint("Rejected")), Severity.MEDIUM),
        ("ACR005", changed(privateEndpointConnections=_endpoint("Pending")), Severity.LOW),
        ("ACR006", changed(**OPEN, networkRuleSet=_rules("0.0.0.0/0")), Severity.HIGH),
        ("ACR006", changed(**OPEN, networkRuleSet=_rules("9.0.0.0/8", "x")), Severity.HIGH),
        ("ACR006", changed(**OPEN, networkRuleSet=_rules("9.9.0.0/16", "8.8.8.8")), Severity.HIGH),
        ("ACR007", changed(dataEndpointEnabled=False), Severity.LOW),
        ("ACR008", changed(encryption={"status": "disabled"}), Severity.MEDIUM),
        ("ACR008", changed(**_key(f"{KEY}/{VERSION}")), Severity.LOW),
        ("ACR008", changed(**_key(KEY, rotates=False)), Severity.LOW),
        ("ACR009", changed(parts={"diagnosticSettings": {"value": []}}), Severity.MEDIUM),
        ("ACR010", changed(parts={"policyStates": {"value": []}}), Severity.LOW),
        ("ACR011", changed(parts=_roles(CONTRIBUTOR)), Severity.MEDIUM),
        ("ACR011", changed(parts=_roles(CONTRIBUTOR, scope="/subscriptions/1")), Severity.MEDIUM),
        ("ACR012", changed(parts=_roles(ACR_PULL)), Severity.HIGH),
        ("ACR013", changed(policies=ARM_TOKENS), Severity.INFO),
        ("ACR014", changed(policies=_policies(exportPolicy="enabled")), Severity.LOW),
        ("ACR015", changed(networkRuleBypassAllowedForTasks=True), Severity.LOW),
        ("ACR016", changed(parts=_webhook(serviceUri="http://h.example/")), Severity.MEDIUM),
        (
            "ACR016",
            changed(parts=_webhook(serviceUri="https://h.example/?Code=s")),
            Severity.MEDIUM,
        ),
        (
            "ACR016",
            changed(parts=_webhook(serviceUri="https://h.example/", status="disabled")),
            Severity.MEDIUM,
        ),
        ("ACR017", changed(policies=_policies(retentionPolicy="disabled")), Severity.LOW),
        ("ACR018", changed(policies=_policies(trustPolicy="enabled")), Severity.INFO),
        (
            "ACR019",
            changed(parts={"tokens": {"value": [{"properties": {"status": "enabled"}}]}}),
            Severity.MEDIUM,
        ),
        ("ACR020", changed(sku="Basic"), Severity.INFO),
    ],
)
def test_each_rule_fails_where_its_control_is_not_met(
    rule: str, document: Bundle, severity: Severity
) -> None:
    """Each with the command that mends it."""
    found = finding(document, rule)
    assert (found.outcome, found.severity) == (Outcome.FAIL, severity), found.evidence
    assert found.remedy.startswith("az ")


def test_every_rule_has_a_case_that_fails() -> None:
    """A rule that nothing shows failing may never fail."""
    marks = getattr(test_each_rule_fails_where_its_control_is_not_met, "pytestmark", [])
    shown = {case[0] for case in marks[0].args[1]}
    assert shown == {rule.id for rule in RULES}


def test_a_registry_with_every_control_has_no_finding() -> None:
    """And nothing in it is unknown either."""
    assessment = judged(bundle())
    assert failing(assessment) == []
    assert undecided(assessment) == []


@pytest.mark.parametrize(
    ("rule", "document"),
    [
        ("ACR003", changed(**OPEN)),  # denied by default
        ("ACR003", changed(networkRuleSet=ALLOW)),  # public access is off
        ("ACR006", changed(**OPEN, networkRuleSet=_rules("198.51.100.0/24", "203.0.113.9"))),
        ("ACR008", changed(**_key(KEY))),
        ("ACR011", changed(parts=_roles(CONTRIBUTOR, "User"))),
        ("ACR011", changed(parts=_roles(ACR_PULL))),
        (
            "ACR012",
            changed(roleAssignmentMode="LegacyRegistryPermissions", parts=_roles(ACR_PULL)),
        ),
        ("ACR016", changed(parts=_webhook(serviceUri="https://h.example/hook?source=acr"))),
    ],
)
def test_what_only_looks_like_a_fault_passes(rule: str, document: Bundle) -> None:
    """Each is a state in which a naive check would complain."""
    assert finding(document, rule).outcome is Outcome.PASS


@pytest.mark.parametrize(
    "document",
    [
        changed(zoneRedundancy="Disabled"),
        changed(policies=_policies(trustPolicy="disabled", quarantinePolicy="disabled")),
        changed(networkRuleBypassOptions="AzureServices"),
        changed(policies={**_policies(), "softDeletePolicy": {"status": "disabled"}}),
    ],
)
def test_known_false_findings_are_not_made(document: Bundle) -> None:
    """ZoneRedundancy is a dead property, content trust is retired, quarantine stops pulls."""
    assert failing(judged(document)) == []


@pytest.mark.parametrize(
    ("rule", "document"),
    [
        ("ACR004", changed(**OPEN, privateEndpointConnections=[])),
        ("ACR006", changed(networkRuleSet=_rules("0.0.0.0/0"))),
        ("ACR006", changed(**OPEN, networkRuleSet={**_rules("0.0.0.0/0"), **ALLOW})),
        ("ACR014", changed(**OPEN, policies=_policies(exportPolicy="enabled"))),
        ("ACR013", changed(parts=PULLED, policies=ARM_TOKENS)),
        ("ACR015", changed(**OPEN, networkRuleSet=ALLOW, networkRuleBypassAllowedForTasks=True)),
    ],
)
def test_what_has_no_effect_is_not_judged(rule: str, document: Bundle) -> None:
    """A rule that is not in force is neither met nor missed."""
    assert finding(document, rule).outcome is Outcome.NOT_APPLICABLE


def test_what_a_sku_cannot_have_is_not_applicable_and_never_failed() -> None:
    """The SKU itself is told once."""
    document = bundle("basic-quickstart")
    found = {f.rule: f.outcome for f in judged(document).findings}
    impossible = {rule.id for rule in RULES if "Basic" not in rule.skus}
    assert {found[rule] for rule in impossible} == {Outcome.NOT_APPLICABLE}
    assert found["ACR020"] is Outcome.FAIL


def test_a_sku_that_nobody_knows_leaves_its_rules_open() -> None:
    """A new tier may have the control or not."""
    document = changed(sku="Platinum")
    assert finding(document, "ACR003").outcome is Outcome.UNKNOWN
    assert finding(document, "ACR001").outcome is Outcome.PASS


PROPERTIES_OF_RULES = [
    ("adminUserEnabled", ["ACR001"]),
    ("anonymousPullEnabled", ["ACR002"]),
    ("publicNetworkAccess", ["ACR004", "ACR006", "ACR014"]),
    ("dataEndpointEnabled", ["ACR007"]),
    ("encryption", ["ACR008"]),
    ("policies", ["ACR013", "ACR014", "ACR017", "ACR018"]),
    ("networkRuleBypassAllowedForTasks", ["ACR015"]),
    ("roleAssignmentMode", ["ACR012"]),
    ("privateEndpointConnections", ["ACR005"]),
]


@pytest.mark.parametrize(("name", "rules"), PROPERTIES_OF_RULES)
def test_a_property_that_arm_does_not_tell_leaves_its_rules_unknown(
    name: str, rules: list[str]
) -> None:
    """Never a pass, never a failure, and the other rules go on."""
    assessment = judged(changed(without=name))
    assert undecided(assessment) == rules
    assert failing(assessment) == []


@pytest.mark.parametrize("name", [name for name, _ in PROPERTIES_OF_RULES])
@pytest.mark.parametrize("junk", ["SecuredByPerimeter", 7, ["x"], {"a": {}}, None, True])
def test_values_that_nobody_knows_break_nothing(name: str, junk: object) -> None:
    """Preview values and nonsense; whatever comes, twenty rules answer."""
    assert len(judged(changed(**cast("Bundle", {name: junk}))).findings) == len(RULES)


@pytest.mark.parametrize(
    ("part", "rules"),
    [
        ("webhooks", ["ACR016"]),
        ("tokens", ["ACR019"]),
        ("diagnosticSettings", ["ACR009"]),
        ("roleAssignments", ["ACR011", "ACR012"]),
        ("policyStates", ["ACR010"]),
    ],
)
def test_a_part_that_may_not_be_read_is_unknown_and_says_why(part: str, rules: list[str]) -> None:
    """No permission is no pass."""
    forbidden = {"error": {"code": "AuthorizationFailed"}}
    assessment = judged(changed(parts={part: forbidden}))
    assert undecided(assessment) == rules
    found = finding(changed(parts={part: forbidden}), rules[0])
    assert "AuthorizationFailed" in found.evidence


def test_a_firewall_that_is_not_told_is_not_taken_for_closed() -> None:
    """Public, and nobody knows what is let in."""
    document = changed(**OPEN, without="networkRuleSet")
    assert finding(document, "ACR003").outcome is Outcome.UNKNOWN


def test_a_role_whose_holder_is_not_told_is_not_guessed_about() -> None:
    """A group may well be an owner, a service may not."""
    found = finding(changed(parts=_roles(CONTRIBUTOR, None)), "ACR011")
    assert found.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("logs", "destination", "outcome"),
    [
        ([{"categoryGroup": "audit", "enabled": True}], "workspaceId", Outcome.PASS),
        ([{"categoryGroup": "allLogs", "enabled": True}], "storageAccountId", Outcome.PASS),
        ([{"categoryGroup": "allLogs", "enabled": False}], "workspaceId", Outcome.FAIL),
        ([{"categoryGroup": "allLogs", "enabled": True}], "nowhere", Outcome.FAIL),
        (
            [{"category": "ContainerRegistryLoginEvents", "enabled": True}],
            "eventHubAuthorizationRuleId",
            Outcome.FAIL,
        ),
    ],
)
def test_logs_count_when_they_are_on_and_go_somewhere(
    logs: list[Bundle], destination: str, outcome: Outcome
) -> None:
    """Both categories, or a group that holds them."""
    setting = {"name": "s", "properties": {"logs": logs, destination: "/an/id"}}
    document = changed(parts={"diagnosticSettings": {"value": [setting]}})
    assert finding(document, "ACR009").outcome is outcome


def test_a_webhooks_key_is_never_told() -> None:
    """The evidence names the parameter, not its value."""
    found = finding(bundle("standard-abac"), "ACR016")
    assert "code=" in found.evidence
    assert "c2VjcmV0" not in str(judged(bundle("standard-abac")))


def test_names_are_quoted_in_the_commands() -> None:
    """A person copies them into a shell."""
    document = changed(adminUserEnabled=True)
    document["registry"]["name"] = "shop; rm -rf ~ #\x1b[2J"
    remedy = finding(document, "ACR001").remedy
    assert remedy == "az acr update --name 'shop; rm -rf ~ #\\x1b[2J' --admin-enabled false"
