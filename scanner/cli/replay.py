"""`pushscan replay`: post recorded webhook payloads to a running app."""

import ipaddress
import json as json_format
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

import typer

from scanner import settings
from scanner.cli.screen import Part, Screen, print_json, progress, shown
from scanner.errors import InvalidMessageError, PushscanError, SettingsError
from scanner.events import MAX_BODY_BYTES
from scanner.settings import ReplaySettings
from scanner.strict_json import parse_object

WEBHOOK_PATH: Final = "/api/acr/webhook"
_SECONDS = 30.0
_CONNECT_SECONDS = 5.0
_STATUS_WIDTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the app said to one payload; no status means that no answer came."""

    payload: Path
    status: int | None
    untrusted_body: Mapping[str, object]

    @property
    def is_accepted(self) -> bool:
        """Whether the app took the payload."""
        return self.status is not None and HTTPStatus(200) <= self.status < HTTPStatus(300)


def replay(
    payloads: Annotated[
        list[Path],
        typer.Argument(exists=True, dir_okay=False, readable=True, help="Files of recorded JSON."),
    ],
    *,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The app, e.g. http://127.0.0.1:7071; without a path the webhook's is taken. "
            "Default: PUSHSCAN_URL.",
        ),
    ] = None,
    registry: Annotated[
        str | None,
        typer.Option(
            metavar="HOST",
            help="Write this login server into the payloads: recorded ones name another.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Post recorded webhook payloads to a running app.

    The secret is read from PUSHSCAN_WEBHOOK_SECRET. PUSHSCAN_CA_FILE says which CA to trust for
    https; plain http is spoken to this machine only, because the secret travels with each payload.
    """
    given = settings.load_replay()
    if not (target := to or given.url):
        raise SettingsError("say where the app is: --to URL or PUSHSCAN_URL")
    url = _webhook(target)
    bodies = {payload: _body(payload, registry) for payload in payloads}
    screen, answers = Screen(), []
    for payload, body in bodies.items():
        with progress(f"posting {payload.name}"):
            answer = _post(payload, body, url, given)
        answers.append(answer)
        if not json:
            _print_answer(screen, answer)
    if json:
        print_json([_entry(answer) for answer in answers])
    if not all(answer.is_accepted for answer in answers):
        raise typer.Exit(1)


def _webhook(url: str) -> str:
    parts = urlsplit(url)
    try:
        is_http = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_http = False
    if not is_http or parts.username or parts.fragment:
        raise SettingsError("the app's URL is not http(s)://host[:port][/path]")
    if parts.scheme == "http" and not _is_this_machine(parts):
        raise SettingsError("the app's URL must be https: http would show the secret on the way")
    return parts._replace(path=WEBHOOK_PATH).geturl() if parts.path in {"", "/"} else url


def _is_this_machine(parts: SplitResult) -> bool:
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"


def _body(payload: Path, registry: str | None) -> bytes:
    """Return the bytes to post: those of the file, but for the registry that they name."""
    with payload.open("rb") as file:
        body = file.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise PushscanError(f"{payload} is larger than the {MAX_BODY_BYTES} bytes that are taken")
    if registry is None:
        return body
    try:
        event = parse_object(body, max_bytes=MAX_BODY_BYTES)
    except InvalidMessageError as error:
        raise PushscanError(
            f"{payload}: {error}; without --registry it is posted as it is"
        ) from error
    # A ping names no registry; whatever else is missing, the app will say.
    if isinstance(event.get("request"), dict):
        event["request"]["host"] = registry
    return json_format.dumps(event).encode()


def _post(payload: Path, body: bytes, url: str, given: ReplaySettings) -> Answer:
    import urllib3  # noqa: PLC0415  the other commands do not need it

    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {given.secret}"}
    tls = ssl.create_default_context(cafile=given.ca_file)
    deadline = time.monotonic() + _SECONDS
    try:
        with urllib3.PoolManager(ssl_context=tls) as pools:
            response = pools.request(
                "POST",
                url,
                body=body,
                headers=headers,
                # The secret goes to the named host and to no other.
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_SECONDS),
                preload_content=False,
            )
            answered = b""
            while len(answered) <= MAX_BODY_BYTES and (part := response.read1(MAX_BODY_BYTES)):
                answered += part
                if time.monotonic() > deadline:
                    return _unanswered(payload, "the answer did not end")
    except urllib3.exceptions.HTTPError as error:
        return _unanswered(payload, f"no answer: {_cause(error)}")
    return Answer(payload=payload, status=response.status, untrusted_body=_parsed(answered))


def _unanswered(payload: Path, why: str) -> Answer:
    return Answer(payload=payload, status=None, untrusted_body={"error": why})


def _cause(error: BaseException) -> str:
    """Name the first cause: urllib3's own messages hold the URL, and with it perhaps a key."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{error.verify_message} (set PUSHSCAN_CA_FILE to the CA's certificates)"
    reason = error.strerror if isinstance(error, OSError) else None
    return reason or type(error).__name__


def _parsed(untrusted_body: bytes) -> Mapping[str, object]:
    try:
        return parse_object(untrusted_body, max_bytes=MAX_BODY_BYTES)
    except InvalidMessageError:
        return {}


def _text(answer: Answer, member: str) -> str | None:
    value = answer.untrusted_body.get(member)
    return shown(value) if isinstance(value, str) else None


def _print_answer(screen: Screen, answer: Answer) -> None:
    style = "green" if answer.is_accepted else "bold red"
    screen.line(
        shown(str(answer.payload)),
        *_outcome(answer),
        label=(f"{_named(answer.status):<{_STATUS_WIDTH}} ", style),
    )


def _named(status: int | None) -> str:
    if status is None:
        return "failed"
    known = {entry.value: entry.phrase for entry in HTTPStatus}
    return f"{status} {known.get(status, '')}".rstrip()


def _outcome(answer: Answer) -> list[Part]:
    for member in ("job", "ignored", "error"):
        if text := _text(answer, member):
            return [f"  {member} {text}"]
    return []


def _entry(answer: Answer) -> dict[str, str | int | None]:
    return {
        "payload": str(answer.payload),
        "status": answer.status,
        "job": _text(answer, "job"),
        "ignored": _text(answer, "ignored"),
        "error": _text(answer, "error"),
    }
