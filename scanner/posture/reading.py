"""A bundle of ARM documents -> Snapshot. Whatever the documents hold, nothing is raised."""

import re
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from scanner.posture.documents import REGISTRY, Document, part
from scanner.posture.known import Answer, Unknown
from scanner.posture.properties import MAX_TEXT, Properties, is_expression
from scanner.posture.snapshot import (
    DiagnosticSetting,
    Encryption,
    Endpoint,
    PolicyState,
    PrivateEndpoint,
    RoleAssignment,
    Sku,
    Snapshot,
    Token,
    Webhook,
)
from scanner.text import visible

_T = TypeVar("_T")

_ON_OFF = {"enabled": True, "disabled": False}
_COMPUTED = re.compile(r"\[[^\[\]]*\]")
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_KEY_VERSION = re.compile(r"/keys/[^/]+/[0-9a-f]{32}/?$", re.IGNORECASE)
_KEY = re.compile(r"^https://[^/]+/keys/[^/]+/?$", re.IGNORECASE)
_DESTINATIONS = (
    "workspaceId",
    "storageAccountId",
    "eventHubAuthorizationRuleId",
    "marketplacePartnerId",
)


def read_snapshot(bundle: Document, *, is_declared: bool) -> Snapshot:
    """Read a bundle; `is_declared` says that it is a template, where absence means the default."""
    registry = Properties(members=bundle[REGISTRY], is_declared=is_declared)
    # `az acr show` prints the properties flat.
    is_nested = isinstance(registry.members.get("properties"), dict)
    inside = registry.inner("properties") if is_nested else registry
    policies = inside.inner("policies")
    resource_id = registry.text("id")
    parts = {
        name: part(bundle, name, is_declared=is_declared)
        for name in ("webhooks", "tokens", "diagnosticSettings", "roleAssignments", "policyStates")
    }
    return Snapshot(
        name=registry.text("name") or resource_id.rpartition("/")[2] or "unnamed",
        resource_id=resource_id,
        location=registry.text("location"),
        sku=_sku(registry),
        admin_user=inside.flag("adminUserEnabled", default=False),
        anonymous_pull=inside.flag("anonymousPullEnabled", default=False),
        public_access=inside.choice("publicNetworkAccess", _ON_OFF, default=True),
        denies_by_default=inside.inner("networkRuleSet").choice(
            "defaultAction", {"Deny": True, "Allow": False}, default=False
        ),
        ip_rules=_ip_rules(inside),
        tasks_bypass=inside.flag("networkRuleBypassAllowedForTasks", default=False),
        data_endpoints=inside.flag("dataEndpointEnabled", default=False),
        encryption=_encryption(inside),
        arm_audience_tokens=policies.inner("azureADAuthenticationAsArmPolicy").choice(
            "status", _ON_OFF, default=True
        ),
        exports=policies.inner("exportPolicy").choice("status", _ON_OFF, default=True),
        retention_days=_retention(policies.inner("retentionPolicy")),
        content_trust=policies.inner("trustPolicy").choice("status", _ON_OFF, default=False),
        is_abac=inside.choice(
            "roleAssignmentMode",
            {"AbacRepositoryPermissions": True, "LegacyRegistryPermissions": False},
            default=False,
        ),
        private_endpoints=_private_endpoints(inside),
        diagnostics=_each(parts["diagnosticSettings"], _diagnostic_setting),
        tokens=_each(parts["tokens"], _token),
        webhooks=_each(parts["webhooks"], _webhook),
        roles=_each(parts["roleAssignments"], lambda entry: _role(entry, resource_id)),
        policies=_each(parts["policyStates"], _policy_state),
        replicas=_each(
            part(bundle, "replications", is_declared=is_declared),
            lambda entry: entry.text("location"),
        ),
        pulled_by=_each(
            part(bundle, "containerApps", is_declared=is_declared),
            lambda entry: entry.text("name") or "unnamed",
        ),
        cache_sources=_each(
            part(bundle, "cacheRules", is_declared=is_declared),
            lambda entry: entry.inner("properties").text("sourceRepository"),
        ),
    )


def _each(
    entries: Answer[list[Properties]], read: Callable[[Properties], _T]
) -> Answer[tuple[_T, ...]]:
    return entries if isinstance(entries, Unknown) else tuple(map(read, entries))


def _sku(registry: Properties) -> Answer[Sku]:
    # The one property that a template must give: its default is never used.
    sku = registry.inner("sku").choice("name", {sku.value: sku for sku in Sku}, default=None)
    return Unknown("the template names no sku") if sku is None else sku


def _ip_rules(inside: Properties) -> Answer[tuple[str, ...]]:
    rules = inside.inner("networkRuleSet")
    untrusted = rules.members.get("ipRules")
    if isinstance(untrusted, list):
        return tuple(rule.text("value") for rule in rules.items("ipRules"))
    if untrusted is None and inside.is_declared:
        return ()
    return Unknown("networkRuleSet.ipRules is not told")


def _encryption(inside: Properties) -> Answer[Encryption]:
    encryption = inside.inner("encryption")
    is_on = encryption.choice("status", _ON_OFF, default=False)
    if isinstance(is_on, Unknown):
        return is_on
    key = encryption.inner("keyVaultProperties")
    return Encryption(is_customer_managed=is_on, follows_rotation=_follows_rotation(key))


def _follows_rotation(key: Properties) -> Answer[bool]:
    """A key without a version in its identifier is followed; ARM also says so itself."""
    rotates = key.members.get("keyRotationEnabled")
    if isinstance(rotates, bool):
        return rotates
    identifier = key.text("keyIdentifier")
    if _KEY_VERSION.search(identifier) or identifier.rstrip("]").endswith("keyUriWithVersion"):
        return False
    if _KEY.match(identifier) or identifier.rstrip("]").endswith("keyUri"):
        return True
    return Unknown("encryption.keyVaultProperties.keyIdentifier does not say")


def _retention(policy: Properties) -> Answer[int | None]:
    is_on = policy.choice("status", _ON_OFF, default=False)
    if isinstance(is_on, Unknown):
        return is_on
    days = policy.members.get("days")
    if not is_on:
        return None
    # 7 is ARM's default.
    return days if type(days) is int else 7


def _private_endpoints(inside: Properties) -> Answer[tuple[PrivateEndpoint, ...]]:
    if not isinstance(inside.members.get("privateEndpointConnections"), list):
        if inside.is_declared:
            return ()
        return Unknown("ARM did not tell privateEndpointConnections")
    return tuple(map(_private_endpoint, inside.items("privateEndpointConnections")))


def _private_endpoint(entry: Properties) -> PrivateEndpoint:
    inside = entry.inner("properties")
    endpoint = inside.inner("privateEndpoint").text("id").rpartition("/")[2]
    status = inside.inner("privateLinkServiceConnectionState").text("status")
    return PrivateEndpoint(
        name=endpoint or entry.text("name") or "unnamed",
        status=status or Unknown("the connection's status is not told"),
    )


def _diagnostic_setting(entry: Properties) -> DiagnosticSetting:
    inside = entry.inner("properties")
    enabled = [log for log in inside.items("logs") if log.members.get("enabled") is True]
    names = {log.text(kind).lower() for log in enabled for kind in ("category", "categoryGroup")}
    return DiagnosticSetting(
        name=entry.text("name") or "unnamed",
        logs=frozenset(names - {""}),
        has_destination=any(inside.text(name) for name in _DESTINATIONS),
    )


def _token(entry: Properties) -> Token:
    inside = entry.inner("properties")
    passwords = inside.inner("credentials").items("passwords")
    return Token(
        name=entry.text("name") or "unnamed",
        is_enabled=inside.choice("status", _ON_OFF, default=True),
        scope_map=inside.text("scopeMapId").rpartition("/")[2],
        passwords_without_expiry=sum(not password.text("expiry") for password in passwords),
    )


def _webhook(entry: Properties) -> Webhook:
    inside = entry.inner("properties")
    return Webhook(
        name=entry.text("name") or "unnamed",
        is_enabled=inside.choice("status", _ON_OFF, default=True),
        endpoint=_endpoint(inside.members.get("serviceUri")),
    )


def _endpoint(untrusted_uri: object) -> Answer[Endpoint]:
    if not isinstance(untrusted_uri, str) or not untrusted_uri:
        # Write-only, and the call that tells it tells the webhook's secret too.
        return Unknown("its URI comes with its secret alone, by getCallbackConfig")
    if is_expression(untrusted_uri):
        return Unknown("its URI is computed when the template is deployed")
    try:
        # Evaluated Bicep leaves a name that only Azure knows in brackets; it is a host or a path.
        uri = urlsplit(_COMPUTED.sub("computed", untrusted_uri))
        names = frozenset(name.lower() for name, _ in parse_qsl(uri.query, max_num_fields=50))
    except ValueError:
        return Unknown("its URI cannot be read")
    host = visible(uri.hostname or "", MAX_TEXT)
    return Endpoint(scheme=visible(uri.scheme, 20), host=host, query_names=names)


def _role(entry: Properties, resource_id: str) -> RoleAssignment:
    inside = entry.inner("properties")
    scope = inside.text("scope") or entry.text("scope")
    kind = inside.text("principalType")
    return RoleAssignment(
        role_id=_guid(inside.text("roleDefinitionId")),
        principal_id=inside.text("principalId") or "unknown",
        principal_type=kind or Unknown("principalType is not told"),
        scope=scope,
        is_inherited=bool(scope) and scope.lower() != resource_id.lower(),
    )


def _policy_state(entry: Properties) -> PolicyState:
    # Policy Insights answers flat, and with the definition's whole id or its name alone.
    definition = entry.text("policyDefinitionId") or entry.text("policyDefinitionName")
    state = entry.text("complianceState").casefold()
    known = {"compliant": True, "noncompliant": False, "exempt": True}
    return PolicyState(
        definition_id=_guid(definition),
        is_compliant=known.get(state, Unknown("not evaluated yet")),
    )


def _guid(text: str) -> str:
    found: list[str] = _GUID.findall(text.lower())
    return found[-1] if found else ""
