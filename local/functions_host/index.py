"""Find the app and read its decorators, by the rules of Microsoft's Python worker.

The rules (azure-functions-python-worker, loader.py): the file `function_app.py` must exist in the
app's root; the module of that *name* is imported through sys.path, so a package of the same
name wins; exactly one name in it may hold a function app.
"""

import contextlib
import importlib
import inspect
import json
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import azure.functions as func
import msgspec

from local.functions_host.errors import AppError, UnsupportedError

ENTRY_FILE: Final = "function_app.py"
_ENTRY_MODULE: Final = "function_app"
_RETURN: Final = "$return"
_METHODS: Final = frozenset({"GET", "POST", "DELETE", "HEAD", "PATCH", "PUT", "OPTIONS"})


class HttpTrigger(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP trigger: the route without prefix, and the methods it takes."""

    parameter: str
    route: str
    methods: frozenset[str]
    auth_level: str


class QueueTrigger(msgspec.Struct, frozen=True, kw_only=True):
    """A storage queue trigger."""

    parameter: str
    queue: str
    connection: str


class TimerTrigger(msgspec.Struct, frozen=True, kw_only=True):
    """A timer trigger; the schedule is an NCRONTAB expression."""

    parameter: str
    schedule: str
    run_on_startup: bool


Trigger = HttpTrigger | QueueTrigger | TimerTrigger


class QueueOutput(msgspec.Struct, frozen=True, kw_only=True):
    """A storage queue output; the parameter is `$return` for what the function returns."""

    parameter: str
    queue: str
    connection: str


class IndexedFunction(msgspec.Struct, frozen=True, kw_only=True):
    """One function of the app, as its decorators declare it."""

    name: str
    script_file: str
    raw_bindings: tuple[str, ...]
    call: Callable[..., Any]
    trigger: Trigger
    queue_outputs: tuple[QueueOutput, ...]
    returns_http: bool
    wants_context: bool
    annotations: dict[str, Any]

    @property
    def is_async(self) -> bool:
        """Whether it runs on the event loop instead of in a thread."""
        return inspect.iscoroutinefunction(self.call)

    @property
    def returns(self) -> bool:
        """Whether a binding takes what it returns."""
        return self.returns_http or any(out.parameter == _RETURN for out in self.queue_outputs)


class ListedFunction(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One line of the listing: what the worker reports to the host about a function."""

    name: str
    script_file: str
    bindings: list[dict[str, Any]]


def listing(functions: tuple[IndexedFunction, ...]) -> list[ListedFunction]:
    """Return what Microsoft's worker would report about these functions."""
    return [
        ListedFunction(
            name=function.name,
            script_file=function.script_file,
            bindings=[json.loads(raw) for raw in function.raw_bindings],
        )
        for function in functions
    ]


@contextlib.contextmanager
def indexed_app(script_root: Path) -> Iterator[tuple[IndexedFunction, ...]]:
    """Import the app anew, as a new worker process would, and index its functions.

    At the end sys.path and the modules of the app are as they were before.

    Raises:
        AppError: There is no app, more than one, or a function's signature denies its decorators.
        UnsupportedError: A binding that this host does not know.
    """
    with app_on_path(script_root):
        functions = tuple(_index(function) for function in _import_app().get_functions())
        if not functions:
            raise AppError(f"{script_root}: the app has no function")
        yield functions


@contextlib.contextmanager
def app_on_path(script_root: Path) -> Iterator[None]:
    """Put the app's root first on sys.path, with nothing of another app imported.

    Raises:
        AppError: The root has no `function_app.py`.
    """
    # The real worker says nothing here and the host then runs without any function.
    if not (script_root / ENTRY_FILE).exists():
        raise AppError(f"{script_root / ENTRY_FILE} does not exist: the worker would find no app")
    root = str(script_root.resolve())
    before = _forget_app()
    sys.path.insert(0, root)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(root)
        _forget_app()
        sys.modules.update(before)


def _forget_app() -> dict[str, Any]:
    names = [name for name in sys.modules if name.partition(".")[0] == _ENTRY_MODULE]
    return {name: sys.modules.pop(name) for name in names}


def _import_app() -> func.FunctionRegister:
    module = importlib.import_module(_ENTRY_MODULE)
    apps = {
        name: app
        for name in dir(module)
        if isinstance(app := getattr(module, name, None), func.FunctionRegister)
    }
    if len(apps) != 1:
        raise AppError(
            f"{_ENTRY_MODULE} must show exactly one function app, not {sorted(apps) or 'none'}"
        )
    return next(iter(apps.values()))


def _index(function: Any) -> IndexedFunction:  # noqa: ANN401 - its type is not exported
    name: str = function.get_function_name()
    raw_bindings = tuple(function.get_raw_bindings())
    trigger: Trigger | None = None
    outputs: list[QueueOutput] = []
    returns_http = False
    for binding in map(json.loads, raw_bindings):
        match binding["type"], binding["direction"]:
            case "httpTrigger", "IN":
                trigger = _http_trigger(binding)
            case "queueTrigger", "IN":
                trigger = QueueTrigger(**_queue_fields(binding))
            case "timerTrigger", "IN":
                trigger = _timer_trigger(binding)
            case "http", "OUT" if binding["name"] == _RETURN:
                returns_http = True
            case "queue", "OUT":
                outputs.append(QueueOutput(**_queue_fields(binding)))
            case kind, direction:
                raise UnsupportedError(
                    f"{name}: this host knows no {kind} binding {direction} {binding['name']!r}"
                )
    if trigger is None:
        raise AppError(f"{name}: has no trigger")
    call = function.get_user_function()
    indexed = IndexedFunction(
        name=name,
        script_file=function.function_script_file,
        raw_bindings=raw_bindings,
        call=call,
        trigger=trigger,
        queue_outputs=tuple(outputs),
        returns_http=returns_http,
        wants_context="context" in inspect.signature(call).parameters,
        annotations=typing.get_type_hints(call),
    )
    _check_signature(indexed)
    return indexed


def _http_trigger(binding: dict[str, Any]) -> HttpTrigger:
    return HttpTrigger(
        parameter=binding["name"],
        route=binding["route"],
        methods=frozenset(binding.get("methods") or _METHODS),
        auth_level=str(binding.get("authLevel") or "function").lower(),
    )


def _timer_trigger(binding: dict[str, Any]) -> TimerTrigger:
    return TimerTrigger(
        parameter=binding["name"],
        schedule=binding["schedule"],
        run_on_startup=bool(binding.get("runOnStartup")),
    )


def _queue_fields(binding: dict[str, Any]) -> dict[str, str]:
    return {
        "parameter": binding["name"],
        "queue": binding["queueName"],
        "connection": binding["connection"] or "",
    }


_TAKEN: Final[dict[type, type]] = {
    HttpTrigger: func.HttpRequest,
    QueueTrigger: func.QueueMessage,
    TimerTrigger: func.TimerRequest,
}


def _check_signature(function: IndexedFunction) -> None:
    parameters = set(inspect.signature(function.call).parameters) - {"context"}
    outputs = {out.parameter for out in function.queue_outputs} - {_RETURN}
    declared = {function.trigger.parameter} | outputs
    if parameters != declared:
        raise AppError(
            f"{function.name}: parameters {sorted(parameters)} are not "
            f"what its decorators declare: {sorted(declared)}"
        )
    takes = _TAKEN[type(function.trigger)]
    annotation = function.annotations.get(function.trigger.parameter, takes)
    if annotation not in (str, bytes) and not (
        isinstance(annotation, type) and issubclass(takes, annotation)
    ):
        raise AppError(
            f"{function.name}: {function.trigger.parameter!r} must be annotated with "
            f"{takes.__name__}, not {annotation!r}"
        )
