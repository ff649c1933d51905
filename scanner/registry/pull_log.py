"""Pulls as Log Analytics has them: table ContainerRegistryRepositoryEvents of a workspace.

The query never changes. What varies is how far it looks back, which is a parameter of the request,
and whose pulls are ours, which is decided here. (Columns: the table's page in the Azure Monitor
reference.)
"""

import base64
import binascii
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from azure.core.exceptions import AzureError
from azure.monitor.query import LogsQueryClient, LogsQueryResult, LogsTable

from scanner.errors import PullsUnknownError
from scanner.ports import Pull
from scanner.text import visible

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

logger = logging.getLogger(__name__)

PUBLIC_CLOUD: Final = "https://api.loganalytics.io"
MAX_ROWS: Final = 100_000
"""Some 30 MB of answer. The service itself ends at 500,000 rows."""
QUERY: Final = """\
ContainerRegistryRepositoryEvents
| where OperationName =~ "Pull"
| distinct LoginServer, Repository, Tag, Digest, Identity, ResultType, ResultDescription
| take 100001"""
_COLUMNS: Final = (
    "LoginServer",
    "Repository",
    "Tag",
    "Digest",
    "Identity",
    "ResultType",
    "ResultDescription",
)
_SERVER_SECONDS, _CONNECT_SECONDS, _READ_SECONDS = 60, 10, 80
_FAILED: Final = re.compile(r"\s*(?:[45]\d\d\b|fail|error|denied|unauthorized)", re.IGNORECASE)
"""Words that mark a pull as failed. How success is spelt nobody documents, so all else is one: an
image too many is looked at, and none too few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullLog:
    """The Pulls port on a Log Analytics workspace; needs Log Analytics Reader there."""

    credential: "TokenCredential" = field(repr=False)
    workspace: str
    """Its id, a UUID; the portal calls it Workspace ID, ARM customerId."""
    client_id: str | None
    """Of the identity that pulls for us, where that is not whose credential this is."""
    url: str = PUBLIC_CLOUD
    ca_file: Path | None = None

    def within(self, past: timedelta) -> Iterator[Pull]:
        """Yield what others pulled, each thing once.

        Raises PullsUnknownError: no answer, half an answer, or more than can be read.
        """
        table = self._ask(past)
        ours = self._own_names()
        seen = set()
        for untrusted_row in table.rows:
            text = {name: _text(untrusted_row[name]) for name in _COLUMNS}
            if text["Identity"].lower() in ours or _has_failed(text):
                continue
            pull = Pull(
                untrusted_host=text["LoginServer"],
                untrusted_repository=text["Repository"],
                untrusted_tag=text["Tag"],
                untrusted_digest=text["Digest"],
            )
            if pull not in seen:
                seen.add(pull)
                yield pull

    def _ask(self, past: timedelta) -> LogsTable:
        verify: Any = str(self.ca_file) if self.ca_file else True
        client = LogsQueryClient(
            self.credential,
            endpoint=self.url,
            connection_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retry_total=2,
            connection_verify=verify,
        )
        try:
            with client:
                answer = client.query_workspace(
                    self.workspace, QUERY, timespan=past, server_timeout=_SERVER_SECONDS
                )
        except AzureError as error:
            status = getattr(error, "status_code", None)
            told = f"HTTP {status}" if status else type(error).__name__
            raise PullsUnknownError(
                f"pulls are unknown: the workspace does not answer ({told}); the identity needs "
                "Log Analytics Reader on it, and the registry a diagnostic setting that sends "
                "ContainerRegistryRepositoryEvents there"
            ) from error
        if not isinstance(answer, LogsQueryResult):
            why = visible(str(answer.partial_error), 200)
            raise PullsUnknownError(f"pulls are unknown: the workspace knows some only ({why})")
        return _checked(answer)

    def _own_names(self) -> frozenset[str]:
        """Return how our own pulls may be named: the log has object ids or client ids."""
        token = self.credential.get_token(f"{self.url}/.default").token
        names = {self.client_id, *(_claims(token).get(name) for name in ("oid", "appid", "azp"))}
        return frozenset(name.lower() for name in names if isinstance(name, str) and name)


def _checked(answer: LogsQueryResult) -> LogsTable:
    if len(answer.tables) != 1 or not set(_COLUMNS) <= set(answer.tables[0].columns):
        raise PullsUnknownError("pulls are unknown: the workspace answers with another table")
    table = answer.tables[0]
    if len(table.rows) > MAX_ROWS:
        raise PullsUnknownError(
            f"pulls are unknown: there are more than {MAX_ROWS}; ask for fewer days"
        )
    return table


def _claims(token: str) -> dict[str, Any]:
    """Read what our own token says of us; of another's nothing is believed that way."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}
    return claims if isinstance(claims, dict) else {}


def _has_failed(row: dict[str, str]) -> bool:
    return any(_FAILED.match(row[name]) for name in ("ResultType", "ResultDescription"))


def _text(untrusted_value: object) -> str:
    return untrusted_value if isinstance(untrusted_value, str) else ""
