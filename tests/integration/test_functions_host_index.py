"""The local Functions host: finding the app, its settings, and what is refused."""

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from local.functions_host import indexed_app, listing
from local.functions_host.errors import AppError, ConfigurationError, UnsupportedError
from local.functions_host.hostjson import read_host_options
from local.functions_host.settings import app_settings
from tests.integration.conftest import WriteApp

pytestmark = pytest.mark.integration

ONE = """
@app.route("one")
def one(req: func.HttpRequest) -> str:
    return "one"
"""


def index(root: Path) -> list[str]:
    """Return the names of an app's functions."""
    with indexed_app(root) as functions:
        return [function.name for function in functions]


def test_a_package_of_the_same_name_wins_over_the_file(write_app: WriteApp) -> None:
    """The file must exist, but the import system finds the package first: the worker's own rule."""
    root = write_app("raise RuntimeError('never executed')")
    package = root / "function_app"
    package.mkdir()
    (package / "__init__.py").write_text("from function_app.inner import app")
    (package / "inner.py").write_text(
        "import azure.functions as func\n"
        "app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)\n" + ONE
    )
    assert index(root) == ["one"]
    assert "function_app.inner" not in sys.modules


def test_two_apps_in_a_row_are_two_apps(
    tmp_path: Path, write_app: WriteApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the first is left for the second, and the test run's own modules come back."""
    first = write_app(ONE).rename(tmp_path / "first")
    second = write_app(ONE.replace("one", "two"))
    monkeypatch.setitem(sys.modules, "function_app", ModuleType("of the test run"))
    before = sys.path.copy(), sys.modules["function_app"]
    assert [index(first), index(second), index(first)] == [["one"], ["two"], ["one"]]
    assert (sys.path, sys.modules["function_app"]) == before


def test_the_listing_is_what_the_decorators_say(write_app: WriteApp) -> None:
    """Raw bindings are passed on as azure.functions makes them."""
    with indexed_app(write_app(ONE)) as functions:
        (listed,) = listing(functions)
    assert (listed.name, listed.script_file) == ("one", "function_app.py")
    trigger, answer = listed.bindings
    assert (trigger["type"], trigger["route"], trigger["name"]) == ("httpTrigger", "one", "req")
    assert (answer["type"], answer["direction"], answer["name"]) == ("http", "OUT", "$return")


@pytest.mark.parametrize(
    ("code", "error", "says"),
    [
        ("del app", AppError, "exactly one function app, not none"),
        ("other = app" + ONE, AppError, r"not \['app', 'other'\]"),
        ("", AppError, "no function"),
        (ONE.replace("(req:", "(request:"), AppError, "'request'"),
        (ONE.replace("func.HttpRequest", "int"), AppError, "HttpRequest"),
        (
            (
                "@app.timer_trigger(schedule='0 0 * * * *', arg_name='t')\n"
                "def tick(t: func.QueueMessage) -> None: ..."
            ),
            AppError,
            "tick: 't' must be annotated with TimerRequest",
        ),
        (
            "@app.blob_output('b', 'c/d', 'STORAGE')\n" + ONE.strip(),
            UnsupportedError,
            "no blob binding OUT 'b'",
        ),
    ],
)
def test_what_the_worker_or_this_host_cannot_run_is_refused(
    write_app: WriteApp, code: str, error: type[Exception], says: str
) -> None:
    """Each refusal names the function and the fault; nothing is ignored."""
    with pytest.raises(error, match=says):
        index(write_app(code))


def test_a_root_without_the_entry_file_is_refused(write_app: WriteApp) -> None:
    """The real host would start with no function at all and say nothing."""
    root = write_app(ONE)
    (root / "function_app.py").unlink()
    with pytest.raises(AppError, match="does not exist"):
        index(root)


def test_local_settings_fill_gaps_and_never_override(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given settings win, then the environment, then local.settings.json; all is undone after."""
    (tmp_path / "local.settings.json").write_text(
        '{"IsEncrypted": false, "Values": {"T_A": "file", "T_B": "file", "T_C": "file"}}'
    )
    monkeypatch.setenv("T_A", "environment")
    monkeypatch.setenv("T_B", "environment")
    with app_settings(tmp_path, {"T_B": "given"}):
        inside = [os.environ[name] for name in ("T_A", "T_B", "T_C")]
    assert inside == ["environment", "given", "file"]
    assert os.environ["T_B"] == "environment"
    assert "T_C" not in os.environ


def test_encrypted_local_settings_are_refused(tmp_path: Path) -> None:
    """Only Core Tools has the key."""
    (tmp_path / "local.settings.json").write_text('{"IsEncrypted": true, "Values": {}}')
    with pytest.raises(ConfigurationError, match="encrypted"), app_settings(tmp_path, {}):
        pass


def test_host_json_is_read_with_the_documented_defaults(tmp_path: Path) -> None:
    """An empty host.json means what Microsoft's reference says it means."""
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    options = read_host_options(tmp_path)
    assert (options.route_prefix, options.function_timeout) == ("api", 1800)
    queues = options.queues
    assert (queues.batch_size, queues.max_dequeue_count) == (16, 5)
    assert queues.new_batch_threshold == 8 * (os.cpu_count() or 1)
    assert (queues.visibility_timeout, queues.max_polling_interval) == (0, 60)
    assert queues.message_encoding == "base64"


@pytest.mark.parametrize(
    "text",
    [
        '{"version": "1.0"}',
        '{"version": "2.0", "functionTimeout": "10 minutes"}',
        '{"version": "2.0", "extensions": {"queues": {"batchSize": 33}}}',
        '{"version": "2.0", "extensions": {"queues": {"batchsize": 1}}}',
        '{"version": "2.0", "extensions": {"serviceBus": {}}}',
        "{",
    ],
)
def test_a_host_json_that_is_wrong_or_not_understood_is_refused(tmp_path: Path, text: str) -> None:
    """A misspelt option is a fault, since the real host would quietly use the default."""
    (tmp_path / "host.json").write_text(text)
    with pytest.raises(ConfigurationError, match=r"host\.json"):
        read_host_options(tmp_path)


def test_no_limit_and_days_are_understood(tmp_path: Path) -> None:
    """-1 is no timeout; a time may have days."""
    path = tmp_path / "host.json"
    path.write_text('{"version": "2.0", "functionTimeout": "-1"}')
    assert read_host_options(tmp_path).function_timeout is None
    path.write_text('{"version": "2.0", "functionTimeout": "1.01:00:00"}')
    assert read_host_options(tmp_path).function_timeout == 90_000
