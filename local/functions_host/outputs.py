"""Queue outputs: written after a function has succeeded, and before its trigger is settled."""

import asyncio
import base64
from concurrent.futures import Executor

import msgspec
from azure.core.exceptions import AzureError
from azure.storage.queue import QueueClient

from local.functions_host.bindings import Arrival, queue_texts
from local.functions_host.connections import queue_service
from local.functions_host.errors import InvocationError, UnsupportedError
from local.functions_host.index import IndexedFunction
from local.functions_host.invocation import Worker
from local.functions_host.lease import send_to

OutputQueues = dict[tuple[str, str], QueueClient]


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """A function run to its end with all that it writes; built by `open_outputs`."""

    worker: Worker
    storage_threads: Executor
    message_encoding: str
    queues: OutputQueues

    async def run(self, function: IndexedFunction, arrival: Arrival) -> object:
        """Run a function and write its outputs; return what it returned.

        Raises:
            InvocationError: It failed, or one of its outputs could not be written.
        """
        outcome = await self.worker.run(function, arrival)
        for parameter, value in outcome.outputs.items():
            try:
                await asyncio.get_running_loop().run_in_executor(
                    self.storage_threads, self._write, self.queues[function.name, parameter], value
                )
            except (AzureError, UnsupportedError) as error:
                raise InvocationError(f"{function.name}: {parameter}: {error}") from error
        return outcome.returned

    def _write(self, queue: QueueClient, value: object) -> None:
        for text in queue_texts(value):
            if self.message_encoding == "base64":
                send_to(queue, base64.b64encode(text.encode()).decode())
            else:
                send_to(queue, text)


def open_outputs(
    functions: tuple[IndexedFunction, ...],
) -> OutputQueues:
    """Open a client for each queue output, by function and parameter.

    Raises:
        ConfigurationError: A connection is not set.
    """
    return {
        (function.name, out.parameter): queue_service(out.connection).get_queue_client(out.queue)
        for function in functions
        for out in function.queue_outputs
    }
