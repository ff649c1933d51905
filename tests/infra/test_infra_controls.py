"""The controls of the source documents, on what each profile evaluates to."""

import pytest

from local.bicep.evaluate import evaluate
from local.bicep.profiles import MAIN, NAMES, parameters
from local.bicep.rules import builtins
from tests.infra.templates import all_of, deployed, one_of, properties

REGISTRY = "Microsoft.ContainerRegistry/registries"


def assigned(profile: str, **changed: object) -> list[tuple[str, str, list[str]]]:
    """Return (last word of the scope, role, its actions where known) of every assignment."""
    resources = evaluate(MAIN, {**parameters(profile), **changed})
    known = {
        **{name: (one["name"], one.get("actions", [])) for name, one in builtins().items()},
        **{
            str(one["name"]): ("our own", permission["actions"] + permission["dataActions"])
            for one in resources
            if one["type"] == "Microsoft.Authorization/roleDefinitions"
            for permission in properties(one)["permissions"]
        },
    }
    return [
        (
            str(one["scope"]).split("/")[-2],
            *known[properties(one)["roleDefinitionId"].rpartition("/")[2]],
        )
        for one in resources
        if one["type"] == "Microsoft.Authorization/roleAssignments"
    ]


def roles(profile: str, **changed: object) -> set[tuple[str, str]]:
    """Return (last word of the scope, role) of every assignment."""
    return {(scope, role) for scope, role, _ in assigned(profile, **changed)}


@pytest.mark.parametrize("profile", NAMES)
def test_nobody_logs_in_without_entra(profile: str) -> None:
    """Admin user and anonymous pulls off; storage and telemetry take no key."""
    registry = properties(one_of(profile, REGISTRY))
    assert registry["adminUserEnabled"] is False
    assert registry["anonymousPullEnabled"] is False
    storage = properties(one_of(profile, "Microsoft.Storage/storageAccounts"))
    assert storage["allowSharedKeyAccess"] is False
    assert storage["allowBlobPublicAccess"] is False
    assert storage["minimumTlsVersion"] == "TLS1_2"
    assert properties(one_of(profile, "Microsoft.Insights/components"))["DisableLocalAuth"] is True


def test_the_worker_reads_and_never_writes() -> None:
    """AcrPull, in ABAC mode the roles that count there; never Reader. Settings by our own role."""
    on_registry = {role for scope, role in roles("open") if scope == "registries"}
    assert on_registry == {"AcrPull", "our own"}
    abac = roles("open", registryRoleMode="AbacRepositoryPermissions")
    assert {role for scope, role in abac if scope == "registries"} == {
        "Container Registry Repository Reader",
        "Container Registry Repository Catalog Lister",
        "our own",
    }


@pytest.mark.parametrize("mode", ["LegacyRegistryPermissions", "AbacRepositoryPermissions"])
def test_no_role_on_the_registry_tells_a_password_or_more_than_it_says(mode: str) -> None:
    """No wildcard, no listCredentials, no getCallbackConfig; nothing is written but by clean-up."""
    found = [
        action
        for scope, _, actions in assigned("private", registryRoleMode=mode)
        if scope in {"registries", "containerApps"}
        for action in actions or ["a role of which nothing is known"]
    ]
    assert {action.rpartition("/")[2] for action in found} == {"read", "action"}
    actions = {action for action in found if action.endswith("/action")}
    assert actions == {"Microsoft.PolicyInsights/policyStates/queryResults/action"}
    assert not [action for action in found if "*" in action]


def test_the_audits_role_can_be_left_out() -> None:
    """Who deploys may assign roles and still not define one."""
    assert "our own" not in {name for _, name in roles("private", postureRole=False)}


def test_what_may_delete_is_apart_and_only_there_when_asked_for() -> None:
    """Least privilege: cleaning is another identity's."""
    assert "AcrDelete" not in {role for _, role in roles("open")}
    assert ("registries", "AcrDelete") in roles("open", cleanupIdentity=True)


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        ("LegacyRegistryPermissions", {"AcrPush", "AcrDelete"}),
        ("AbacRepositoryPermissions", {"Container Registry Repository Contributor"}),
    ],
)
def test_what_may_attach_is_apart_and_only_there_when_asked_for(mode: str, names: set[str]) -> None:
    """What pulls stays without the right to push."""
    without = {name for _, name in roles("open", registryRoleMode=mode)}
    assert not without & names
    found = {name for _, name in roles("open", registryRoleMode=mode, attach="sarif")}
    assert found - without == names


def test_event_grid_may_only_add_to_its_queue_and_its_container() -> None:
    """Not to the account: it needs no job queue and no report."""
    sender = [one for one in roles("open") if one[1] == "Storage Queue Data Message Sender"]
    assert sender == [("queues", "Storage Queue Data Message Sender")]
    assert ("containers", "Storage Blob Data Contributor") in roles("open")


def test_the_firewall_lets_in_the_given_ranges_and_nobody_else() -> None:
    """Default Deny; without a range nobody comes in, which is the safe mistake."""
    rules = properties(one_of("firewall", REGISTRY))["networkRuleSet"]
    assert rules == {
        "defaultAction": "Deny",
        "ipRules": [{"action": "Allow", "value": "203.0.113.0/24"}],
    }
    bare = evaluate(MAIN, {**parameters("firewall"), "allowedIpRanges": []})
    (registry,) = (one for one in bare if one["type"] == REGISTRY)
    assert properties(registry)["networkRuleSet"] == {"defaultAction": "Deny", "ipRules": []}


def test_the_private_registry_is_reached_through_its_endpoint_alone() -> None:
    """Public access off, data endpoints on, export off, endpoint and zone there and linked."""
    registry = properties(one_of("private", REGISTRY))
    assert registry["publicNetworkAccess"] == "Disabled"
    assert registry["dataEndpointEnabled"] is True
    assert registry["policies"]["exportPolicy"]["status"] == "disabled"
    zones = {one["name"] for one in all_of("private", "Microsoft.Network/privateDnsZones")}
    assert zones == {
        "privatelink.azurecr.io",
        "privatelink.blob.core.windows.net",
        "privatelink.queue.core.windows.net",
        "privatelink.table.core.windows.net",
        "privatelink.vaultcore.azure.net",
    }
    links = all_of("private", "Microsoft.Network/privateDnsZones/virtualNetworkLinks")
    assert {str(link["name"]).split("/")[0] for link in links} == zones


def test_the_key_of_ones_own_is_used_by_an_identity_of_its_own() -> None:
    """The registry's identity may wrap with the key; the worker's has no part in it."""
    encryption = properties(one_of("private", REGISTRY))["encryption"]
    assert encryption["status"] == "enabled"
    assert "-registry'" in encryption["keyVaultProperties"]["identity"]
    keys = [
        one for one in all_of("private", "Microsoft.KeyVault/vaults") if "-key" in str(one["name"])
    ]
    assert [properties(one)["enablePurgeProtection"] for one in keys] == [True]
    assert ("vaults", "Key Vault Crypto Service Encryption User") in roles("private")


@pytest.mark.parametrize("profile", NAMES)
def test_logins_and_pulls_are_audited(profile: str) -> None:
    """Both categories, to the workspace."""
    (audit,) = (
        properties(one)
        for one in all_of(profile, "Microsoft.Insights/diagnosticSettings")
        if REGISTRY in str(one["scope"])
    )
    assert {log["category"] for log in audit["logs"] if log["enabled"]} == {
        "ContainerRegistryLoginEvents",
        "ContainerRegistryRepositoryEvents",
    }
    assert audit["workspaceId"]


def test_each_profile_is_watched_by_the_policies_that_it_can_keep() -> None:
    """A policy that the profile itself breaks would be noise from the first day."""
    counts = {
        profile: len(all_of(profile, "Microsoft.Authorization/policyAssignments"))
        for profile in NAMES
    }
    assert counts == {"open": 3, "firewall": 5, "private": 8}


@pytest.mark.parametrize("effect", ["Audit", "Deny", "Disabled"])
def test_a_policy_is_given_an_effect_that_its_definition_has(effect: str) -> None:
    """Private link knows Audit alone, and an unknown effect fails the deployment."""
    made = evaluate(MAIN, {**parameters("private"), "policyEffect": effect})
    given = {
        properties(one)["policyDefinitionId"].rpartition("/")[2]: properties(one)["parameters"]
        for one in made
        if one["type"] == "Microsoft.Authorization/policyAssignments"
    }
    assert len(given) == 8
    for policy, chosen in given.items():
        value = chosen["effect"]["value"]
        assert value in builtins()[policy]["effects"]
        # Weaker than asked for only where the definition has no more.
        assert value == effect or effect not in builtins()[policy]["effects"]


def test_an_existing_registry_is_left_as_it_is() -> None:
    """It gets roles, logs, events and a webhook, in its own group; it is not deployed again."""
    own = {"existingRegistryName": "shop", "existingRegistryGroup": "rg-shop"}
    resources = evaluate(MAIN, {**parameters("open"), **own})
    assert REGISTRY not in {one["type"] for one in resources}
    beside = {str(one["type"]) for one in resources if "/rg-shop/" in str(one["id"])}
    assert beside == {
        "Microsoft.Authorization/roleAssignments",
        "Microsoft.ContainerRegistry/registries/cacheRules",
        "Microsoft.ContainerRegistry/registries/webhooks",
        "Microsoft.EventGrid/systemTopics",
        "Microsoft.EventGrid/systemTopics/eventSubscriptions",
        "Microsoft.Insights/diagnosticSettings",
    }


def test_elastic_premium_takes_the_place_of_container_apps() -> None:
    """One host or the other, with the same settings."""
    resources = evaluate(MAIN, {**parameters("private"), "host": "premium"})
    kinds = {one["type"] for one in resources}
    assert "Microsoft.App/containerApps" not in kinds
    (site,) = (one for one in resources if one["type"] == "Microsoft.Web/sites")
    names = {one["name"] for one in properties(site)["siteConfig"]["appSettings"]}
    assert {"PUSHSCAN_REGISTRIES", "PUSHSCAN_WEBHOOK_SECRETS"} <= names


def test_everything_that_can_be_tagged_says_which_budget_pays() -> None:
    """Costs are looked up by tag."""
    for one in deployed("private"):
        if "tags" in one:
            assert one["tags"]["budget"] == "pushscan"  # type: ignore[index]
