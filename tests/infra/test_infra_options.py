"""What can be chosen when deploying: each choice is there, and off where nobody made it."""

from typing import Any

import pytest

from local.bicep.deployed import Resource
from local.bicep.evaluate import evaluate
from local.bicep.profiles import MAIN, parameters
from tests.infra.templates import properties

REGISTRY = "Microsoft.ContainerRegistry/registries"
RULE = "/subscriptions/1/resourceGroups/g/providers/Microsoft.EventHub/namespaces/n"
HUB = "/subscriptions/1/resourceGroups/hub/providers/Microsoft.Network/virtualNetworks/hub"


def made(profile: str, kind: str, **changed: object) -> list[Resource]:
    """Return the resources of a type that a changed profile makes."""
    resources = evaluate(MAIN, {**parameters(profile), **changed})
    return [one for one in resources if one["type"] == kind]


def audit(**changed: object) -> dict[str, Any] | None:
    """Return the properties of the registry's diagnostic setting, if there is one."""
    settings = made("firewall", "Microsoft.Insights/diagnosticSettings", **changed)
    ours = [properties(one) for one in settings if f"/{REGISTRY}/" in str(one["scope"])]
    return ours[0] if ours else None


def the_app(host: str, **changed: object) -> Resource:
    """Return the app on one of its hosts."""
    kind = {"containerapps": "Microsoft.App/containerApps", "premium": "Microsoft.Web/sites"}[host]
    (app,) = made("open", kind, host=host, **changed)
    return app


def app_identities(host: str, **changed: object) -> dict[str, object]:
    """Return what the app may act as, by resource id."""
    identity: Any = the_app(host, **changed)["identity"]
    given: dict[str, object] = identity["userAssignedIdentities"]
    return given


def app_settings(host: str, **changed: object) -> dict[str, str]:
    """Return the app's settings; of secrets, where they are."""
    asked = properties(the_app(host, **changed))
    if host == "premium":
        return {one["name"]: one["value"] for one in asked["siteConfig"]["appSettings"]}
    places = {one["name"]: one["keyVaultUrl"] for one in asked["configuration"]["secrets"]}
    (container,) = asked["template"]["containers"]
    return {
        one["name"]: one["value"] if "value" in one else places[one["secretRef"]]
        for one in container["env"]
    }


@pytest.mark.parametrize(
    ("changed", "destinations"),
    [
        ({}, {"workspaceId"}),
        ({"auditToStorage": True}, {"workspaceId", "storageAccountId"}),
        ({"auditToLogAnalytics": False, "auditToStorage": True}, {"storageAccountId"}),
        (
            {
                "auditToLogAnalytics": False,
                "eventHubRuleId": f"{RULE}/authorizationRules/r",
                "eventHubName": "acr",
            },
            {"eventHubAuthorizationRuleId", "eventHubName"},
        ),
    ],
)
def test_audit_logs_go_to_each_place_that_was_chosen(
    changed: dict[str, object], destinations: set[str]
) -> None:
    """Log Analytics, Storage, Event Hub: any of them, and both categories to each."""
    setting = audit(**changed)
    assert setting is not None
    given = {name for name, value in setting.items() if name not in {"logs", "metrics"} and value}
    assert given == destinations
    assert len([log for log in setting["logs"] if log["enabled"]]) == 2


def test_without_a_place_for_them_there_are_no_audit_logs() -> None:
    """Azure refuses a setting that leads nowhere; the registry's audit will tell."""
    assert audit(auditToLogAnalytics=False) is None


def test_a_hub_is_peered_with_where_there_is_one() -> None:
    """Our side of it; the other is the hub's."""
    kind = "Microsoft.Network/virtualNetworks/virtualNetworkPeerings"
    assert made("private", kind) == []
    (peering,) = made("private", kind, hubNetworkId=HUB)
    assert properties(peering)["remoteVirtualNetwork"] == {"id": HUB}


def test_what_event_grid_cannot_deliver_it_keeps_with_its_own_identity() -> None:
    """Neither delivery nor dead letters use a key."""
    (subscription,) = made("private", "Microsoft.EventGrid/systemTopics/eventSubscriptions")
    asked = properties(subscription)
    delivery, dead = asked["deliveryWithResourceIdentity"], asked["deadLetterWithResourceIdentity"]
    (topic,) = made("private", "Microsoft.EventGrid/systemTopics")
    identities = {one["identity"]["userAssignedIdentity"] for one in (delivery, dead)}
    assert identities == set(topic["identity"]["userAssignedIdentities"])  # type: ignore[index]
    assert delivery["destination"]["endpointType"] == "StorageQueue"
    assert dead["deadLetterDestination"]["properties"]["blobContainerName"] == "undelivered-events"


def test_container_apps_are_capped_and_probed_and_given_time_to_end() -> None:
    """The platform scales by the queues, as `kind` says; the cap is on costs."""
    (app,) = made("open", "Microsoft.App/containerApps", minimumInstances=2, maximumInstances=7)
    assert app["kind"] == "functionapp"
    template = properties(app)["template"]
    assert template["scale"] == {"minReplicas": 2, "maxReplicas": 7}
    (container,) = template["containers"]
    assert {probe["type"] for probe in container["probes"]} == {"Startup", "Liveness"}
    startup = next(probe for probe in container["probes"] if probe["type"] == "Startup")
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 120
    port = properties(app)["configuration"]["ingress"]["targetPort"]
    assert {probe["tcpSocket"]["port"] for probe in container["probes"]} == {port}
    assert template["terminationGracePeriodSeconds"] == 600


def test_elastic_premium_is_capped_and_pulls_by_identity_through_the_network() -> None:
    """In a closed registry an image comes through the private endpoint or not at all."""
    chosen = {"host": "premium", "maximumInstances": 5, "minimumInstances": 0}
    (plan,) = made("private", "Microsoft.Web/serverfarms", **chosen)
    assert (plan["sku"], properties(plan)["maximumElasticWorkerCount"]) == (
        {"name": "EP1", "tier": "ElasticPremium"},
        5,
    )
    (site,) = made("private", "Microsoft.Web/sites", **chosen)
    settings = properties(site)["siteConfig"]
    assert (settings["functionAppScaleLimit"], settings["minimumElasticInstanceCount"]) == (5, 1)
    assert settings["acrUseManagedIdentityCreds"] is True
    assert properties(site)["outboundVnetRouting"] == {"allTraffic": True}
    assert made("private", "Microsoft.App/managedEnvironments", **chosen) == []


def test_the_budget_that_was_given_stands_on_everything() -> None:
    """Whoever pays looks for the tag."""
    for one in evaluate(MAIN, {**parameters("private"), "budget": "cc-4711"}):
        if "tags" in one:
            assert one["tags"]["budget"] == "cc-4711"  # type: ignore[index]


def test_the_mirror_is_made_where_it_is_wanted_and_the_app_asks_it() -> None:
    """Then the worker needs no publisher on the internet."""
    kind = f"{REGISTRY}/cacheRules"
    assert len(made("private", kind)) == 2
    assert made("private", kind, advisoryMirror=False) == []


def test_a_key_of_ones_own_takes_premium_whatever_was_said() -> None:
    """Azure has it nowhere else."""
    (registry,) = made("open", REGISTRY, customerManagedKey=True, registrySku="Basic")
    assert registry["sku"] == {"name": "Premium"}


@pytest.mark.parametrize("host", ["containerapps", "premium"])
def test_routes_are_a_blob_and_their_secrets_references(host: str) -> None:
    """A secret of a route comes from the vault, under the name that was given."""
    chosen = {
        "routesBlob": "routes.yaml",
        "routeSecrets": {"PUSHSCAN_ROUTE_SHOP_URL": "shop-teams"},
    }
    settings = app_settings(host, **chosen)
    assert settings["PUSHSCAN_ROUTES"] == "routes.yaml"
    assert settings["PUSHSCAN_ROUTE_SHOP_URL"].rstrip(")").endswith("secrets/shop-teams")
    assert "PUSHSCAN_ROUTES" not in app_settings(host)


@pytest.mark.parametrize("host", ["containerapps", "premium"])
def test_attaching_is_another_identitys(host: str) -> None:
    """The app has it beside its own, and only where something is attached."""
    settings = app_settings(host, attach="sarif,cyclonedx")
    assert settings["PUSHSCAN_ATTACH"] == "sarif,cyclonedx"
    assert settings["PUSHSCAN_ATTACH_CLIENT_ID"] != settings["PUSHSCAN_IDENTITY_CLIENT_ID"]
    assert len(app_identities(host, attach="sarif,cyclonedx")) == 2
    assert "PUSHSCAN_ATTACH" not in app_settings(host)
    assert len(app_identities(host)) == 1
