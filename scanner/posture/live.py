"""Registries as they are now, by ARM's answers. What a caller may not read becomes Unknown."""

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from scanner.errors import PostureError
from scanner.posture.arm import Arm, ArmRefusalError
from scanner.posture.documents import REGISTRY, Document
from scanner.posture.ids import is_registry_id, is_subscription_id
from scanner.posture.pullers import pulls_from
from scanner.posture.reading import read_snapshot
from scanner.posture.snapshot import Snapshot

logger = logging.getLogger(__name__)

REGISTRY_API: Final = "2025-11-01"
_DIAGNOSTICS_API: Final = "2021-05-01-preview"
_ROLES_API: Final = "2022-04-01"
_POLICY_API: Final = "2019-10-01"
_CONTAINER_APPS_API: Final = "2025-07-01"
_SUBSCRIPTIONS_API: Final = "2022-12-01"


def registry_ids(arm: Arm, subscription: str) -> list[tuple[str, str]]:
    """Return the resource id and the login server of each registry. Raises PostureError."""
    path = f"/subscriptions/{subscription}/providers/Microsoft.ContainerRegistry/registries"
    return [
        (str(entry["id"]), _login_server(entry))
        for entry in arm.get_all(path, REGISTRY_API)
        if isinstance(entry, dict) and is_registry_id(str(entry.get("id", "")))
    ]


def find_registry(arm: Arm, wanted: str, *, subscription: str | None = None) -> str:
    """Return the resource id of a registry by name or login server. Raises PostureError."""
    subscriptions = [subscription] if subscription else _subscriptions(arm)
    name = wanted.casefold()
    for candidate in subscriptions:
        for resource_id, login_server in registry_ids(arm, candidate):
            if name in {resource_id.rpartition("/")[2].casefold(), login_server.casefold()}:
                return resource_id
    raise PostureError("no registry of that name is in a subscription that you may read")


def registries_by_login_server(arm: Arm) -> dict[str, str]:
    """Return the resource id of each registry that may be seen, by login server in lower case.

    A subscription whose registries may not be listed is passed over. Raises PostureError when the
    subscriptions themselves may not.
    """
    found: dict[str, str] = {}
    for subscription in _subscriptions(arm):
        try:
            listed = registry_ids(arm, subscription)
        except ArmRefusalError as error:
            logger.warning("posture.subscription_passed_over code=%s", error.code)
            continue
        found.update({server.lower(): resource_id for resource_id, server in listed})
    return found


def _subscriptions(arm: Arm) -> Iterator[str]:
    for entry in arm.get_all("/subscriptions", _SUBSCRIPTIONS_API):
        identifier = str(entry.get("subscriptionId", "")) if isinstance(entry, dict) else ""
        if is_subscription_id(identifier):
            yield identifier


def _login_server(entry: Document) -> str:
    properties = entry.get("properties")
    return str(properties.get("loginServer", "")) if isinstance(properties, dict) else ""


def read_registry(arm: Arm, resource_id: str) -> Snapshot:
    """Read all that is asked about one registry. Raises PostureError when it cannot be read."""
    return read_snapshot(collect(arm, resource_id), is_declared=False)


def collect(arm: Arm, resource_id: str) -> Document:
    """Read a registry and its parts as a bundle; a part that fails is an error in it."""
    if not is_registry_id(resource_id):
        raise PostureError("that is not the resource id of a registry")
    providers = f"{resource_id}/providers"
    registry = arm.get(resource_id, REGISTRY_API)
    lists: dict[str, Callable[[], list[Any]]] = {
        "replications": lambda: arm.get_all(f"{resource_id}/replications", REGISTRY_API),
        "webhooks": lambda: _webhooks(arm, resource_id),
        "tokens": lambda: arm.get_all(f"{resource_id}/tokens", REGISTRY_API),
        "cacheRules": lambda: arm.get_all(f"{resource_id}/cacheRules", REGISTRY_API),
        "containerApps": lambda: _container_apps(arm, resource_id, _login_server(registry)),
        "diagnosticSettings": lambda: arm.get_all(
            f"{providers}/Microsoft.Insights/diagnosticSettings", _DIAGNOSTICS_API
        ),
        "roleAssignments": lambda: arm.get_all(
            f"{providers}/Microsoft.Authorization/roleAssignments", _ROLES_API, where="atScope()"
        ),
        "policyStates": lambda: arm.post_all(
            f"{providers}/Microsoft.PolicyInsights/policyStates/latest/queryResults", _POLICY_API
        ),
    }
    bundle: Document = {REGISTRY: registry}
    for name, read in lists.items():
        try:
            bundle[name] = {"value": read()}
        except ArmRefusalError as error:
            bundle[name] = {"error": {"code": error.code}}
    return bundle


def _container_apps(arm: Arm, resource_id: str, login_server: str) -> list[Any]:
    """Name those that pull from here: only in the registry's subscription, where most are."""
    subscription = "/".join(resource_id.split("/")[:3])
    apps = arm.get_all(f"{subscription}/providers/Microsoft.App/containerApps", _CONTAINER_APPS_API)
    return [
        {"name": app.get("name")}
        for app in apps
        if isinstance(app, dict)
        and pulls_from(app, lambda host: host.casefold() == login_server.casefold())
    ]


def _webhooks(arm: Arm, resource_id: str) -> list[Any]:
    webhooks = arm.get_all(f"{resource_id}/webhooks", REGISTRY_API)
    return [_with_uri(arm, resource_id, webhook) for webhook in webhooks]


def _with_uri(arm: Arm, resource_id: str, webhook: object) -> object:
    """Add the URI, which ARM tells only with the secret beside it; that is dropped here."""
    if not isinstance(webhook, dict) or not re.fullmatch(r"\w{5,50}", str(webhook.get("name"))):
        return webhook
    properties = webhook.get("properties")
    try:
        told = arm.post(f"{resource_id}/webhooks/{webhook['name']}/getCallbackConfig", REGISTRY_API)
    except ArmRefusalError:
        return webhook
    inside = properties if isinstance(properties, dict) else {}
    return {**webhook, "properties": {**inside, "serviceUri": told.get("serviceUri")}}
