"""The log of pulls by the real client, over TLS, against the stand-in for Log Analytics."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.credentials import AccessToken

from local.acr.faults import Answer
from local.certificates import Certificates
from local.logs import LogsStandIn
from local.logs.server import LoggedEvent
from scanner.errors import PullsUnknownError
from scanner.registry import pull_log
from scanner.registry.pull_log import PullLog
from tests.contracts.pulls_contract import DAY, DIGEST, PullsContract
from tests.examples import REGISTRY

pytestmark = pytest.mark.integration

WORKSPACE = "b1b2b3b4-0000-4000-8000-000000000001"
OBJECT_ID = "0b1ec700-0000-4000-8000-000000000002"
CLIENT_ID = "c11e9700-0000-4000-8000-000000000003"


class OwnToken:
    """A credential with one token, for Log Analytics alone."""

    def __init__(self, stand_in: LogsStandIn) -> None:
        self._stand_in = stand_in

    def get_token(self, *scopes: str, **_options: object) -> AccessToken:
        """Return it."""
        assert scopes == (f"{self._stand_in.url}/.default",)
        return AccessToken(self._stand_in.token, 4_000_000_000)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A throw-away authority."""
    return Certificates.create(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def stand_in(certificates: Certificates) -> Iterator[LogsStandIn]:
    """An empty workspace."""
    with LogsStandIn(WORKSPACE, certificates, object_id=OBJECT_ID) as running:
        yield running


class TestPullLog(PullsContract):
    """The real client keeps the contract."""

    @pytest.fixture(autouse=True)
    def _connected(self, stand_in: LogsStandIn, certificates: Certificates) -> None:
        self._stand_in = stand_in
        self._pulls = PullLog(
            credential=OwnToken(stand_in),
            workspace=WORKSPACE,
            client_id=CLIENT_ID,
            url=stand_in.url,
            ca_file=certificates.ca_file,
        )

    def pulls(self) -> PullLog:
        """Return the adapter."""
        return self._pulls

    def log(
        self,
        repository: str,
        *,
        tag: str = "",
        digest: str = "",
        operation: str = "Pull",
        identity: str = "somebody",
        result: str = "200",
        before: timedelta = timedelta(hours=1),
    ) -> None:
        """Add a row."""
        self._stand_in.events.append(
            LoggedEvent(
                LoginServer=REGISTRY,
                Repository=repository,
                Tag=tag,
                Digest=digest,
                OperationName=operation,
                Identity=identity,
                ResultDescription=result,
                TimeGenerated=datetime.now(UTC) - before,
            )
        )

    def own_identities(self) -> list[str]:
        """Return both names: the token's and that of the settings."""
        return [OBJECT_ID, CLIENT_ID]

    def test_half_an_answer_is_none(self) -> None:
        """Images of which the pull is missing would be left out in silence."""
        self.log("shop", digest=DIGEST)
        self._stand_in.partial_error = {"code": "PartialError", "message": "too much \x1b[2Jdata"}
        with pytest.raises(PullsUnknownError, match="some only") as caught:
            list(self.pulls().within(DAY))
        assert "\x1b" not in str(caught.value)

    @pytest.mark.parametrize("status", [400, 403, 404])
    def test_a_refusal_says_what_is_needed(self, status: int) -> None:
        """And nothing of what the answer says."""
        self._stand_in.fail_next(Answer(status=status, body=b'{"error": {"code": "x\\u001b"}}'))
        with pytest.raises(PullsUnknownError, match=rf"HTTP {status}.*Log Analytics Reader"):
            list(self.pulls().within(DAY))

    @pytest.mark.parametrize(
        "body",
        [
            b'{"tables": []}',
            b'{"tables": [{"name": "t", "columns": [], "rows": []}]}',
        ],
    )
    def test_another_table_is_refused(self, body: bytes) -> None:
        """Without the identity everybody's pulls would be others'."""
        answer = Answer(status=200, body=body, headers={"Content-Type": "application/json"})
        self._stand_in.fail_next(answer)
        with pytest.raises(PullsUnknownError, match="another table"):
            list(self.pulls().within(DAY))

    def test_more_than_can_be_read_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Rather than the first of it taken for all."""
        monkeypatch.setattr(pull_log, "MAX_ROWS", 3)
        for number in range(4):
            self.log(f"shop-{number}", digest=DIGEST)
        with pytest.raises(PullsUnknownError, match="more than 3"):
            list(self.pulls().within(DAY))

    def test_the_query_is_the_same_whatever_is_asked(self) -> None:
        """Only the span of time differs, and that is a member of its own."""
        for days in (1, 30):
            list(self.pulls().within(days * DAY))
        first, second = self._stand_in.bodies
        assert first["query"] == second["query"] == pull_log.QUERY
        assert (first["timespan"], second["timespan"]) == ("PT86400.0S", "PT2592000.0S")
