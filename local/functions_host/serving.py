"""All that runs while the host is up: the web server, a listener a queue function, the timers."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec
import uvicorn

from local.functions_host.connections import queue_service
from local.functions_host.hostjson import HostOptions, read_host_options
from local.functions_host.index import IndexedFunction, QueueTrigger, TimerTrigger
from local.functions_host.invocation import Worker
from local.functions_host.outputs import Execution, OutputQueues, open_outputs
from local.functions_host.queues import QueueListener, Queues, open_queues
from local.functions_host.routes import Route, build_routes
from local.functions_host.settings import setting
from local.functions_host.timers import Timer, parse_schedule
from local.functions_host.web import Keys, WebApp

logger = logging.getLogger(__name__)

FUNCTION_KEY_SETTING: Final = "LOCAL_FUNCTION_KEY"
MASTER_KEY_SETTING: Final = "LOCAL_MASTER_KEY"

_STORAGE_THREADS_PER_QUEUE: Final = 4


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What an app asks for, with every name in it resolved."""

    script_root: Path
    functions: tuple[IndexedFunction, ...]
    options: HostOptions
    routes: list[Route]
    keys: Keys
    triggers: list[tuple[IndexedFunction, Queues]]
    outputs: OutputQueues


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended: a worker lost to functionTimeout, work cut off by the end of the grace."""

    worker_lost: bool
    work_left: bool


def plan_app(script_root: Path, functions: tuple[IndexedFunction, ...]) -> Plan:
    """Resolve routes, settings and connections of an app.

    Raises:
        HostError: host.json, a route or a connection is wrong.
    """
    options = read_host_options(script_root)
    for function in functions:
        if isinstance(function.trigger, TimerTrigger):
            parse_schedule(function.trigger.schedule)
    return Plan(
        script_root=script_root,
        functions=functions,
        options=options,
        routes=build_routes(functions, options.route_prefix),
        keys=Keys(function=setting(FUNCTION_KEY_SETTING), master=setting(MASTER_KEY_SETTING)),
        triggers=[
            (function, open_queues(queue_service(trigger.connection), trigger.queue))
            for function in functions
            if isinstance(trigger := function.trigger, QueueTrigger)
        ],
        outputs=open_outputs(functions),
    )


async def serve(
    plan: Plan,
    listening: socket.socket,
    stopping: asyncio.Event,
    *,
    lease_seconds: int,
    grace_seconds: float,
) -> Ending:
    """Serve until told to stop or a worker is lost; then drain for `grace_seconds` at most."""
    with _storage_threads(len(plan.triggers)) as threads, _worker(plan) as worker:
        execution = Execution(
            worker=worker,
            storage_threads=threads,
            message_encoding=plan.options.queues.message_encoding,
            queues=plan.outputs,
        )
        timers = [
            Timer(function, trigger, execution.run)
            for function in plan.functions
            if isinstance(trigger := function.trigger, TimerTrigger)
        ]
        app = WebApp(plan.routes, plan.keys, execution.run, timers)
        server = _web_server(app, grace_seconds)
        work = {asyncio.create_task(server.serve(sockets=[listening]))}
        work |= {asyncio.create_task(timer.keep_time(stopping)) for timer in timers}
        for function, queues in plan.triggers:
            listener = QueueListener(
                function,
                queues,
                plan.options.queues,
                lease_seconds=lease_seconds,
                execute=execution.run,
                storage_threads=threads,
            )
            work.add(asyncio.create_task(listener.listen(stopping)))
        ends = {asyncio.create_task(event.wait()) for event in (stopping, worker.lost)}
        await asyncio.wait({*work, *ends}, return_when=asyncio.FIRST_COMPLETED)
        stopping.set()
        server.should_exit = True
        ended, left = await asyncio.wait(work, timeout=grace_seconds)
        for task in (*left, *ends):
            task.cancel()
        await asyncio.gather(*left, *ends, return_exceptions=True)
        for task in ended:
            task.result()
        if left:
            logger.warning("work.left tasks=%d grace_seconds=%s", len(left), grace_seconds)
        return Ending(worker_lost=worker.lost.is_set(), work_left=bool(left))


@contextlib.contextmanager
def _storage_threads(triggers: int) -> Iterator[Executor]:
    threads = ThreadPoolExecutor(
        _STORAGE_THREADS_PER_QUEUE * (triggers + 1), thread_name_prefix="storage"
    )
    try:
        yield threads
    finally:
        threads.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _worker(plan: Plan) -> Iterator[Worker]:
    worker = Worker(
        function_timeout=plan.options.function_timeout, script_root=str(plan.script_root)
    )
    try:
        yield worker
    finally:
        worker.close()


def _web_server(app: WebApp, grace_seconds: float) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=max(1, round(grace_seconds)),
        )
    )
