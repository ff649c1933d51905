"""What is known of one registry. Names follow ARM's properties, api-version 2025-11-01."""

from dataclasses import dataclass
from enum import StrEnum

from scanner.posture.known import Answer


class Sku(StrEnum):
    """Service tiers."""

    BASIC = "Basic"
    STANDARD = "Standard"
    PREMIUM = "Premium"


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """A customer-managed key, or none."""

    is_customer_managed: bool
    follows_rotation: Answer[bool]
    """Whether the registry takes a new version of the key by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateEndpoint:
    """A connection of a private endpoint; `status` as ARM says it, e.g. Approved, Pending."""

    name: str
    status: Answer[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosticSetting:
    """Where which logs go."""

    name: str
    logs: frozenset[str]
    """Enabled categories and category groups, in lower case."""
    has_destination: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A repository-scoped token."""

    name: str
    is_enabled: Answer[bool]
    scope_map: str
    passwords_without_expiry: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What of a webhook's URI may be told: never its path or the values in its query."""

    scheme: str
    host: str
    query_names: frozenset[str]
    """In lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook of the registry."""

    name: str
    is_enabled: Answer[bool]
    endpoint: Answer[Endpoint]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleAssignment:
    """Who has which role, and where it was given."""

    role_id: str
    """The role definition's GUID, in lower case."""
    principal_id: str
    principal_type: Answer[str]
    scope: str
    is_inherited: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyState:
    """What Azure Policy says of the registry."""

    definition_id: str
    """The policy definition's GUID, in lower case."""
    is_compliant: Answer[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One registry at one moment, or as a template would make it."""

    name: str
    resource_id: str
    """Empty for a template: the registry has none yet."""
    location: str
    sku: Answer[Sku]
    admin_user: Answer[bool]
    anonymous_pull: Answer[bool]
    public_access: Answer[bool]
    denies_by_default: Answer[bool]
    ip_rules: Answer[tuple[str, ...]]
    tasks_bypass: Answer[bool]
    data_endpoints: Answer[bool]
    encryption: Answer[Encryption]
    arm_audience_tokens: Answer[bool]
    exports: Answer[bool]
    retention_days: Answer[int | None]
    """None where the retention policy is off."""
    content_trust: Answer[bool]
    is_abac: Answer[bool]
    private_endpoints: Answer[tuple[PrivateEndpoint, ...]]
    diagnostics: Answer[tuple[DiagnosticSetting, ...]]
    tokens: Answer[tuple[Token, ...]]
    webhooks: Answer[tuple[Webhook, ...]]
    roles: Answer[tuple[RoleAssignment, ...]]
    policies: Answer[tuple[PolicyState, ...]]
    replicas: Answer[tuple[str, ...]]
    """Regions beside the home region."""
    pulled_by: Answer[tuple[str, ...]]
    """Container Apps that pull images from here with a managed identity."""
    cache_sources: Answer[tuple[str, ...]]
    """Upstream repositories that the registry fills itself from."""
