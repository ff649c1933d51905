"""Log Analytics over TLS on localhost: one workspace, one table, and the few operators it needs.

A query is carried out line by line, so that one which asks for something else gets something else;
a line that is not understood is refused, as the service refuses what is no Kusto.
"""

import base64
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.acr.faults import Fault, FaultScript, Faulty
from local.acr.journal import Journaled, RequestJournal
from local.acr.listener import Listener
from local.certificates import Certificates

TABLE: Final = "ContainerRegistryRepositoryEvents"
_WHERE: Final = re.compile(r"\| where (\w+) =~ \"([^\"]*)\"")
_DISTINCT: Final = re.compile(r"\| distinct ([\w, ]+)")
_TAKE: Final = re.compile(r"\| take (\d+)")
_SPAN: Final = re.compile(r"PT(\d+(?:\.\d+)?)S")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """One row of the table, by the names of its columns."""

    LoginServer: str
    Repository: str
    Tag: str = ""
    Digest: str = ""
    OperationName: str = "Pull"
    Identity: str = "11111111-2222-3333-4444-555555555555"
    ResultType: str = "HttpStatusCode"
    ResultDescription: str = "200"
    TimeGenerated: datetime = field(default_factory=lambda: datetime.now(UTC))


class LogsStandIn:
    """The query API with one workspace.

    Args:
        workspace: Its id.
        certificates: The authority that clients must trust, and the server's certificate.
        object_id: Whom the token that opens it is for.
    """

    def __init__(self, workspace: str, certificates: Certificates, *, object_id: str) -> None:
        self._path = f"/v1/workspaces/{workspace}/query"
        self._listener = Listener(0, certificates)
        self.url = f"https://{self._listener.host}"
        claims = base64.urlsafe_b64encode(json.dumps({"oid": object_id}).encode()).decode()
        self.token = f"e30.{claims.rstrip('=')}.{secrets.token_urlsafe(24)}"
        """The one bearer token that opens it."""
        self.events: list[LoggedEvent] = []
        self.partial_error: dict[str, Any] | None = None
        """Told beside the rows, with the status 200: how the service says that some are missing."""
        self.bodies: list[dict[str, Any]] = []
        """What was asked, in the order of the requests."""
        self.requests = RequestJournal()
        self.faults = FaultScript()

    def __enter__(self) -> Self:
        application = Starlette(routes=[Route(self._path, self._answer, methods=["POST"])])
        host = self._listener.host
        self._listener.start(Journaled(Faulty(application, self.faults, host), self.requests, host))
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._listener.stop()

    def fail_next(self, fault: Fault, *, times: int = 1) -> None:
        """Let the next requests go wrong."""
        self.faults.plan(fault, method=".*", path=".*", host=".*", times=times)

    async def _answer(self, request: Request) -> JSONResponse:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _refuse(401, "InvalidTokenError")
        body = await request.json()
        self.bodies.append(body)
        span = _SPAN.fullmatch(body.get("timespan") or "")
        if span is None:
            return _refuse(400, "BadArgumentError")
        since = datetime.now(UTC) - timedelta(seconds=float(span[1]))
        events = [asdict(event) for event in self.events if event.TimeGenerated >= since]
        try:
            columns, rows = _carried_out(body["query"], events)
        except ValueError:
            return _refuse(400, "SyntaxError")
        table = {
            "name": "PrimaryResult",
            "columns": [{"name": name, "type": "string"} for name in columns],
            "rows": [[str(row[name]) for name in columns] for row in rows],
        }
        told = {"error": self.partial_error} if self.partial_error else {}
        return JSONResponse({"tables": [table], **told})


def _carried_out(query: str, rows: Sequence[Row]) -> tuple[list[str], Sequence[Row]]:
    table, *lines = query.splitlines()
    if table != TABLE:
        raise ValueError(table)
    columns = list(LoggedEvent.__dataclass_fields__)
    for line in lines:
        if where := _WHERE.fullmatch(line):
            rows = [row for row in rows if str(row[where[1]]).lower() == where[2].lower()]
        elif distinct := _DISTINCT.fullmatch(line):
            columns = distinct[1].split(", ")
            rows = list({tuple(row[name] for name in columns): row for row in rows}.values())
        elif take := _TAKE.fullmatch(line):
            rows = rows[: int(take[1])]
        else:
            raise ValueError(line)
    return columns, rows


def _refuse(status: int, code: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": code}}, status)
