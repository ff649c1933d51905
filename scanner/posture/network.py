"""Rules on where the registry can be reached from."""

import ipaddress

from scanner.posture.known import Unknown
from scanner.posture.remedies import az, az_scoped, az_set, az_update
from scanner.posture.rule import (
    PREMIUM_ONLY,
    Found,
    Rule,
    Severity,
    failed,
    not_applicable,
    passed,
    unknown,
)
from scanner.posture.snapshot import PrivateEndpoint, Snapshot

MOST_ADDRESSES = 65_536
"""One /16: more than a company's exits, less than a provider's customers."""


def _unrestricted(snapshot: Snapshot) -> Found:
    public, denies = snapshot.public_access, snapshot.denies_by_default
    if public is False:
        return passed("publicNetworkAccess = Disabled")
    if denies is True:
        return passed("networkRuleSet.defaultAction = Deny")
    if isinstance(public, Unknown) or isinstance(denies, Unknown):
        return unknown(*(reason for reason in (public, denies) if isinstance(reason, Unknown)))
    allow = az(snapshot, "acr", "network-rule", "add", "--ip-address", "CIDR")
    return failed(
        "publicNetworkAccess = Enabled, networkRuleSet.defaultAction = Allow",
        remedy=f"{allow} && {az_update(snapshot, '--default-action', 'Deny')}",
    )


def _public_access(snapshot: Snapshot) -> Found:
    if snapshot.public_access is False:
        return passed("publicNetworkAccess = Disabled")
    if isinstance(snapshot.private_endpoints, Unknown):
        return unknown(snapshot.private_endpoints)
    approved = _approved(snapshot.private_endpoints)
    if not approved:
        return not_applicable("no approved private endpoint: closing it would shut everybody out")
    if isinstance(snapshot.public_access, Unknown):
        return unknown(snapshot.public_access)
    return failed(
        f"publicNetworkAccess = Enabled beside the private endpoint {approved[0]}",
        remedy=az_update(snapshot, "--public-network-enabled", "false"),
    )


def _approved(endpoints: tuple[PrivateEndpoint, ...]) -> list[str]:
    return [endpoint.name for endpoint in endpoints if endpoint.status == "Approved"]


def _private_link(snapshot: Snapshot) -> Found:
    endpoints = snapshot.private_endpoints
    if isinstance(endpoints, Unknown):
        return unknown(endpoints)
    if approved := _approved(endpoints):
        return passed(f"approved: {', '.join(approved)}")
    waiting = [endpoint for endpoint in endpoints if endpoint.status == "Pending"]
    if waiting:
        approve = az(
            snapshot,
            *("acr", "private-endpoint-connection", "approve", "--name", waiting[0].name),
            name="--registry-name",
        )
        return failed(f"pending: {waiting[0].name}", remedy=approve, severity=Severity.LOW)
    if doubtful := [end.status for end in endpoints if isinstance(end.status, Unknown)]:
        return unknown(*doubtful)
    create = "az network private-endpoint create --name NAME --resource-group GROUP --subnet SUBNET"
    create += " --connection-name NAME --group-id registry"
    return failed(
        "privateEndpointConnections: none is approved",
        remedy=az_scoped(snapshot, create, "--private-connection-resource-id"),
    )


def _broad_ip_rules(snapshot: Snapshot) -> Found:
    if snapshot.public_access is False:
        return not_applicable("publicNetworkAccess = Disabled: IP rules are not in force")
    if snapshot.denies_by_default is False:
        return not_applicable("networkRuleSet.defaultAction = Allow: IP rules are not in force")
    needed = (snapshot.public_access, snapshot.denies_by_default, snapshot.ip_rules)
    if reasons := [answer for answer in needed if isinstance(answer, Unknown)]:
        return unknown(*reasons)
    return _ranges(snapshot, () if isinstance(snapshot.ip_rules, Unknown) else snapshot.ip_rules)


def _ranges(snapshot: Snapshot, ranges: tuple[str, ...]) -> Found:
    sizes = {value: _addresses(value) for value in ranges}
    total = sum(size for size in sizes.values() if size is not None)
    if total > MOST_ADDRESSES:
        widest = max(sizes, key=lambda value: sizes[value] or 0)
        return failed(
            f"ipRules let {total:,} addresses in, most by {widest}; over {MOST_ADDRESSES:,}",
            remedy=az(snapshot, "acr", "network-rule", "remove", "--ip-address", widest),
        )
    if unreadable := [value for value, size in sizes.items() if size is None]:
        return unknown(f"ipRules: {unreadable[0]} is no IPv4 range")
    return passed(f"ipRules let {total:,} addresses in")


def _addresses(value: str) -> int | None:
    try:
        return ipaddress.IPv4Network(value, strict=False).num_addresses
    except ValueError:
        return None


def _data_endpoints(snapshot: Snapshot) -> Found:
    match snapshot.data_endpoints:
        case Unknown() as reason:
            return unknown(reason)
        case True:
            return passed("dataEndpointEnabled = true")
        case _:
            return failed(
                "dataEndpointEnabled = false: clients must be let out to *.blob.core.windows.net",
                remedy=az_update(snapshot, "--data-endpoint-enabled", "true"),
            )


def _tasks_bypass(snapshot: Snapshot) -> Found:
    if snapshot.public_access is True and snapshot.denies_by_default is False:
        return not_applicable("the network is unrestricted: there is nothing to bypass")
    match snapshot.tasks_bypass:
        case Unknown() as reason:
            return unknown(reason)
        case True:
            return failed(
                "networkRuleBypassAllowedForTasks = true",
                remedy=az_set(snapshot, "properties.networkRuleBypassAllowedForTasks=false"),
            )
        case _:
            return passed("networkRuleBypassAllowedForTasks = false")


RULES = (
    Rule(
        id="ACR003",
        control="No unrestricted network",
        reads="networkRuleSet.defaultAction, publicNetworkAccess",
        severity=Severity.HIGH,
        why="A stolen credential works from anywhere.",
        examine=_unrestricted,
        skus=PREMIUM_ONLY,
        policies=("d0793b48-0edc-4296-a390-4c75d1bdfd71",),
        other_checks=("Azure.ACR.Firewall",),
    ),
    Rule(
        id="ACR004",
        control="Public access off beside private link",
        reads="publicNetworkAccess, privateEndpointConnections",
        severity=Severity.MEDIUM,
        why="With a private way in, the public one only serves others.",
        examine=_public_access,
        skus=PREMIUM_ONLY,
        policies=("0fdf0491-d080-4575-b627-ad0e843cba0f", "a3701552-92ea-433e-9d17-33b7f1208fc9"),
        other_checks=("CKV_AZURE_139", "Azure.ACR.Firewall"),
    ),
    Rule(
        id="ACR005",
        control="Private link",
        reads="privateEndpointConnections[].privateLinkServiceConnectionState.status",
        severity=Severity.MEDIUM,
        why="Images travel inside the virtual network, and the registry has an address in it.",
        examine=_private_link,
        skus=PREMIUM_ONLY,
        policies=(
            "e8eef0a8-67cf-4eb4-9386-14b0e78733d4",
            "d85c6833-7d33-4cf5-a915-aaa2de84405f",
            "e9585a95-5b8c-4d03-b193-dc7eb5ac4c32",
        ),
    ),
    Rule(
        id="ACR006",
        control="Narrow IP rules",
        reads="networkRuleSet.ipRules[].value",
        severity=Severity.HIGH,
        why="A firewall that lets half the internet in is none.",
        examine=_broad_ip_rules,
        skus=PREMIUM_ONLY,
    ),
    Rule(
        id="ACR007",
        control="Dedicated data endpoints",
        reads="dataEndpointEnabled",
        severity=Severity.LOW,
        why="Without them a client's firewall must open to all of Azure Storage, a way to carry "
        "data out.",
        examine=_data_endpoints,
        skus=PREMIUM_ONLY,
        other_checks=("CKV_AZURE_237",),
    ),
    Rule(
        id="ACR015",
        control="No bypass for tasks",
        reads="networkRuleBypassAllowedForTasks",
        severity=Severity.LOW,
        why="A task with the registry's own identity walks round the firewall.",
        examine=_tasks_bypass,
        skus=PREMIUM_ONLY,
    ),
)
