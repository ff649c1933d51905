import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Protocol

import pytest
from typer.testing import CliRunner

from local.acr.faults import Answer, Stall, Truncate
from local.arm import ArmStandIn
from local.certificates import Certificates
from scanner.cli import app
from scanner.cli.surroundings import Surroundings
from scanner.errors import PostureError
from scanner.posture.arm import MAX_ATTEMPTS, Arm, ArmRefusalError, Clock
from scanner.posture.assessment import Assessment, assess
from scanner.posture.live import find_registry, read_registry, registry_ids
from tests.posture import (
    NAMES,
    NOW,
    Bundle,
    FixedToken,
    bundle,
    changed,
    failing,
    judged,
    undecided,
)

pytestmark = pytest.mark.integration

REGISTRY = bundle()["registry"]["id"]
SUBSCRIPTION = REGISTRY.split("/")[2]


class Slept:
    """A clock that counts the seconds slept in place of sleeping."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def monotonic(self) -> float:
        """Return the seconds slept so far."""
        return sum(self.seconds)

    def sleep(self, seconds: float) -> None:
        """Note the seconds."""
        self.seconds.append(seconds)


class Connect(Protocol):
    """Opens a session with a stand-in that has these registries."""

    def __call__(self, *bundles: Bundle, page_size: int = 100) -> tuple[ArmStandIn, Arm]:
        """Start the stand-in; pages have so many entries."""
        ...


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A throw-away authority."""
    return Certificates.create(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def slept() -> Slept:
    """No test waits for ARM's patience."""
    return Slept()


@pytest.fixture
def connect(certificates: Certificates, slept: Slept) -> Iterator[Connect]:
    """Everything that was opened is closed."""
    with ExitStack() as undo:

        def open_session(*bundles: Bundle, page_size: int = 100) -> tuple[ArmStandIn, Arm]:
            stand_in = ArmStandIn(list(bundles), certificates, page_size=page_size)
            undo.enter_context(stand_in)
            arm = Arm(
                credential=FixedToken(stand_in.token),
                url=stand_in.url,
                ca_file=certificates.ca_file,
                clock=Clock(monotonic=slept.monotonic, sleep=slept.sleep),
            )
            return stand_in, undo.enter_context(arm)

        yield open_session


def _assess(arm: Arm, resource_id: str = REGISTRY) -> Assessment:
    return assess(read_registry(arm, resource_id), now=NOW)


@pytest.mark.parametrize("page_size", [1, 100])
@pytest.mark.parametrize("name", NAMES)
def test_a_registry_read_live_is_judged_like_its_recording(
    connect: Connect, name: str, page_size: int
) -> None:
    """However many pages ARM makes of it."""
    document = bundle(name)
    _, arm = connect(document, page_size=page_size)
    live, recorded = _assess(arm, document["registry"]["id"]), judged(document)
    unlike = [
        (ours.rule, ours.evidence)
        for ours, theirs in zip(live.findings, recorded.findings, strict=True)
        if (ours.outcome, ours.severity) != (theirs.outcome, theirs.severity)
    ]
    assert unlike == []


def test_every_call_is_a_read_and_names_its_api_version(connect: Connect) -> None:
    """POST only where ARM gives a list or a webhook's address to it."""
    stand_in, arm = connect(bundle("firewall-mixed"))
    _assess(arm, bundle("firewall-mixed")["registry"]["id"])
    posted = {request.path.rpartition("/")[2] for request in stand_in.requests.matching("POST")}
    assert posted == {"queryResults", "getCallbackConfig"}
    assert {request.method for request in stand_in.requests} == {"GET", "POST"}
    assert all("api-version=" in request.query for request in stand_in.requests)
    (roles,) = stand_in.requests.matching(path=".*/roleAssignments")
    assert roles.query.endswith("&%24filter=atScope%28%29")


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize(
    ("part", "rules"),
    [
        ("diagnosticSettings", ["ACR009"]),
        ("roleAssignments", ["ACR011", "ACR012"]),
        ("tokens", ["ACR019"]),
        ("queryResults", ["ACR010"]),
        ("webhooks", ["ACR016"]),
        ("replications", []),
        ("cacheRules", []),
    ],
)
def test_a_part_that_is_refused_is_unknown_and_the_rest_goes_on(
    connect: Connect, part: str, rules: list[str], status: int
) -> None:
    """With ARM's own word for why."""
    stand_in, arm = connect(bundle())
    body = b'{"error": {"code": "NotForYou", "message": "m"}}'
    stand_in.fail_next(Answer(status=status, body=body), path=f".*/{part}")
    assessment = _assess(arm)
    assert failing(assessment) == []
    assert undecided(assessment) == rules
    evidence = [found.evidence for found in assessment.findings if found.rule in rules]
    assert all("NotForYou" in said for said in evidence)


def test_a_webhook_whose_uri_is_not_told_does_not_hide_another(connect: Connect) -> None:
    """A disabled one is a fault, whatever its URI."""
    document = bundle("firewall-mixed")
    stand_in, arm = connect(document)
    stand_in.fail_next(Answer(status=403), path=".*/getCallbackConfig", times=2)
    found = {it.rule: it for it in _assess(arm, document["registry"]["id"]).findings}
    assert found["ACR016"].evidence == "legacyci is disabled"


def test_throttling_is_waited_out_as_long_as_arm_asks(connect: Connect, slept: Slept) -> None:
    """Retry-After in seconds."""
    stand_in, arm = connect(bundle())
    stand_in.fail_next(Answer.throttled(7), path=".*/tokens", times=2)
    assert undecided(_assess(arm)) == []
    assert slept.seconds == [7.0, 7.0]


def test_throttling_without_end_leaves_that_part_unknown(connect: Connect, slept: Slept) -> None:
    """After four attempts, each wait of half a minute at most."""
    stand_in, arm = connect(bundle())
    stand_in.fail_next(Answer.throttled(86_000), path=".*/tokens", times=99)
    assert undecided(_assess(arm)) == ["ACR019"]
    assert len(stand_in.requests.matching(path=".*/tokens")) == MAX_ATTEMPTS
    assert slept.seconds == [30.0, 30.0, 30.0]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=200, body=b"<html>"),
        Answer(status=200, body=b"[]"),
        Answer(status=200, body=b'{"value": 1}'),
        Answer(status=200, body=b'{"value": [], "value": []}'),
        Answer(status=200, body=b'{"value": [], "nextLink": "https://evil.example/?a=b"}'),
        Answer(status=200, body=b'{"value": [], "nextLink": 7}'),
        Answer(status=302, headers={"Location": "https://evil.example/"}),
        Truncate(after=3),
    ],
    ids=range(8),
)
def test_nonsense_from_arm_leaves_that_part_unknown(
    connect: Connect, answer: Answer | Truncate
) -> None:
    """The token goes to no other host, and nothing crashes."""
    stand_in, arm = connect(bundle())
    stand_in.fail_next(answer, path=".*/tokens", times=4)
    assessment = _assess(arm)
    assert undecided(assessment) == ["ACR019"]
    assert failing(assessment) == []


def test_silence_ends_at_the_read_timeout(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that never comes is unknown."""
    monkeypatch.setattr("scanner.posture.arm.READ_SECONDS", 0.3)
    stand_in, arm = connect(bundle())
    stand_in.fail_next(Stall(seconds=5), path=".*/tokens")
    assert undecided(_assess(arm)) == ["ACR019"]


def test_no_time_left_is_told(connect: Connect, slept: Slept) -> None:
    """The session ends at its deadline."""
    _, arm = connect(bundle())
    slept.sleep(400)
    with pytest.raises(ArmRefusalError, match="no time"):
        _assess(arm)


@pytest.mark.parametrize("status", [403, 404])
def test_a_registry_that_may_not_be_read_is_our_own_error(connect: Connect, status: int) -> None:
    """There is nothing to judge."""
    stand_in, arm = connect(bundle())
    stand_in.fail_next(Answer(status=status), path=REGISTRY)
    with pytest.raises(PostureError, match=str(status)):
        _assess(arm)


def test_a_wrong_token_is_told(connect: Connect) -> None:
    """And stands nowhere in what is raised."""
    _, arm = connect(bundle())
    arm.credential = FixedToken("worthless-token")
    with pytest.raises(PostureError, match="InvalidAuthenticationToken") as raised:
        _assess(arm)
    assert "worthless-token" not in f"{raised.value!r}{arm!r}"


def test_preview_fields_and_missing_ones_break_nothing(connect: Connect) -> None:
    """A registry of a coming api-version, with half of today's properties gone."""
    document = changed(
        without="adminUserEnabled", metadataSearch="Enabled", endpointProtocol={"a": [1]}
    )
    _, arm = connect(document)
    assert undecided(_assess(arm)) == ["ACR001"]


def test_registries_are_found_by_name_and_by_login_server(connect: Connect) -> None:
    """In whatever subscription may be read; pages are followed there too."""
    _, arm = connect(*map(bundle, NAMES), page_size=2)
    assert len(registry_ids(arm, SUBSCRIPTION)) == len(NAMES)
    for wanted in ("CrVaultedProd", "crvaultedprod.azurecr.io"):
        assert find_registry(arm, wanted) == REGISTRY
    with pytest.raises(PostureError, match="no registry of that name"):
        find_registry(arm, "crvaulted")


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (["crvaultedprod"], 0, ["crvaultedprod"]),
        ([REGISTRY], 0, ["crvaultedprod"]),
        (["--subscription", SUBSCRIPTION], 1, ["crvaultedprod", "crquickstart"]),
        (["nowhere"], 3, None),
        (["--subscription", "00000000-0000-4000-8000-000000000000"], 3, None),
        (["--subscription", "../../secrets"], 3, None),
    ],
)
def test_the_command_reads_live_registries(
    connect: Connect, arguments: list[str], status: int, expected: list[str] | None
) -> None:
    """By name, by id, and all of a subscription."""
    _, arm = connect(bundle(), bundle("basic-quickstart"))
    around = Surroundings(arm=lambda: arm, now=lambda: NOW)
    result = CliRunner().invoke(app, ["posture", "--format=json", *arguments], obj=around)
    assert result.exit_code == status, result.stderr
    names = [it["registry"] for it in json.loads(result.stdout)] if result.stdout else None
    assert names == expected


def test_a_registry_that_cannot_be_read_does_not_hide_the_others(connect: Connect) -> None:
    """It is told on stderr, and the command does not end with 0."""
    stand_in, arm = connect(bundle("basic-quickstart"), bundle())
    stand_in.fail_next(Answer(status=403), path=".*/registries/crquickstart")
    around = Surroundings(arm=lambda: arm, now=lambda: NOW)
    arguments = ["posture", "--subscription", SUBSCRIPTION]
    result = CliRunner().invoke(app, arguments, obj=around)
    assert result.exit_code == 3
    assert "crvaultedprod: nothing to mend" in result.stdout
    assert "403" in result.stderr


def test_a_webhooks_secret_is_kept_nowhere(connect: Connect) -> None:
    """ARM tells it beside the URI that is asked for."""
    document = bundle("standard-abac")
    _, arm = connect(document)
    snapshot = read_registry(arm, document["registry"]["id"])
    assert "a-secret-of-the-webhook" not in repr(snapshot)
    assert "c2VjcmV0" not in repr(snapshot)
