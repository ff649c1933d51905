"""Azure Resource Manager by REST: GET with paging, patience for 429, and a deadline.

Plain HTTP and not azure-mgmt-containerregistry: see docs/adr/0016-arm-by-rest.md.
"""

import json
import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote, urlencode, urlsplit

import urllib3

from scanner.errors import InvalidMessageError, PostureError
from scanner.strict_json import parse_object
from scanner.text import visible

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

logger = logging.getLogger(__name__)

PUBLIC_CLOUD: Final = "https://management.azure.com"
MAX_PAGE_BYTES: Final = 8 * 1024 * 1024
MAX_PAGES: Final = 100
MAX_ATTEMPTS: Final = 4
MAX_RETRY_AFTER_SECONDS: Final = 30.0
DEADLINE_SECONDS: Final = 300.0
"""For one reader: a subscription with hundreds of registries takes several."""
CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 20.0
_CHUNK_BYTES: Final = 64 * 1024
_PASSING: Final = {429, 500, 502, 503, 504}


class ArmRefusalError(PostureError):
    """Raised when ARM did not answer with what was asked for; `code` is ARM's own word."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Where time comes from; tests bring their own."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(slots=True, kw_only=True)
class Arm:
    """One session with ARM; it ends when its deadline does. A context manager."""

    credential: "TokenCredential" = field(repr=False)
    url: str = PUBLIC_CLOUD
    ca_file: Path | None = None
    clock: Clock = Clock()
    deadline_seconds: float = DEADLINE_SECONDS
    _pool: urllib3.HTTPSConnectionPool = field(init=False, repr=False)
    _ends_at: float = field(init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        self._pool = urllib3.HTTPSConnectionPool(
            parts.hostname or "",
            parts.port,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            retries=False,
            headers={"Accept": "application/json", "User-Agent": "pushscan"},
            ssl_context=ssl.create_default_context(cafile=self.ca_file),
        )
        self._ends_at = self.clock.monotonic() + self.deadline_seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._pool.close()

    def get(self, path: str, api_version: str) -> dict[str, Any]:
        """Return one JSON object. Raises ArmRefusalError."""
        return self._ask("GET", _target(path, api_version))

    def post(self, path: str, api_version: str) -> dict[str, Any]:
        """Ask an action that only reads. Raises ArmRefusalError."""
        return self._ask("POST", _target(path, api_version))

    def get_all(self, path: str, api_version: str, *, where: str = "") -> list[Any]:
        """Return the entries of all pages of a list, filtered by OData. Raises ArmRefusalError."""
        return self._pages("GET", path, _target(path, api_version, where))

    def post_all(self, path: str, api_version: str) -> list[Any]:
        """Like get_all, for lists that ARM gives to POST."""
        return self._pages("POST", path, _target(path, api_version))

    def _pages(self, method: str, path: str, target: str) -> list[Any]:
        entries: list[Any] = []
        for _ in range(MAX_PAGES):
            page = self._ask(method, target)
            listed = page.get("value")
            if not isinstance(listed, list):
                raise ArmRefusalError(f"{path}: answered no list", code="NoList")
            entries += listed
            untrusted_link = page.get("nextLink") or page.get("@odata.nextLink")
            if not untrusted_link:
                return entries
            target = self._same_host(untrusted_link, path)
        raise ArmRefusalError(f"{path}: more than {MAX_PAGES} pages", code="TooManyPages")

    def _same_host(self, untrusted_link: object, path: str) -> str:
        """Return the target of a link; the token is for this very host and no other."""
        prefix = f"{self.url}/"
        if not isinstance(untrusted_link, str) or not untrusted_link.startswith(prefix):
            raise ArmRefusalError(f"{path}: the next page is on another host", code="ForeignLink")
        return untrusted_link.removeprefix(self.url).partition("#")[0]

    def _ask(self, method: str, target: str) -> dict[str, Any]:
        path = target.partition("?")[0]
        status, retry_after, body = self._once(method, target)
        for attempt in range(1, MAX_ATTEMPTS):
            delay = max(retry_after, 0.5 * 2**attempt)
            if status not in _PASSING or delay > self._remaining():
                break
            logger.info("arm.waiting status=%d seconds=%.1f path=%s", status, delay, path)
            self.clock.sleep(delay)
            status, retry_after, body = self._once(method, target)
        if status != HTTPStatus.OK:
            code = _code(body) or str(status)
            raise ArmRefusalError(f"{path}: ARM answered {status} {code}", code=code)
        try:
            return parse_object(body, max_bytes=MAX_PAGE_BYTES)
        except InvalidMessageError as error:
            raise ArmRefusalError(f"{path}: answered no JSON object", code="NoJson") from error

    def _once(self, method: str, target: str) -> tuple[int, float, bytes]:
        path = target.partition("?")[0]
        if not self._remaining():
            raise ArmRefusalError(f"{path}: no time is left", code="OutOfTime")
        try:
            with self._pool.urlopen(
                method,
                target,
                headers={**self._pool.headers, "Authorization": f"Bearer {self._token()}"},
                redirect=False,
                preload_content=False,
            ) as response:
                body = self._body(response, path)
                retry_after = _seconds(response.headers.get("Retry-After"))
                return response.status, retry_after, body
        except urllib3.exceptions.HTTPError as error:
            # No cause: its text holds the address, and nothing that helps.
            kind = type(error).__name__
            raise ArmRefusalError(f"{path}: ARM is out of reach: {kind}", code=kind) from None

    def _body(self, response: urllib3.BaseHTTPResponse, path: str) -> bytes:
        body = bytearray()
        while chunk := response.read(_CHUNK_BYTES):
            body += chunk
            if len(body) > MAX_PAGE_BYTES:
                raise ArmRefusalError(f"{path}: over {MAX_PAGE_BYTES} bytes", code="TooLarge")
            if not self._remaining():
                raise ArmRefusalError(f"{path}: no time is left", code="OutOfTime")
        return bytes(body)

    def _token(self) -> str:
        from azure.core.exceptions import AzureError  # noqa: PLC0415  loaded with the credential

        try:
            return self.credential.get_token("https://management.azure.com/.default").token
        except AzureError as error:
            raise PostureError("no token for Azure Resource Manager: sign in (az login)") from error

    def _remaining(self) -> float:
        return max(0.0, self._ends_at - self.clock.monotonic())


def _target(path: str, api_version: str, where: str = "") -> str:
    query = {"api-version": api_version, **({"$filter": where} if where else {})}
    return f"{quote(path)}?{urlencode(query)}"


def _code(untrusted_body: bytes) -> str:
    try:
        error = json.loads(untrusted_body)["error"]["code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return visible(error, 80) if isinstance(error, str) else ""


def _seconds(untrusted_header: str | None) -> float:
    text = (untrusted_header or "").strip()
    is_number = text.isascii() and text.isdigit() and len(text) < 6  # noqa: PLR2004  a day at most
    return min(float(text), MAX_RETRY_AFTER_SECONDS) if is_number else 0.0
