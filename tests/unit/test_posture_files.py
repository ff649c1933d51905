import json
from collections.abc import Callable

import pytest

from scanner.errors import PostureError
from scanner.posture.assessment import RULES, assess
from scanner.posture.files import MAX_BYTES, read_file
from scanner.posture.rule import Outcome
from scanner.posture.snapshot import Snapshot
from tests.posture import NAMES, NOW, Bundle, bundle, failing, undecided

TYPE = "Microsoft.ContainerRegistry/registries"


def _one(document: object) -> Snapshot:
    (snapshot,) = read_file(json.dumps(document).encode())
    return snapshot


def _failing(document: object) -> list[str]:
    return failing(assess(_one(document), now=NOW))


def _registry(sku: str = "Premium", **properties: object) -> Bundle:
    return {
        "type": TYPE,
        "apiVersion": "2025-11-01",
        "name": "made",
        "location": "westeurope",
        "sku": {"name": sku},
        "properties": properties,
    }


def _template(*resources: Bundle) -> Bundle:
    return {"$schema": "x", "contentVersion": "1.0.0.0", "resources": list(resources)}


def test_the_insecure_defaults_of_a_quick_start_are_all_found() -> None:
    """Admin user on, open to the internet, anonymous, no logs, no policy, nothing encrypted."""
    registry = _registry(adminUserEnabled=True, anonymousPullEnabled=True)
    expected = [
        *("ACR001", "ACR002", "ACR003", "ACR005", "ACR007", "ACR008"),
        *("ACR009", "ACR010", "ACR013", "ACR017"),
    ]
    assert _failing(_template(registry)) == expected


def test_a_basic_registry_by_default_lacks_logs_and_the_sku() -> None:
    """What `az acr create --sku Basic --admin-enabled` makes."""
    registry = _registry("Basic", adminUserEnabled=True)
    assert _failing(_template(registry)) == ["ACR001", "ACR009", "ACR010", "ACR013", "ACR020"]


def test_what_a_template_leaves_out_is_arms_default_and_never_unknown() -> None:
    """A template says all that will be there."""
    assert undecided(assess(_one(_template(_registry())), now=NOW)) == []


def test_what_a_template_computes_is_unknown() -> None:
    """A parameter may be anything."""
    registry = _registry(adminUserEnabled="[parameters('admin')]")
    found = assess(_one(_template(registry)), now=NOW).findings[0]
    assert found.outcome is Outcome.UNKNOWN
    assert "[parameters('admin')]" in found.evidence


def _diagnostics(scope: str) -> Bundle:
    logs = [{"categoryGroup": "allLogs", "enabled": True}]
    return {
        "type": "Microsoft.Insights/diagnosticSettings",
        "apiVersion": "2021-05-01-preview",
        "name": "to-log",
        "scope": scope,
        "properties": {"workspaceId": "/w", "logs": logs},
    }


@pytest.mark.parametrize(
    ("scope", "outcome"),
    [
        (f"{TYPE}/made", Outcome.PASS),
        (f"/subscriptions/1/resourceGroups/made/providers/{TYPE}/made", Outcome.PASS),
        (f"[format('{TYPE}/{{0}}', parameters('name'))]", Outcome.PASS),
        ("[parameters('scope')]", Outcome.UNKNOWN),
        (f"{TYPE}/made2", Outcome.FAIL),
        ("/subscriptions/1/resourceGroups/made/providers/Microsoft.Web/sites/app", Outcome.FAIL),
        ("[resourceId('Microsoft.Storage/storageAccounts', 'made')]", Outcome.FAIL),
    ],
)
def test_a_diagnostic_setting_counts_for_the_registry_of_its_scope(
    scope: str, outcome: Outcome
) -> None:
    """A resource group may bear the registry's name."""
    assessment = assess(_one(_template(_registry(), _diagnostics(scope))), now=NOW)
    assert assessment.findings[8].rule == "ACR009"
    assert assessment.findings[8].outcome is outcome


@pytest.mark.parametrize(("manual", "status"), [(False, "Approved"), (True, "Pending")])
def test_a_private_endpoint_of_a_template_is_approved_unless_others_must(
    *, manual: bool, status: str
) -> None:
    """As ARM will show it."""
    connection = {
        "name": "registry",
        "properties": {
            "privateLinkServiceId": f"/s/providers/{TYPE}/made",
            "groupIds": ["registry"],
        },
    }
    kind = "manualPrivateLinkServiceConnections" if manual else "privateLinkServiceConnections"
    endpoint = {
        "type": "Microsoft.Network/privateEndpoints",
        "name": "pep",
        "properties": {kind: [connection]},
    }
    endpoints = _one(_template(_registry(), endpoint)).private_endpoints
    assert isinstance(endpoints, tuple)
    assert [found.status for found in endpoints] == [status]


def test_children_are_found_nested_in_modules_and_by_symbolic_name() -> None:
    """The three places in which compiled Bicep puts them."""
    hook = {
        "type": f"{TYPE}/webhooks",
        "name": "[format('{0}/{1}', parameters('name'), 'pushhook')]",
        "properties": {"serviceUri": "http://h.example"},
    }
    inner = {"type": "tokens", "name": "buildtoken", "properties": {"status": "enabled"}}
    module = {
        "type": "Microsoft.Resources/deployments",
        "name": "hooks",
        "properties": {"template": _template(hook)},
    }
    registry = {**_registry(), "resources": [inner]}
    document = {"languageVersion": "2.0", "resources": {"acr": registry, "hooks": module}}
    assert {"ACR016", "ACR019"} <= set(_failing(document))


def test_what_is_not_deployed_does_not_count() -> None:
    """A false condition, or a resource that the template only refers to."""
    absent = {**_registry(), "condition": False}
    existing = {**_registry(), "existing": True}
    with pytest.raises(PostureError):
        read_file(json.dumps(_template(absent, existing)).encode())


def test_a_what_if_answer_shows_what_will_be_there() -> None:
    """A deleted setting is gone, an ignored one stays, and what it leaves out is unknown."""
    private = bundle()
    kept = {**private["diagnosticSettings"]["value"][0], "scope": private["registry"]["id"]}
    changes = [
        {"changeType": "Modify", "after": private["registry"]},
        {"changeType": "Ignore", "before": kept},
        {"changeType": "Delete", "before": {"type": f"{TYPE}/tokens", "name": "crvaultedprod/t"}},
    ]
    for document in ({"changes": changes}, {"properties": {"changes": changes}}):
        assessment = assess(_one(document), now=NOW)
        assert failing(assessment) == []
        assert undecided(assessment) == ["ACR010", "ACR011", "ACR012", "ACR016", "ACR019"]


@pytest.mark.parametrize(
    "shape",
    [
        lambda registry: registry,
        lambda registry: {"value": [registry]},
        lambda registry: [registry],
        lambda registry: {**registry, **registry["properties"], "properties": None},
    ],
    ids=["GET", "list", "array", "az acr show"],
)
def test_answers_of_arm_and_of_the_cli_are_taken(shape: Callable[[Bundle], object]) -> None:
    """What they leave out is not known; what they say is."""
    assessment = assess(_one(shape(bundle()["registry"])), now=NOW)
    assert assessment.registry == "crvaultedprod"
    assert failing(assessment) == []
    assert assessment.findings[0].outcome is Outcome.PASS
    unread = ["ACR009", "ACR010", "ACR011", "ACR012", "ACR016", "ACR019"]
    assert undecided(assessment) == unread


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_bundle_is_read(name: str) -> None:
    """One registry, all rules."""
    assert len(assess(_one(bundle(name)), now=NOW).findings) == len(RULES)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"[", b"{}", b"[]", b'{"registry": 1}', b'{"value": [1]}', b"\xff", b"[" * 100_000),
        b'{"resources": [{"type": "Microsoft.Web/sites"}]}',
        b" " * (MAX_BYTES + 1),
    ],
    ids=range(10),
)
def test_a_file_without_a_registry_is_refused(content: bytes) -> None:
    """In one line, whatever it is."""
    with pytest.raises(PostureError):
        read_file(content)
