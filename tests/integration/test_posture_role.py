"""The weekly audit with just the role that `infra/` gives the app."""

from functools import partial

import pytest

from local.arm import ArmStandIn
from local.certificates import Certificates
from scanner.cli.audit_check import examine_audit
from scanner.cli.doctor import Outcome
from scanner.posture.arm import Arm
from scanner.posture.assessment import Assessment, assess
from scanner.posture.live import collect, read_registry
from tests.infra.templates import one_of, properties
from tests.posture import NOW, Bundle, FixedToken, bundle, changed, failing, undecided

pytestmark = pytest.mark.integration

REGISTRY = bundle()["registry"]["id"]
ARM_TOKENS = {"azureADAuthenticationAsArmPolicy": {"status": "enabled"}}


@pytest.fixture(scope="module")
def actions() -> list[str]:
    """What the template's own role allows."""
    (permission,) = properties(one_of("open", "Microsoft.Authorization/roleDefinitions"))[
        "permissions"
    ]
    found: list[str] = permission["actions"]
    return found


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A throw-away authority."""
    return Certificates.create(tmp_path_factory.mktemp("certificates"))


def watched() -> Bundle:
    """Return a registry with a webhook, and an app that pulls from it."""
    document = changed(policies={**bundle()["registry"]["properties"]["policies"], **ARM_TOKENS})
    uri = "https://app.example/api/acr/webhook"
    webhook = {"name": "pushscan", "properties": {"status": "enabled", "serviceUri": uri}}
    return document | {
        "replications": {"value": [{"name": "northeurope", "location": "northeurope"}]},
        "webhooks": {"value": [webhook]},
        "containerApps": {"value": [{"name": "ca-scanner"}]},
    }


def assessed(actions: list[str], certificates: Certificates) -> Assessment:
    """Assess that registry as one who may do this."""
    with (
        ArmStandIn([watched()], certificates, actions=actions) as stand_in,
        Arm(
            credential=FixedToken(stand_in.token), url=stand_in.url, ca_file=certificates.ca_file
        ) as arm,
    ):
        return assess(read_registry(arm, REGISTRY), now=NOW)


def test_with_the_role_of_the_template_only_the_webhooks_address_is_unknown(
    actions: list[str], certificates: Certificates
) -> None:
    """ARM tells that address beside the webhook's secret, which the app must not read."""
    assessment = assessed(actions, certificates)
    assert failing(assessment) == []
    assert undecided(assessment) == ["ACR016"]
    (tokens,) = (found for found in assessment.findings if found.rule == "ACR013")
    assert tokens.evidence.endswith("here ca-scanner")


@pytest.mark.parametrize(
    ("withheld", "outcome", "said"),
    [
        ("", Outcome.OK, "its settings can be read; 0 findings"),
        ("tokens/read", Outcome.WARN, "not known: ACR019: give the identity"),
        ("registries/read", Outcome.WARN, "403 AuthorizationFailed: give the identity"),
    ],
)
def test_doctor_says_whether_the_audit_can_read(
    actions: list[str], certificates: Certificates, withheld: str, outcome: Outcome, said: str
) -> None:
    """At once, and not on Monday. A warning at most: pushes go on without."""
    allowed = [one for one in actions if not (withheld and one.endswith(withheld))]
    with ArmStandIn([watched()], certificates, actions=allowed) as stand_in:
        connect = partial(
            Arm,
            credential=FixedToken(stand_in.token),
            url=stand_in.url,
            ca_file=certificates.ca_file,
        )
        diagnosis = examine_audit(connect, REGISTRY)
    assert diagnosis.outcome is outcome
    assert said in diagnosis.detail


def test_nothing_but_the_name_is_kept_of_an_app(certificates: Certificates) -> None:
    """Its settings may hold secrets; apps that pull from elsewhere are none of our business."""
    document = {**bundle(), "containerApps": {"value": [{"name": "ca-scanner"}]}}
    with (
        ArmStandIn([document], certificates) as stand_in,
        Arm(
            credential=FixedToken(stand_in.token), url=stand_in.url, ca_file=certificates.ca_file
        ) as arm,
    ):
        kept = collect(arm, REGISTRY)
    assert kept["containerApps"] == {"value": [{"name": "ca-scanner"}]}
    assert "a-secret-of-the-app" not in repr(kept)


def test_no_action_of_the_role_is_there_for_nothing(
    actions: list[str], certificates: Certificates
) -> None:
    """Without any one of them less is known; the registry itself must be read at all."""
    whole = assessed(actions, certificates)
    for action in actions:
        if not action.endswith("registries/read"):
            rest = [one for one in actions if one != action]
            assert assessed(rest, certificates) != whole, action
