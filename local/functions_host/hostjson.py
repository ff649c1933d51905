"""host.json: what the host is told about routes, queues and time.

Names and defaults: "host.json reference for Azure Functions 2.x and later" and "Azure Queue
storage trigger and bindings", Microsoft Learn.
"""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from local.functions_host.errors import ConfigurationError

DEFAULT_FUNCTION_TIMEOUT: Final = "00:30:00"
_LARGEST_FILE_BYTES: Final = 1 << 20
_TIME_SPAN: Final = re.compile(r"(?:(\d{1,5})\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,7}))?")


class QueueOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`extensions.queues`: how queue triggers receive; times in seconds."""

    batch_size: int
    new_batch_threshold: int
    max_dequeue_count: int
    visibility_timeout: float
    max_polling_interval: float
    message_encoding: Literal["base64", "none"]


class HostOptions(msgspec.Struct, frozen=True, kw_only=True):
    """All of host.json that this host acts on; `function_timeout` in seconds, none for no limit."""

    route_prefix: str
    function_timeout: float | None
    queues: QueueOptions


class _HttpSection(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    route_prefix: str = "api"


class _QueuesSection(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    batch_size: Annotated[int, msgspec.Meta(ge=1, le=32)] = 16
    new_batch_threshold: Annotated[int, msgspec.Meta(ge=0)] | None = None
    max_dequeue_count: Annotated[int, msgspec.Meta(ge=1)] = 5
    visibility_timeout: str = "00:00:00"
    max_polling_interval: str = "00:01:00"
    message_encoding: Literal["base64", "none"] = "base64"


class _Extensions(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    http: _HttpSection = msgspec.field(default_factory=_HttpSection)
    queues: _QueuesSection = msgspec.field(default_factory=_QueuesSection)


class _HostJson(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    version: Literal["2.0"]
    function_timeout: str = DEFAULT_FUNCTION_TIMEOUT
    extensions: _Extensions = msgspec.field(default_factory=_Extensions)
    # These steer the real host's own logs, telemetry and extension downloads: nothing to do here.
    extension_bundle: dict[str, Any] = {}
    logging: dict[str, Any] = {}
    telemetry_mode: str = ""


def read_host_options(script_root: Path) -> HostOptions:
    """Read host.json in the app's root.

    Raises:
        ConfigurationError: It is missing, malformed, or says something this host does not know.
    """
    path = script_root / "host.json"
    try:
        with path.open("rb") as file:
            untrusted_text = file.read(_LARGEST_FILE_BYTES)
        said = msgspec.json.decode(untrusted_text, type=_HostJson)
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    queues = said.extensions.queues
    threshold = queues.new_batch_threshold
    if threshold is None:
        threshold = queues.batch_size // 2 * (os.cpu_count() or 1)
    return HostOptions(
        route_prefix=said.extensions.http.route_prefix.strip("/"),
        function_timeout=_timeout_seconds(said.function_timeout),
        queues=QueueOptions(
            batch_size=queues.batch_size,
            new_batch_threshold=threshold,
            max_dequeue_count=queues.max_dequeue_count,
            visibility_timeout=_seconds(queues.visibility_timeout, "visibilityTimeout"),
            max_polling_interval=_seconds(queues.max_polling_interval, "maxPollingInterval"),
            message_encoding=queues.message_encoding,
        ),
    )


def _timeout_seconds(text: str) -> float | None:
    return None if text == "-1" else _seconds(text, "functionTimeout")


def _seconds(text: str, name: str) -> float:
    match = _TIME_SPAN.fullmatch(text)
    if match is None:
        raise ConfigurationError(f"host.json: {name}: {text!r} is not a time as [d.]hh:mm:ss")
    days, hours, minutes, seconds, fraction = match.groups(default="0")
    whole = timedelta(
        days=int(days), hours=int(hours), minutes=int(minutes), seconds=int(seconds)
    ).total_seconds()
    return whole + float(f"0.{fraction}")
