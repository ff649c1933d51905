"""Rules on who may sign in, and as what."""

import shlex

from scanner.posture.known import Unknown
from scanner.posture.remedies import all_of, az, az_scoped, az_update
from scanner.posture.rule import (
    STANDARD_AND_PREMIUM,
    Found,
    Rule,
    Severity,
    failed,
    not_applicable,
    passed,
    unknown,
)
from scanner.posture.snapshot import RoleAssignment, Snapshot, Token

_BROAD_ROLES = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
}
_LEGACY_ROLES = {
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "8311e382-0749-4cb8-b61a-304f252e45ec": "AcrPush",
    "c2f4ef07-c644-48eb-af81-4b1b4947fb11": "AcrDelete",
}
_REPOSITORY_ROLES = {
    "AcrPull": "Container Registry Repository Reader",
    "AcrPush": "Container Registry Repository Writer",
    "AcrDelete": "Container Registry Repository Contributor",
}
_SHOWN = 5


def _admin_user(snapshot: Snapshot) -> Found:
    match snapshot.admin_user:
        case Unknown() as reason:
            return unknown(reason)
        case True:
            remedy = az_update(snapshot, "--admin-enabled", "false")
            return failed("adminUserEnabled = true", remedy=remedy)
        case _:
            return passed("adminUserEnabled = false")


def _anonymous_pull(snapshot: Snapshot) -> Found:
    match snapshot.anonymous_pull:
        case Unknown() as reason:
            return unknown(reason)
        case True:
            remedy = az_update(snapshot, "--anonymous-pull-enabled", "false")
            return failed("anonymousPullEnabled = true: all repositories", remedy=remedy)
        case _:
            return passed("anonymousPullEnabled = false")


def _role_breadth(snapshot: Snapshot) -> Found:
    if isinstance(snapshot.roles, Unknown):
        return unknown(snapshot.roles)
    broad = [role for role in snapshot.roles if role.role_id in _BROAD_ROLES]
    certain = [role for role in broad if _is_service(role)]
    if certain:
        said = _listed([f"{_BROAD_ROLES[role.role_id]} to {_whose(role)}" for role in certain])
        return failed(said, remedy=all_of(_narrow(snapshot, role) for role in certain[:_SHOWN]))
    if doubtful := [role for role in broad if isinstance(role.principal_type, Unknown)]:
        names = _listed([f"{_BROAD_ROLES[role.role_id]} to {_whose(role)}" for role in doubtful])
        return unknown(f"{names}: whether these are services is not told")
    return passed("no service principal has Owner, Contributor or Reader")


def _is_service(role: RoleAssignment) -> bool:
    return role.principal_type == "ServicePrincipal"


def _whose(role: RoleAssignment) -> str:
    return f"{role.principal_id}{f' from {role.scope}' if role.is_inherited else ''}"


def _narrow(snapshot: Snapshot, role: RoleAssignment) -> str:
    wanted = _REPOSITORY_ROLES["AcrPull"] if snapshot.is_abac is True else "AcrPull"
    assignee = shlex.quote(role.principal_id)
    give = f"az role assignment create --role {shlex.quote(wanted)} --assignee-object-id {assignee}"
    give += " --assignee-principal-type ServicePrincipal"
    take = f"az role assignment delete --role {_BROAD_ROLES[role.role_id]} --assignee {assignee}"
    scope = shlex.quote(role.scope) if role.scope else "REGISTRY_ID"
    return f"{az_scoped(snapshot, give)} && {take} --scope {scope}"


def _role_mode(snapshot: Snapshot) -> Found:
    if isinstance(snapshot.is_abac, Unknown):
        return unknown(snapshot.is_abac)
    if not snapshot.is_abac:
        return passed("roleAssignmentMode = LegacyRegistryPermissions: AcrPull and the like count")
    if isinstance(snapshot.roles, Unknown):
        return unknown(snapshot.roles)
    dead = [role for role in snapshot.roles if role.role_id in _LEGACY_ROLES]
    if not dead:
        return passed("roleAssignmentMode = AbacRepositoryPermissions, and no role is dead in it")
    said = _listed([f"{_LEGACY_ROLES[role.role_id]} of {_whose(role)}" for role in dead])
    return failed(
        f"roleAssignmentMode = AbacRepositoryPermissions does not honour {said}",
        remedy=all_of(_revive(snapshot, role) for role in dead[:_SHOWN]),
    )


def _revive(snapshot: Snapshot, role: RoleAssignment) -> str:
    wanted = shlex.quote(_REPOSITORY_ROLES[_LEGACY_ROLES[role.role_id]])
    assignee = shlex.quote(role.principal_id)
    give = f"az role assignment create --role {wanted} --assignee {assignee}"
    return az_scoped(snapshot, give)


def _arm_audience(snapshot: Snapshot) -> Found:
    match snapshot.arm_audience_tokens:
        case Unknown() as reason:
            return unknown(reason)
        case True if snapshot.pulled_by and not isinstance(snapshot.pulled_by, Unknown):
            return not_applicable(
                "azureADAuthenticationAsArmPolicy = enabled, and must be: Container Apps pull by "
                f"identity with no other token, here {_listed(list(snapshot.pulled_by))}"
            )
        case True:
            remedy = az(
                snapshot,
                *("acr", "config", "authentication-as-arm", "update", "--status", "disabled"),
                name="--registry",
            )
            return failed(
                "azureADAuthenticationAsArmPolicy = enabled (App Service and Container Apps that "
                "pull by managed identity need it: look before)",
                remedy=remedy,
            )
        case _:
            return passed("azureADAuthenticationAsArmPolicy = disabled")


def _tokens(snapshot: Snapshot) -> Found:
    if isinstance(snapshot.tokens, Unknown):
        return unknown(snapshot.tokens)
    enabled = [token for token in snapshot.tokens if token.is_enabled is True]
    if enabled:
        said = f"enabled: {_listed([_described(token) for token in enabled])}"
        return failed(said, remedy=all_of(_disable(snapshot, it) for it in enabled[:_SHOWN]))
    if doubtful := [token.name for token in snapshot.tokens if token.is_enabled is not False]:
        return unknown(f"whether these are enabled is not told: {_listed(doubtful)}")
    return passed("no repository-scoped token is enabled")


def _disable(snapshot: Snapshot, token: Token) -> str:
    update = ("acr", "token", "update", "--name", token.name, "--status", "disabled")
    return az(snapshot, *update, name="--registry")


def _described(token: Token) -> str:
    scope = f" ({token.scope_map})" if token.scope_map else ""
    lasting = token.passwords_without_expiry
    passwords = "password" if lasting == 1 else "passwords"
    return f"{token.name}{scope}{f', {lasting} {passwords} without expiry' if lasting else ''}"


def _listed(names: list[str]) -> str:
    """Name the first few; who has hundreds wants the number of the rest."""
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


RULES = (
    Rule(
        id="ACR001",
        control="Admin user off",
        reads="adminUserEnabled",
        severity=Severity.HIGH,
        why="One shared password with push and delete on everything, and no name in the log.",
        examine=_admin_user,
        policies=("dc921057-6b28-4fbe-9b83-f7bec05db6c2", "79fdfe03-ffcb-4e55-b4d0-b925b8241759"),
        other_checks=("CKV_AZURE_137", "Azure.ACR.AdminUser"),
    ),
    Rule(
        id="ACR002",
        control="Anonymous pull off",
        reads="anonymousPullEnabled",
        severity=Severity.HIGH,
        why="Whoever reaches the registry reads every repository without signing in.",
        examine=_anonymous_pull,
        skus=STANDARD_AND_PREMIUM,
        policies=("9f2dea28-e834-476c-99c5-3507b4728395", "cced2946-b08a-44fe-9fd9-e4ed8a779897"),
        other_checks=("CKV_AZURE_138", "Azure.ACR.AnonymousAccess"),
    ),
    Rule(
        id="ACR011",
        control="Narrow roles for services",
        reads="roleAssignments",
        severity=Severity.MEDIUM,
        why="A service that only pulls needs AcrPull; a broader role is what its thief gets.",
        examine=_role_breadth,
    ),
    Rule(
        id="ACR012",
        control="Roles fit the role mode",
        reads="roleAssignmentMode, roleAssignments",
        severity=Severity.HIGH,
        why="In ABAC mode AcrPull, AcrPush and AcrDelete give nothing, which tempts people to hand "
        "out broader roles.",
        examine=_role_mode,
    ),
    Rule(
        id="ACR013",
        control="ARM-audience tokens off",
        reads="policies.azureADAuthenticationAsArmPolicy.status, containerApps[].registries",
        severity=Severity.INFO,
        why="A token made for Azure Resource Manager opens the registry too.",
        examine=_arm_audience,
        policies=("42781ec6-6127-4c30-bdfa-fb423a0047d3", "785596ed-054f-41bc-aaec-7f3d0ba05725"),
    ),
    Rule(
        id="ACR019",
        control="Repository tokens off",
        reads="tokens[].status, credentials.passwords[].expiry",
        severity=Severity.MEDIUM,
        why="Passwords that no directory knows, often without an end.",
        examine=_tokens,
        policies=("ff05e24e-195c-447e-b322-5e90c9f9f366", "a9b426fe-8856-4945-8600-18c5dd1cca2a"),
    ),
)
