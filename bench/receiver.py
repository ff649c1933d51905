"""The webhook receiver beside a bare loop that sends to the same storage queue."""

import contextlib
import http.client
import json
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from azure.storage.queue import QueueClient

from bench.rounds import MeasurementError, in_turns, percentile
from bench.rows import Row, at_least
from local.acr import Stall
from local.stack import Stack
from scanner.wiring import JOB_QUEUE

PUSHES: Final = 1000
CLIENTS: Final = 8
_LOAD: Final = f"{PUSHES:,} pushes, {CLIENTS} clients"
_ROUNDS: Final = 5
_WARM_UP: Final = 25 * CLIENTS
_PEER: Final = "QueueClient.send_message"
_PEER_QUEUE: Final = "bench-peer"
_TIMEOUT_SECONDS: Final = 30.0
_WORKER_PAUSE_SECONDS: Final = 2.0
_MILLISECONDS: Final = 1000

Send = Callable[[bytes], None]
Connect = Callable[[], contextlib.AbstractContextManager[Send]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Burst:
    """What 8 clients saw."""

    latencies: list[float]
    """Seconds, one a push."""
    per_second: float


def measure(home: Path, advisories: Path) -> list[Row]:
    """Send 1,000 pushes to each side. Raises MeasurementError if one is not taken."""
    with Stack(home, advisories=advisories) as stack:
        _keep_worker_waiting(stack)
        queue = QueueClient.from_connection_string(stack.azurite.connection_string, _PEER_QUEUE)
        with queue:
            queue.create_queue()
        sides: dict[str, Connect] = {
            "ours": partial(_webhook, stack),
            "peer": partial(_bare, stack),
        }
        for connect in sides.values():
            _burst(stack, connect, _WARM_UP, 0)
        measured = in_turns(
            _ROUNDS,
            {
                name: partial(_burst, stack, connect, PUSHES // _ROUNDS)
                for name, connect in sides.items()
            },
        )
        _check_all_queued(stack)
        stack.registry.faults.clear()
    return _rows(measured["ours"], measured["peer"])


def _rows(ours: list[_Burst], peer: list[_Burst]) -> list[Row]:
    def latency(bursts: list[_Burst], percent: float) -> float:
        seconds = [second for burst in bursts for second in burst.latencies]
        return percentile(seconds, percent) * _MILLISECONDS

    return [
        *(
            Row(
                name=f"Receiver, {_LOAD}: p{percent}",
                unit="ms",
                ours=latency(ours, percent),
                peer=latency(peer, percent),
                peer_name=_PEER,
            )
            for percent in (50, 99)
        ),
        Row(
            name=f"Receiver, {_LOAD}: throughput",
            unit="/s",
            ours=statistics.median(burst.per_second for burst in ours),
            peer=statistics.median(burst.per_second for burst in peer),
            peer_name=_PEER,
            goal=at_least(0.5),
        ),
    ]


def _keep_worker_waiting(stack: Stack) -> None:
    """Let each job wait for its manifest, so that the processors are the receiver's.

    The worker would otherwise work off the backlog while the peer is measured.
    """
    stack.registry.fail_next(
        Stall(seconds=_WORKER_PAUSE_SECONDS), path=r"/v2/.*/manifests/.*", times=PUSHES
    )


def _burst(stack: Stack, connect: Connect, count: int, _round: int) -> _Burst:
    registry = stack.registry.login_server
    shares = [[_event(registry) for _ in range(count // CLIENTS)] for _ in range(CLIENTS)]

    def client(events: list[bytes]) -> list[float]:
        with connect() as send:
            return [_timed(send, event) for event in events]

    with ThreadPoolExecutor(CLIENTS) as clients:
        began = time.monotonic()
        latencies = [seconds for share in clients.map(client, shares) for seconds in share]
        taken = time.monotonic() - began
    return _Burst(latencies=latencies, per_second=len(latencies) / taken)


def _timed(send: Send, event: bytes) -> float:
    began = time.monotonic()
    send(event)
    return time.monotonic() - began


@contextlib.contextmanager
def _webhook(stack: Stack) -> Iterator[Send]:
    secret = stack.environment()["PUSHSCAN_WEBHOOK_SECRET"]
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    address = urlsplit(stack.url).netloc
    with contextlib.closing(
        http.client.HTTPConnection(address, timeout=_TIMEOUT_SECONDS)
    ) as connection:

        def send(event: bytes) -> None:
            connection.request("POST", "/api/acr/webhook", event, headers)
            with connection.getresponse() as answer:
                answer.read()
                if answer.status != HTTPStatus.ACCEPTED:
                    raise MeasurementError(f"the receiver answered {answer.status}")

        yield send


@contextlib.contextmanager
def _bare(stack: Stack) -> Iterator[Send]:
    connection = stack.azurite.connection_string
    with QueueClient.from_connection_string(connection, _PEER_QUEUE) as queue:

        def send(event: bytes) -> None:
            queue.send_message(event.decode(), time_to_live=-1)

        yield send


def _event(registry: str) -> bytes:
    digest = f"sha256:{uuid.uuid4().hex}{uuid.uuid4().hex}"
    event = {
        "id": str(uuid.uuid4()),
        "timestamp": datetime.now(UTC).isoformat(),
        "action": "push",
        "target": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "size": 1234,
            "digest": digest,
            "length": 1234,
            "repository": "bench/receiver",
            "tag": "v1",
        },
        "request": {"id": str(uuid.uuid4()), "host": registry, "method": "PUT"},
    }
    return json.dumps(event, separators=(",", ":")).encode()


def _check_all_queued(stack: Stack) -> None:
    """Make sure that what was acknowledged is there, but for what the worker has taken by now."""
    connection = stack.azurite.connection_string
    with QueueClient.from_connection_string(connection, JOB_QUEUE) as queue:
        waiting = queue.get_queue_properties().approximate_message_count or 0
        queue.clear_messages()
    taken = len(stack.registry.requests.matching(path=r"/v2/.*/manifests/.*"))
    if waiting + taken < PUSHES:
        raise MeasurementError(f"{PUSHES} pushes were taken, but {waiting} wait in the queue")
