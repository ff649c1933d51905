"""Rules on what becomes of the images: encryption, export, clean-up, signatures."""

import shlex

from scanner.posture.known import Unknown
from scanner.posture.remedies import az, az_set
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
from scanner.posture.snapshot import Snapshot


def _customer_managed_key(snapshot: Snapshot) -> Found:
    encryption = snapshot.encryption
    if isinstance(encryption, Unknown):
        return unknown(encryption)
    if not encryption.is_customer_managed:
        return failed(
            "encryption.status = disabled; a key can be set when a registry is made, never later",
            remedy="az acr create --name NEW --resource-group GROUP --sku Premium --identity ID "
            "--key-encryption-key KEY_ID && az acr import --name NEW "
            f"--registry {shlex.quote(snapshot.resource_id or 'REGISTRY_ID')} --source IMAGE",
        )
    match encryption.follows_rotation:
        case Unknown() as reason:
            return unknown(reason)
        case False:
            return failed(
                "encryption.status = enabled, with one version of the key: rotation is by hand",
                remedy=az(
                    snapshot, "acr", "encryption", "rotate-key", "--key-encryption-key", "KEY_ID"
                ),
                severity=Severity.LOW,
            )
        case _:
            return passed("encryption.status = enabled, the key's rotation is followed")


def _exports(snapshot: Snapshot) -> Found:
    public = snapshot.public_access
    if isinstance(public, Unknown):
        return unknown(public)
    if public:
        return not_applicable("publicNetworkAccess = Enabled: only a closed registry can forbid it")
    match snapshot.exports:
        case Unknown() as reason:
            return unknown(reason)
        case True:
            return failed(
                "exportPolicy = enabled: az acr import carries images into other registries",
                remedy=az_set(snapshot, "properties.policies.exportPolicy.status=disabled"),
            )
        case _:
            return passed("exportPolicy = disabled")


def _retention(snapshot: Snapshot) -> Found:
    days = snapshot.retention_days
    if isinstance(days, Unknown):
        return unknown(days)
    if days is None:
        return failed(
            "retentionPolicy = disabled; it would cover Docker manifests alone, never OCI ones",
            remedy=az(
                snapshot,
                *("acr", "config", "retention", "update", "--status", "enabled"),
                *("--days", "30", "--type", "UntaggedManifests"),
                name="--registry",
            ),
        )
    return passed(f"retentionPolicy = {days} days; covers Docker manifests alone, never OCI ones")


def _content_trust(snapshot: Snapshot) -> Found:
    match snapshot.content_trust:
        case Unknown() as reason:
            return unknown(reason)
        case True:
            return failed(
                "trustPolicy = enabled: Docker Content Trust is removed on 2028-03-31",
                remedy=az(
                    snapshot,
                    *("acr", "config", "content-trust", "update", "--status", "disabled"),
                    name="--registry",
                ),
            )
        case _:
            return passed("trustPolicy = disabled")


RULES = (
    Rule(
        id="ACR008",
        control="Customer-managed key",
        reads="encryption.status, encryption.keyVaultProperties",
        severity=Severity.MEDIUM,
        why="Who owns the key can take it back. It must be chosen when the registry is made.",
        examine=_customer_managed_key,
        skus=PREMIUM_ONLY,
        policies=("5b9159ae-1701-4a6f-9a7a-aa9c8ddd0580",),
    ),
    Rule(
        id="ACR014",
        control="Exports off",
        reads="policies.exportPolicy.status, publicNetworkAccess",
        severity=Severity.LOW,
        why="A closed registry should not be copied out by one call to Azure.",
        examine=_exports,
        skus=PREMIUM_ONLY,
        policies=("524b0254-c285-4903-bee6-bb8126cde579",),
        other_checks=("Azure.ACR.ExportPolicy",),
    ),
    Rule(
        id="ACR017",
        control="Untagged manifests go away",
        reads="policies.retentionPolicy.status",
        severity=Severity.LOW,
        why="Untagged images cost money and keep old vulnerabilities within reach of a digest.",
        examine=_retention,
        skus=PREMIUM_ONLY,
        other_checks=("CKV_AZURE_167", "Azure.ACR.Retention"),
    ),
    Rule(
        id="ACR018",
        control="No Docker Content Trust",
        reads="policies.trustPolicy.status",
        severity=Severity.INFO,
        why="It is retired; sign with Notation. Checks that ask to switch it on are out of date.",
        examine=_content_trust,
        skus=PREMIUM_ONLY,
    ),
)
