"""One worker process: the real functions of the edge, and what they find in their wiring."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, cast

import azure.functions as func

from function_app import events, notices, rejudging, worker
from scanner import settings
from scanner.asking_registry import RegistryTurn
from scanner.errors import PushscanError
from scanner.herald import Herald
from scanner.model import ImageReference
from scanner.notify.digests import Digests
from scanner.notify.notifier import Notifier
from scanner.pipeline import Pipeline
from scanner.publishing import Publisher
from scanner.rejudging import Rejudger
from scanner.retiring import Retirement
from scanner.scratch import Scratch
from scanner.settings import Settings
from scanner.storage.queue import MessageQueue
from tests.examples import REGISTRY, WEBHOOK_SECRET

if TYPE_CHECKING:
    from scanner.wiring import Wiring

SETTINGS = settings.read(
    {
        "PUSHSCAN_STORAGE": "UseDevelopmentStorage=true",
        "PUSHSCAN_REGISTRIES": REGISTRY,
        "PUSHSCAN_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "PUSHSCAN_ADVISORIES": "/advisories",
        "PUSHSCAN_TRIVY": "/trivy",
        "PUSHSCAN_BUBBLEWRAP": "/bwrap",
    }
)


class AtOnce:
    """Stands for the thread pool of an examination: whoever submits does the work."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], *arguments: object) -> Future[Any]:
        """Do the work; a kill goes on."""
        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments))
        except PushscanError as error:
            future.set_exception(error)
        return future

    def map(self, work: Callable[[Any], Any], values: Iterable[Any]) -> Iterator[Any]:
        """Do the work, one after the other."""
        return map(work, values)

    def shutdown(self, *, cancel_futures: bool) -> None:
        """Nothing is left to be done."""


class RefusedMessages:
    """Keeps what the edge finds unreadable: here that is a fault of the simulation."""

    def save(self, untrusted_message: bytes, *, why: str) -> None:
        """Say so."""
        raise AssertionError(f"unreadable: {why}: {untrusted_message!r}")


@dataclass(slots=True, kw_only=True)
class Host:
    """One worker process: what the functions find in their wiring."""

    settings: Settings
    scratch: Scratch
    job_queue: MessageQueue
    pipeline: Pipeline
    retirement: Retirement
    rejudger: Rejudger
    registry_turn: RegistryTurn
    herald: Herald
    publisher: Publisher
    notifier: Notifier
    digests: Digests
    unreadable_messages: RefusedMessages = field(default_factory=RefusedMessages)
    functions: dict[str, Callable[[func.QueueMessage], None]] = field(default_factory=dict)

    def ask_to_attach(self, image: ImageReference) -> None:
        """Attach nothing, as where that is not switched on."""


def functions_of(host: Host) -> dict[str, Callable[[func.QueueMessage], None]]:
    """Return what the host would call, by name: the real functions on this process's wiring."""
    wiring = cast("Wiring", host)
    app = func.FunctionApp()
    for module in (events, worker, rejudging, notices):
        app.register_functions(module.blueprint(wiring))
    return {
        str(function.get_function_name()): function.get_user_function()
        for function in app.get_functions()
    }
