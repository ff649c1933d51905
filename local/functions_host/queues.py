"""Queue triggers: poll, run, renew, settle, by the rules of the storage queue extension.

Source: azure-sdk-for-net, Microsoft.Azure.WebJobs.Extensions.Storage.Queues (QueueListener,
QueueProcessor). Success deletes; failure releases after `visibilityTimeout`, or moves to
`<queue>-poison` at `maxDequeueCount`; a count above that, or undecodable base64, goes there without
running. A queue named `*-poison` has none: its failures stay hidden for the rest of the lease.
"""

import asyncio
import base64
import binascii
import logging
import random
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

import msgspec
from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.functions.meta import Datum
from azure.storage.queue import QueueClient, QueueMessage, QueueServiceClient

from local.functions_host.bindings import Arrival, Execute
from local.functions_host.errors import InvocationError
from local.functions_host.hostjson import QueueOptions
from local.functions_host.index import IndexedFunction
from local.functions_host.lease import Lease

logger = logging.getLogger(__name__)

POISON_SUFFIX: Final = "-poison"
_LONGEST_QUEUE_NAME: Final = 63
_SHORTEST_PAUSE_SECONDS: Final = 0.1

Result = TypeVar("Result")


class Backoff:
    """Randomised exponential pauses between empty polls, from 100 ms to a maximum."""

    def __init__(self, longest_seconds: float) -> None:
        """Pause for `longest_seconds` at most."""
        self._longest = longest_seconds
        self._exponent = 0

    def reset(self) -> None:
        """Start over: something was received."""
        self._exponent = 0

    def next_pause(self) -> float:
        """Return the seconds to wait after one more empty poll."""
        self._exponent = min(self._exponent + 1, 32)
        spread = _SHORTEST_PAUSE_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - no secret in it
        pause = _SHORTEST_PAUSE_SECONDS + spread * (float(2**self._exponent) - 1)
        return min(pause, self._longest)


class Queues(msgspec.Struct, frozen=True, kw_only=True):
    """The queue that is listened to, and where its hopeless messages go."""

    source: QueueClient
    poison: QueueClient | None


def open_queues(service: QueueServiceClient, name: str) -> Queues:
    """Open a trigger's queue and its poison queue, if it can have one."""
    poison = name + POISON_SUFFIX
    may_have_one = not name.endswith(POISON_SUFFIX) and len(poison) <= _LONGEST_QUEUE_NAME
    return Queues(
        source=service.get_queue_client(name),
        poison=service.get_queue_client(poison) if may_have_one else None,
    )


class QueueListener:
    """Listens for one function."""

    def __init__(
        self,
        function: IndexedFunction,
        queues: Queues,
        options: QueueOptions,
        *,
        lease_seconds: int,
        execute: Execute,
        storage_threads: Executor,
    ) -> None:
        """Receive for `function`, which `execute` runs, under leases of `lease_seconds`."""
        self._function = function
        self._source = queues.source
        self._poison = queues.poison
        self._options = options
        self._lease_seconds = lease_seconds
        self._execute = execute
        self._storage_threads = storage_threads
        self._running: set[asyncio.Task[None]] = set()

    async def listen(self, stopping: asyncio.Event) -> None:
        """Poll until told to stop; then wait for what runs, but receive nothing more."""
        backoff = Backoff(self._options.max_polling_interval)
        stopped = asyncio.create_task(stopping.wait())
        try:
            while not stopping.is_set():
                messages = await self._receive()
                self._start(messages)
                if messages:
                    backoff.reset()
                    await self._wait_for_room(stopped)
                else:
                    await asyncio.wait({stopped}, timeout=backoff.next_pause())
            if self._running:
                await asyncio.wait(self._running)
        finally:
            stopped.cancel()
            for task in self._running:
                task.cancel()

    async def _receive(self) -> list[QueueMessage]:
        try:
            return await self._in_storage(
                lambda: list(
                    self._source.receive_messages(
                        max_messages=self._options.batch_size,
                        visibility_timeout=self._lease_seconds,
                    )
                )
            )
        except ResourceNotFoundError:
            # Polled on until it is there, as the real host does.
            return []
        except AzureError as error:
            logger.warning(
                "queue.unreadable queue=%s error=%s", self._source.queue_name, type(error).__name__
            )
            return []

    def _start(self, messages: list[QueueMessage]) -> None:
        for message in messages:
            lease = Lease(self._source, message, seconds=self._lease_seconds)
            task = asyncio.create_task(self._process(lease))
            self._running.add(task)
            task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("message.unsettled queue=%s", self._source.queue_name, exc_info=error)

    async def _wait_for_room(self, stopped: asyncio.Task[Literal[True]]) -> None:
        while len(self._running) > self._options.new_batch_threshold and not stopped.done():
            waited: set[asyncio.Task[Any]] = {*self._running, stopped}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            # The callbacks that take ended tasks off the set run in the loop's next round.
            await asyncio.sleep(0)

    async def _process(self, lease: Lease) -> None:
        if self._poison and (lease.message.dequeue_count or 0) > self._options.max_dequeue_count:
            await self._settle_as_poison(lease, self._poison)
            return
        try:
            arrival = arrival_of(lease.message, self._options.message_encoding)
        except ValueError:
            logger.exception("message.undecodable queue=%s", self._source.queue_name)
            if self._poison:
                await self._settle_as_poison(lease, self._poison)
            return
        if await self._run_under_lease(lease, arrival):
            await self._in_storage(lease.delete)
        else:
            await self._settle_failure(lease)

    async def _run_under_lease(self, lease: Lease, arrival: Arrival) -> bool:
        run: asyncio.Future[object] = asyncio.ensure_future(self._execute(self._function, arrival))
        try:
            while not (await asyncio.wait({run}, timeout=self._lease_seconds / 2))[0]:
                await self._in_storage(lease.renew)
        finally:
            if not run.done():
                run.cancel()
        try:
            run.result()
        except InvocationError:
            return False
        return True

    async def _settle_failure(self, lease: Lease) -> None:
        if self._poison is None:
            return
        if (lease.message.dequeue_count or 0) >= self._options.max_dequeue_count:
            await self._settle_as_poison(lease, self._poison)
        else:
            await self._in_storage(lambda: lease.release(self._options.visibility_timeout))

    async def _settle_as_poison(self, lease: Lease, poison: QueueClient) -> None:
        await self._in_storage(lambda: lease.move_to(poison))

    async def _in_storage(self, call: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._storage_threads, call)


def arrival_of(message: QueueMessage, encoding: str) -> Arrival:
    """Turn a received message into what sets a queue function off.

    Raises:
        ValueError: It was to be base64 and is not.
    """
    text = message.content
    if encoding == "base64":
        try:
            # .NET's Convert.FromBase64String ignores white space and nothing else.
            text = base64.b64decode("".join(text.split()), validate=True).decode(errors="replace")
        except binascii.Error as error:
            raise ValueError(f"message {message.id} is not base64") from error
    return Arrival(
        data=Datum(text, "string"),
        metadata={
            "Id": Datum(message.id, "string"),
            # The worker library reads no TypedData of kind int; the converter makes it one again.
            "DequeueCount": Datum(str(message.dequeue_count), "string"),
            "PopReceipt": Datum(message.pop_receipt, "string"),
            "InsertionTime": _moment(message.inserted_on),
            "ExpirationTime": _moment(message.expires_on),
            "NextVisibleTime": _moment(message.next_visible_on),
        },
    )


def _moment(moment: datetime | None) -> Datum:
    return Datum(moment.isoformat(timespec="seconds") if moment else None, "string")
