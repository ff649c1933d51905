"""The files at the root are what the Functions tools expect, and ours say the same as they do."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.functions_host.hostjson import read_host_options
from scanner import settings
from scanner.errors import SettingsError

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]
DEPLOYED = ("function_app.py", "function_app", "scanner", "host.json", "requirements.txt")

# What azure-functions-doctor may warn of, and why that is right here.
ACCEPTED_WARNINGS = {
    "check_app_insights",  # logs go through the host; telemetry is the operator's choice
    "check_blueprint_registration",  # it cannot follow a blueprint that a function returns
    "check_func_cli",  # Core Tools are not needed
    "check_func_core_tools_version",  # likewise
    "check_local_settings",  # never deployed
    "check_native_dependency_risk",  # the image is built on the system that runs it
    "check_venv",  # the test looks at a copy, which has none
}


def example_values() -> dict[str, str]:
    """Return the settings of local.settings.json.example."""
    said = json.loads((REPOSITORY / "local.settings.json.example").read_text(encoding="utf-8"))
    values: dict[str, str] = said["Values"]
    return values


def test_the_doctor_finds_nothing_wrong_with_what_is_deployed(tmp_path: Path) -> None:
    """azure-functions-doctor, by its rules for a container, has no fault and no new warning."""
    for name in (*DEPLOYED, ".funcignore"):
        source = REPOSITORY / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(source, tmp_path / name)
    doctor = Path(sys.executable).parent / "azure-functions-doctor"
    report = tmp_path / "report.json"
    examined = subprocess.run(  # noqa: S603 - an argv of our own, no shell
        [
            *(doctor, "doctor", "--path", tmp_path, "--deployment-mode", "container"),
            *("--format", "json", "--output", report),
        ],
        env={},
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert examined.returncode == 0, examined.stdout + examined.stderr
    items = [item for part in json.loads(report.read_text())["results"] for item in part["items"]]
    faults = {item["rule_id"]: item["value"] for item in items if item["status"] == "fail"}
    warnings = {item["rule_id"] for item in items if item["status"] == "warn"}
    assert not faults
    assert warnings <= ACCEPTED_WARNINGS
    assert len(items) > 20


def test_host_json_says_what_the_design_rests_on() -> None:
    """One job at a time, plain text messages, five tries, and a limit above the scan's own."""
    options = read_host_options(REPOSITORY)
    queues = options.queues
    assert (queues.batch_size, queues.new_batch_threshold) == (1, 0)
    assert (queues.message_encoding, queues.max_dequeue_count) == ("none", 5)
    assert options.function_timeout is not None
    assert options.function_timeout > 540, "PUSHSCAN_SCAN_SECONDS may be that much"


def test_the_example_settings_are_complete_but_for_the_secret() -> None:
    """Copied as it is, it stops the app and names the one thing that nobody may share."""
    values = example_values()
    with pytest.raises(SettingsError) as refusal:
        settings.read(values)
    assert "PUSHSCAN_WEBHOOK_SECRETS" in str(refusal.value)
    read = settings.read(values | {"PUSHSCAN_WEBHOOK_SECRETS": "s" * 24})
    assert read.webhook_secrets == ("s" * 24,)
    assert {name for name in values if name.startswith("PUSHSCAN_")} <= settings.names()


def test_nothing_that_is_deployed_is_ignored() -> None:
    """.funcignore leaves out what is for developers, and nothing that the app needs."""
    lines = (REPOSITORY / ".funcignore").read_text(encoding="utf-8").splitlines()
    ignored = {line.rstrip("/") for line in lines if line and not line.startswith("#")}
    assert not ignored & set(DEPLOYED)
    assert {"tests", "local", "local.settings.json", ".venv*"} <= ignored
