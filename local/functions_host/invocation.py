"""Run one function: `def` in a thread, `async def` on the loop, each under functionTimeout."""

import asyncio
import logging
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec

from local.functions_host.bindings import Arrival, Out, trigger_argument
from local.functions_host.errors import InvocationError, WorkerLostError
from local.functions_host.index import IndexedFunction

logger = logging.getLogger(__name__)

# The real host's number when PYTHON_THREADPOOL_THREAD_COUNT is unset; host.json limits the rest.
_THREADS: Final = 1000

_thread_local_storage = threading.local()


class TraceContext(msgspec.Struct, frozen=True, kw_only=True):
    """No distributed tracing here, so its fields are empty."""

    trace_parent: str = ""
    trace_state: str = ""
    attributes: dict[str, str] = {}


class RetryContext(msgspec.Struct, frozen=True, kw_only=True):
    """The host itself retries nothing; queues do."""

    retry_count: int = 0
    max_retry_count: int = 0
    exception: object = None


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What a parameter named `context` gets; the fields of azure.functions.Context."""

    invocation_id: str
    function_name: str
    function_directory: str
    thread_local_storage: threading.local
    trace_context: TraceContext
    retry_context: RetryContext


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a function that succeeded left behind; outputs by parameter, `$return` included."""

    returned: object
    outputs: dict[str, object]


class Worker:
    """Runs functions as the worker process does; lost for good when one exceeds its time.

    Attributes:
        lost: Set once an invocation exceeded functionTimeout.
    """

    def __init__(self, *, function_timeout: float | None, script_root: str) -> None:
        """Run functions for `function_timeout` seconds at most; must be built on the loop."""
        self.lost = asyncio.Event()
        self._function_timeout = function_timeout
        self._script_root = script_root
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="function")

    async def run(self, function: IndexedFunction, arrival: Arrival) -> Outcome:
        """Run a function to its end.

        Raises:
            InvocationError: It raised, or returned what no binding takes.
            WorkerLostError: It, or another one beside it, exceeded functionTimeout.
        """
        invocation_id = str(uuid.uuid4())
        running = asyncio.ensure_future(self._call(function, arrival, invocation_id))
        lost = asyncio.ensure_future(self.lost.wait())
        try:
            await asyncio.wait(
                {running, lost},
                timeout=self._function_timeout,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            lost.cancel()
            if not running.done():
                running.cancel()
        if self.lost.is_set():
            raise WorkerLostError(f"{function.name}: the worker was lost")
        if not running.done():
            logger.critical(
                "function.timed_out function=%s invocation=%s seconds=%s",
                function.name,
                invocation_id,
                self._function_timeout,
            )
            self.lost.set()
            raise WorkerLostError(f"{function.name}: exceeded functionTimeout")
        if error := running.exception():
            logger.error(
                "function.failed function=%s invocation=%s",
                function.name,
                invocation_id,
                exc_info=error,
            )
            raise InvocationError(f"{function.name}: {type(error).__name__}") from error
        return running.result()

    def close(self) -> None:
        """Start nothing more; threads that still run go on to their end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _call(
        self, function: IndexedFunction, arrival: Arrival, invocation_id: str
    ) -> Outcome:
        outs = {out.parameter: Out() for out in function.queue_outputs if out.parameter[0] != "$"}
        arguments: dict[str, object] = {
            function.trigger.parameter: trigger_argument(function, arrival),
            **outs,
        }
        if function.wants_context:
            arguments["context"] = self._context(function, invocation_id)
        if function.is_async:
            returned = await function.call(**arguments)
        else:
            returned = await asyncio.get_running_loop().run_in_executor(
                self._threads, _run_in_thread, function, arguments, invocation_id
            )
        if returned is not None and not function.returns:
            raise InvocationError(f"{function.name}: returned a value without a $return binding")
        outputs = {name: value for name, out in outs.items() if (value := out.get()) is not None}
        if returned is not None and not function.returns_http:
            outputs["$return"] = returned
        return Outcome(returned=returned, outputs=outputs)

    def _context(self, function: IndexedFunction, invocation_id: str) -> Context:
        return Context(
            invocation_id=invocation_id,
            function_name=function.name,
            function_directory=self._script_root,
            thread_local_storage=_thread_local_storage,
            trace_context=TraceContext(),
            retry_context=RetryContext(),
        )


def _run_in_thread(
    function: IndexedFunction, arguments: dict[str, object], invocation_id: str
) -> object:
    _thread_local_storage.invocation_id = invocation_id
    try:
        return function.call(**arguments)
    finally:
        _thread_local_storage.invocation_id = None
