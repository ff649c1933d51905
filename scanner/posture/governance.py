"""Rules on what is logged, told and enforced about the registry."""

from typing import Final

from scanner.posture.known import Unknown
from scanner.posture.remedies import all_of, az, az_scoped, az_update
from scanner.posture.rule import Found, Rule, Severity, failed, passed, unknown
from scanner.posture.snapshot import Sku, Snapshot, Webhook

_LOGIN, _REPOSITORY = "ContainerRegistryLoginEvents", "ContainerRegistryRepositoryEvents"
_GROUPS = {"alllogs", "audit"}
_SHOWN = 5
_DISABLED = "is disabled"
_KEYS_IN_QUERIES = frozenset({"code", "sig", "key", "token", "secret", "password"})

EXPECTED_POLICIES: Final = {
    "dc921057-6b28-4fbe-9b83-f7bec05db6c2": "admin user",
    "9f2dea28-e834-476c-99c5-3507b4728395": "anonymous pull",
    "d0793b48-0edc-4296-a390-4c75d1bdfd71": "unrestricted network",
    "0fdf0491-d080-4575-b627-ad0e843cba0f": "public access",
    "e8eef0a8-67cf-4eb4-9386-14b0e78733d4": "private link",
}
"""The five built-in definitions that should watch every registry."""
_STRICTER: Final = {
    "79fdfe03-ffcb-4e55-b4d0-b925b8241759": "dc921057-6b28-4fbe-9b83-f7bec05db6c2",
    "cced2946-b08a-44fe-9fd9-e4ed8a779897": "9f2dea28-e834-476c-99c5-3507b4728395",
    "a3701552-92ea-433e-9d17-33b7f1208fc9": "0fdf0491-d080-4575-b627-ad0e843cba0f",
    "d85c6833-7d33-4cf5-a915-aaa2de84405f": "e8eef0a8-67cf-4eb4-9386-14b0e78733d4",
}
"""Definitions that mend (Modify, DeployIfNotExists) what the other only audits."""


def _diagnostics(snapshot: Snapshot) -> Found:
    settings = snapshot.diagnostics
    if isinstance(settings, Unknown):
        return unknown(settings)
    sent = {log for setting in settings if setting.has_destination for log in setting.logs}
    missing = [name for name in (_LOGIN, _REPOSITORY) if name.lower() not in sent]
    if not missing or sent & _GROUPS:
        names = ", ".join(setting.name for setting in settings if setting.has_destination)
        return passed(f"login and repository events are sent by {names}")
    logs = ",".join(f'{{"category":"{name}","enabled":true}}' for name in missing)
    create = f"az monitor diagnostic-settings create --name pushscan --logs '[{logs}]'"
    create += " --workspace WORKSPACE_ID"
    return failed(
        f"no diagnostic setting sends {' or '.join(missing)}",
        remedy=az_scoped(snapshot, create, "--resource"),
    )


def _policies(snapshot: Snapshot) -> Found:
    states = snapshot.policies
    if isinstance(states, Unknown):
        return unknown(states)
    by_control = [(_STRICTER.get(s.definition_id, s.definition_id), s.is_compliant) for s in states]
    assigned = {definition for definition, _ in by_control}
    missing = [definition for definition in EXPECTED_POLICIES if definition not in assigned]
    if missing:
        return failed(
            f"not assigned: {', '.join(EXPECTED_POLICIES[definition] for definition in missing)}",
            remedy=all_of(_assign(snapshot, definition) for definition in missing),
        )
    violated = dict.fromkeys(
        EXPECTED_POLICIES[definition]
        for definition, is_compliant in by_control
        if is_compliant is False and definition in EXPECTED_POLICIES
    )
    if violated:
        return failed(
            f"not compliant with: {', '.join(violated)}",
            remedy=az_scoped(snapshot, "az policy state list", "--resource"),
        )
    return passed("the five built-in policies are assigned, and none is violated")


def _assign(snapshot: Snapshot, definition: str) -> str:
    return az_scoped(snapshot, f"az policy assignment create --policy {definition}")


def _webhooks(snapshot: Snapshot) -> Found:
    webhooks = snapshot.webhooks
    if isinstance(webhooks, Unknown):
        return unknown(webhooks)
    faults = [(webhook, fault) for webhook in webhooks if (fault := _fault(webhook))]
    if faults:
        said = "; ".join(f"{webhook.name} {fault}" for webhook, fault in faults[:_SHOWN])
        mending = (_mend(snapshot, webhook, fault) for webhook, fault in faults[:_SHOWN])
        return failed(said, remedy=all_of(mending))
    doubts = [
        f"{webhook.name}: {doubt.why}"
        for webhook in webhooks
        for doubt in (webhook.is_enabled, webhook.endpoint)
        if isinstance(doubt, Unknown)
    ]
    if doubts:
        return unknown(*doubts[:_SHOWN])
    names = ", ".join(webhook.name for webhook in webhooks)
    return passed(f"https, no key in the URI: {names}" if names else "there is no webhook")


def _mend(snapshot: Snapshot, webhook: Webhook, fault: str) -> str:
    flags = ("--status", "enabled") if fault == _DISABLED else ("--uri", "https://HOST/PATH")
    update = ("acr", "webhook", "update", "--name", webhook.name)
    return az(snapshot, *update, *flags, name="--registry")


def _fault(webhook: Webhook) -> str:
    if webhook.is_enabled is False:
        return _DISABLED
    if isinstance(webhook.endpoint, Unknown):
        return ""
    if webhook.endpoint.scheme != "https":
        return f"posts to {webhook.endpoint.host} without TLS"
    keys = sorted(webhook.endpoint.query_names & _KEYS_IN_QUERIES)
    return f"has {keys[0]}= in its URI, which lands in logs" if keys else ""


def _sku(snapshot: Snapshot) -> Found:
    if isinstance(snapshot.sku, Unknown):
        return unknown(snapshot.sku)
    if snapshot.sku is Sku.PREMIUM:
        return passed("sku Premium")
    return failed(
        f"sku {snapshot.sku}: no firewall, private link, data endpoints, own key or export policy",
        remedy=az_update(snapshot, "--sku", "Premium"),
    )


RULES = (
    Rule(
        id="ACR009",
        control="Login and repository events logged",
        reads="diagnosticSettings[].logs",
        severity=Severity.MEDIUM,
        why="Without them nobody can say who pushed or pulled what.",
        examine=_diagnostics,
        policies=(
            "56288eb2-4350-461d-9ece-2bb242269dce",
            "106cd3bd-50a1-466c-869f-f9c2d310477b",
            "9ba29e83-863d-4fec-81d0-16dd87067cc3",
        ),
        other_checks=("Azure.ACR.AuditLogs",),
    ),
    Rule(
        id="ACR010",
        control="Azure Policy watches",
        reads="policyStates of five built-in definitions",
        severity=Severity.LOW,
        why="What is right today is changed tomorrow; a policy says so within a day.",
        examine=_policies,
        policies=tuple(EXPECTED_POLICIES),
    ),
    Rule(
        id="ACR016",
        control="Webhooks keep their secret",
        reads="webhooks[].status, getCallbackConfig.serviceUri",
        severity=Severity.MEDIUM,
        why="Over http, or with the key in the URI, others can read the events or send their own; "
        "a disabled one tells nobody of a push.",
        examine=_webhooks,
        other_checks=("CKV2_AZURE_30",),
    ),
    Rule(
        id="ACR020",
        control="SKU has the controls",
        reads="sku.name",
        severity=Severity.INFO,
        why="Only Premium can be closed to the internet.",
        examine=_sku,
        policies=("bd560fc0-3c69-498a-ae9f-aa8eb7de0e13",),
    ),
)
