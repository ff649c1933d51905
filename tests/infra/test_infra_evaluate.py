import json
import re
from pathlib import Path
from uuid import UUID

import pytest

from local.bicep.evaluate import BicepError, evaluate, evaluate_outputs
from local.bicep.profiles import MAIN, NAMES, parameters
from scanner import settings
from scanner.wiring import EVENT_QUEUE, JOB_QUEUE, NOTICE_QUEUE, REJUDGE_QUEUE, SWEEP_QUEUE
from tests.infra.templates import deployed, one_of, properties

ROOT = MAIN.parents[1]
_CONSTANTS = r'^_[A-Z]+(?:, _[A-Z]+| = _[A-Z]+)* = (".+")$'


def written(tmp_path: Path, text: str) -> Path:
    """Write a file to evaluate."""
    path = tmp_path / "main.bicep"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'a${1}b${true}'", "a1btrue"),
        ("empty('') ? 'yes' : 'no'", "yes"),
        ("!empty('x') && 1 == 1", True),
        ("[for (x, i) in ['a', 'b']: '${i}${x}']", ["0a", "1b"]),
        ("concat(['a'], ['b'])", ["a", "b"]),
        ("union({ a: 1 }, { b: 2 })", {"a": 1, "b": 2}),
        ("items({ b: 1, a: 2 })[0].key", "a"),
        ("empty('x') ? 'a' : { k: 'v' }.k", "v"),
        ("cidrSubnet('10.0.0.0/22', 24, 1)", "10.0.1.0/24"),
        ("take('abc', 2)", "ab"),
    ],
)
def test_an_expression_has_the_value_that_bicep_gives_it(
    expression: str, value: object, tmp_path: Path
) -> None:
    """Values by the documentation of Bicep's operators and functions."""
    path = written(tmp_path, f"output o object = {expression}\n")
    assert evaluate_outputs(path, {}) == {"o": value}


def test_what_only_azure_knows_stays_a_reference(tmp_path: Path) -> None:
    """A guess would be worse than a name for it."""
    kind = "Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30"
    resource = f"resource one '{kind}' = {{\n  name: 'n'\n  location: 'x'\n}}\n"
    path = written(tmp_path, resource + "output o string = one.properties.clientId\n")
    (told,) = evaluate_outputs(path, {}).values()
    assert re.fullmatch(r"\[reference\('/subscriptions/.*/n'\)\.properties\.clientId\]", str(told))


@pytest.mark.parametrize("given", [{}, {"a": "z"}, {"a": "x", "b": "y"}])
def test_parameters_that_do_not_fit_are_refused(given: dict[str, object], tmp_path: Path) -> None:
    """Missing, not allowed, unknown."""
    path = written(tmp_path, "@allowed(['x'])\nparam a string\noutput o string = a\n")
    with pytest.raises(BicepError):
        evaluate_outputs(path, given)


def test_a_condition_on_what_is_unknown_is_refused(tmp_path: Path) -> None:
    """Neither branch may be taken on a guess."""
    kind = "Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30"
    resource = f"resource one '{kind}' = {{\n  name: 'n'\n  location: 'x'\n}}\n"
    choice = "output o string = one.properties.clientId == 'a' ? 'b' : 'c'\n"
    with pytest.raises(BicepError):
        evaluate_outputs(written(tmp_path, resource + choice), {})


@pytest.mark.parametrize("profile", NAMES)
def test_no_two_resources_of_a_profile_have_one_id(profile: str) -> None:
    """Two would overwrite one another, in an order that nobody chose."""
    ids = [one["id"] for one in deployed(profile)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("profile", NAMES)
def test_evaluation_repeats_itself(profile: str) -> None:
    """A deployment that is run again asks for the same."""
    assert evaluate(MAIN, parameters(profile)) == deployed(profile)


@pytest.mark.parametrize("profile", NAMES)
def test_no_secret_stands_outside_vault_and_webhook(profile: str) -> None:
    """Not in a setting, a tag, an output or an address."""
    secret = str(parameters(profile)["webhookSecret"])
    holders = {str(one["type"]) for one in deployed(profile) if secret in json.dumps(one)}
    assert holders <= {
        "Microsoft.KeyVault/vaults/secrets",
        "Microsoft.ContainerRegistry/registries/webhooks",
    }
    assert secret not in json.dumps(evaluate_outputs(MAIN, parameters(profile)))


def test_the_webhook_sends_its_secret_in_the_header_that_acr_masks() -> None:
    """Never in the address, which stands in logs."""
    webhook = properties(one_of("open", "Microsoft.ContainerRegistry/registries/webhooks"))
    assert webhook["customHeaders"]["Authorization"].startswith("Bearer ")
    assert "?" not in webhook["serviceUri"]
    assert webhook["serviceUri"].endswith("/api/acr/webhook")


def test_the_private_profile_has_no_webhook_and_no_public_address() -> None:
    """Events come by queue."""
    kinds = {one["type"] for one in deployed("private")}
    assert "Microsoft.ContainerRegistry/registries/webhooks" not in kinds
    assert "Microsoft.EventGrid/systemTopics/eventSubscriptions" in kinds
    app = properties(one_of("private", "Microsoft.App/containerApps"))
    assert app["configuration"]["ingress"]["external"] is False


@pytest.mark.parametrize("profile", NAMES)
def test_the_settings_of_the_template_are_those_that_the_app_takes(profile: str) -> None:
    """The app refuses to start with one that is missing, wrong or unknown."""
    app = properties(one_of(profile, "Microsoft.App/containerApps"))
    (container,) = app["template"]["containers"]
    # What only the deployment knows: the id of the workspace, and else the registry's address.
    known = {"PUSHSCAN_LOG_WORKSPACE": str(UUID(int=1))}
    environment = {
        one["name"]: re.sub(
            r"\[reference\([^]]*\]",
            known.get(one["name"], "shop.azurecr.io"),
            one.get("value", "s" * 24),
        )
        for one in container["env"]
    }
    dockerfile = (ROOT / "infra" / "image" / "Dockerfile").read_text(encoding="utf-8")
    environment |= dict(re.findall(r"(PUSHSCAN_\w+)=(\S+)", dockerfile))
    read = settings.read(environment)
    assert read.storage.client_id == environment["AzureWebJobsStorage__clientId"]
    assert read.identity_client_id is not None
    first = read.advisory_updates.sources[0]
    assert first.database == f"{environment['PUSHSCAN_REGISTRIES']}/mirror/trivy-db:2"


def test_notices_are_sent_with_the_secret_that_signs_them() -> None:
    """The app refuses an endpoint without a secret, and a secret without an endpoint."""
    notices = {"noticeUrl": "https://hook.example/x", "noticeSecret": "n" * 24}
    resources = evaluate(MAIN, {**parameters("open"), **notices})
    (app,) = (one for one in resources if one["type"] == "Microsoft.App/containerApps")
    (container,) = properties(app)["template"]["containers"]
    names = {one["name"] for one in container["env"]}
    assert {"PUSHSCAN_NOTICE_URL", "PUSHSCAN_NOTICE_SECRET"} <= names
    assert "PUSHSCAN_OPERATORS_SECRET" not in names


def test_messages_lead_where_people_read_on() -> None:
    """The braces reach the app as they are; without a place there is no such setting."""
    place = "https://portal.contoso.com/{repository}/{digest}"
    resources = evaluate(MAIN, {**parameters("open"), "reportLink": place})
    (app,) = (one for one in resources if one["type"] == "Microsoft.App/containerApps")
    (container,) = properties(app)["template"]["containers"]
    assert {"name": "PUSHSCAN_REPORT_LINK", "value": place} in container["env"]
    without = properties(one_of("open", "Microsoft.App/containerApps"))["template"]["containers"]
    assert "PUSHSCAN_REPORT_LINK" not in {one["name"] for one in without[0]["env"]}


@pytest.mark.parametrize("profile", NAMES)
def test_every_secret_that_the_container_names_is_there(profile: str) -> None:
    """A secretRef without its secret fails the revision."""
    app = properties(one_of(profile, "Microsoft.App/containerApps"))
    names = {one["name"] for one in app["configuration"]["secrets"]}
    (container,) = app["template"]["containers"]
    assert {one["secretRef"] for one in container["env"] if "secretRef" in one} <= names


def test_queues_containers_and_tables_of_the_code_are_made() -> None:
    """Each that the code names, and the host's poison queues; made late, they would be missed."""
    names = {str(one["name"]).rpartition("/")[2] for one in deployed("open")}
    queues = {EVENT_QUEUE, JOB_QUEUE, NOTICE_QUEUE, REJUDGE_QUEUE, SWEEP_QUEUE}
    assert queues | {f"{queue}-poison" for queue in queues} <= names
    assert _stores() - names == set()


def _stores() -> set[str]:
    """Read the names from the modules that open containers and tables."""
    found = set()
    for module in (ROOT / "scanner").rglob("*.py"):
        text = module.read_text()
        if "get_table_client(" in text or "get_container_client(" in text:
            constants = re.findall(
                r'^_[A-Z]+(?:, _[A-Z]+| = _[A-Z]+)* = (".+")$', text, re.MULTILINE
            )
            found |= {name for line in constants for name in re.findall(r'"([a-z][a-z-]+)"', line)}
            found |= set(re.findall(r'get_(?:table|container)_client\("([a-z-]+)"\)', text))
    return found


def test_a_scan_ends_before_the_container_is_killed() -> None:
    """The grace period outlasts the longest scan, and Azure grants no more than 600 s."""
    app = properties(one_of("open", "Microsoft.App/containerApps"))
    assert 480 < app["template"]["terminationGracePeriodSeconds"] <= 600


def test_every_parameter_of_azd_is_one_of_the_template() -> None:
    """Azd refuses a deployment with an unknown one, after the wait."""
    given = json.loads((MAIN.parent / "main.parameters.json").read_text(encoding="utf-8"))
    declared = set(re.findall(r"^param (\w+)", MAIN.read_text(encoding="utf-8"), re.MULTILINE))
    assert set(given["parameters"]) <= declared
