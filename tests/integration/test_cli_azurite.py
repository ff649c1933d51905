"""The command as a person runs it: a process of its own, on real storage, registry and sandbox."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.acr import RegistryStandIn
from local.certificates import Certificates
from local.samples.advisories import install_sample, write_database
from local.storage import Azurite
from scanner.storage import StorageConnection
from scanner.storage_settings import StorageSettings
from scanner.store.advisory_archive import AzureAdvisoryArchive
from scanner.trivy.advisories import make_ready
from scanner.wiring import report_store
from tests.advisory_mirror import Mirror, serve_mirror
from tests.examples import IMAGE, WEBHOOK_SECRET
from tests.integration.test_advisory_archive_azurite import empty_archive
from tests.reports import unhealthy_report
from tests.sandbox_programs import bubblewrap_path, trivy_path

pytestmark = pytest.mark.integration

_ROOT = Path(__file__).parents[2]


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[RegistryStandIn]:
    """A registry of our own."""
    with RegistryStandIn(tmp_path / "registry", Certificates.create(tmp_path / "tls")) as running:
        yield running


@pytest.fixture
def variables(
    tmp_path: Path, azurite: Azurite, stand_in: RegistryStandIn
) -> Iterator[dict[str, str]]:
    """Complete settings for what runs here."""
    storage = StorageConnection(connection_string=azurite.connection_string)
    empty_archive(storage)
    install_sample(tmp_path / "advisories", updated_at=datetime.now(UTC))
    yield {
        "PUSHSCAN_STORAGE": azurite.connection_string,
        "PUSHSCAN_REGISTRIES": stand_in.login_server,
        "PUSHSCAN_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "PUSHSCAN_BLOB_HOSTS": stand_in.blob_host,
        "PUSHSCAN_CA_FILE": str(stand_in.ca_file),
        "PUSHSCAN_ADVISORIES": str(tmp_path / "advisories"),
        "PUSHSCAN_TRIVY": str(trivy_path()),
        "PUSHSCAN_BUBBLEWRAP": str(bubblewrap_path()),
        # For `replay`, in the same file.
        "PUSHSCAN_URL": "http://127.0.0.1:9",
        "PUSHSCAN_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "IDENTITY_ENDPOINT": stand_in.identity_endpoint,
        "IDENTITY_HEADER": stand_in.identity_header,
    }
    empty_archive(storage)


def _pushscan(
    tmp_path: Path, variables: dict[str, str], *arguments: str, beside: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    env_file = tmp_path / "env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    return subprocess.run(  # noqa: S603 - an argv of our own
        [
            sys.executable,
            *("-W", "error"),
            *("-c", "from scanner.cli import app; app(prog_name='pushscan')"),
            *("--env-file", str(env_file), *arguments),
        ],
        cwd=_ROOT,
        env={"PATH": os.defpath, "HOME": str(tmp_path), **(beside or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_what_was_judged_is_listed_and_shown(tmp_path: Path, azurite: Azurite) -> None:
    """Only storage is needed for that; a piped line is whole and has no escape in it."""
    storage = {"PUSHSCAN_STORAGE": azurite.connection_string}
    settings = StorageSettings(
        connection_string=azurite.connection_string,
        queue_uri="",
        blob_uri="",
        table_uri="",
        client_id=None,
        in_azure=False,
    )
    report_store(settings).save(unhealthy_report())
    listed = _pushscan(tmp_path, storage, "list", "--repository", IMAGE.repository)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert f"{IMAGE.registry}/{IMAGE.repository}:v7" in listed.stdout
    shown = _pushscan(tmp_path, storage, "show", IMAGE.name)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "Upgrade jinja2 (python-pkg) from 2.10 to 2.10.1" in shown.stdout
    assert "\x1b" not in listed.stdout + shown.stdout
    document = _pushscan(tmp_path, storage, "show", IMAGE.name, "--json")
    assert json.loads(document.stdout)["id"] == unhealthy_report().id


def test_the_file_counts_more_than_the_environment(tmp_path: Path, azurite: Azurite) -> None:
    """It was named by hand for this very call."""
    storage = {"PUSHSCAN_STORAGE": azurite.connection_string}
    beside = {"PUSHSCAN_STORAGE": "DefaultEndpointsProtocol=https;AccountName=elsewhere"}
    assert _pushscan(tmp_path, storage, "list", "--json", beside=beside).returncode == 0


def test_storage_out_of_reach_is_one_line(tmp_path: Path) -> None:
    """No traceback, no key."""
    nowhere = "http://127.0.0.1:9/a"
    storage = {
        "PUSHSCAN_STORAGE": "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=aHVzaA==;"
        f"BlobEndpoint={nowhere};QueueEndpoint={nowhere};TableEndpoint={nowhere};"
    }
    result = _pushscan(tmp_path, storage, "list")
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(
        r"pushscan: images\.select: \w+; `pushscan doctor` tells more\n", result.stderr
    )


def test_a_connection_string_that_is_none_is_one_line(tmp_path: Path) -> None:
    """Its text may be a secret in the wrong place."""
    result = _pushscan(tmp_path, {"PUSHSCAN_STORAGE": "hush"}, "list")
    assert result.returncode == 1
    assert result.stderr == "pushscan: settings: PUSHSCAN_STORAGE is not a connection string\n"


def test_doctor_finds_all_in_order(tmp_path: Path, variables: dict[str, str]) -> None:
    """Real queues, blobs, tables, TLS, tokens, sandbox, Trivy and advisories."""
    result = _pushscan(tmp_path, variables, "doctor", "--json")
    checks = {entry["name"]: entry for entry in json.loads(result.stdout)["checks"]}
    assert result.returncode == 0, result.stdout
    assert {name: entry["outcome"] for name, entry in checks.items()} == {
        "settings": "ok",
        "queues": "ok",
        "reports": "ok",
        "verdicts": "ok",
        variables["PUSHSCAN_REGISTRIES"]: "ok",
        "policy": "ok",
        "EPSS": "ok",
        "known exploited": "warn",
        "sandbox": "ok",
        "trivy": "ok",
        "advisories": "warn",
        "shared advisories": "warn",
        "routes": "warn",
    }
    assert "SAMPLE" in checks["advisories"]["detail"]


def test_doctor_tells_each_failure_and_its_remedy(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    """An untrusted certificate, no bubblewrap, no advisories; storage is still tried."""
    broken = variables | {
        "PUSHSCAN_CA_FILE": "",
        "PUSHSCAN_SANDBOX": "bubblewrap",
        "PUSHSCAN_BUBBLEWRAP": str(tmp_path / "none"),
        "PUSHSCAN_ADVISORIES": str(tmp_path / "none"),
    }
    result = _pushscan(tmp_path, broken, "doctor")
    lines = {line.split()[1]: line for line in result.stdout.splitlines()}
    assert result.returncode == 1
    assert lines["queues"].startswith("ok ")
    for name, remedy in {
        variables["PUSHSCAN_REGISTRIES"]: "PUSHSCAN_CA_FILE",
        "sandbox": "PUSHSCAN_BUBBLEWRAP",
        "trivy": "PUSHSCAN_TRIVY",
        "advisories": "pushscan advisories update",
    }.items():
        assert lines[name].startswith("fail ")
        assert remedy in lines[name]


def test_a_failed_update_says_what_stays(tmp_path: Path, variables: dict[str, str]) -> None:
    """The current advisories are untouched."""
    elsewhere = variables | {"PUSHSCAN_TRIVY": "/bin/true"}
    result = _pushscan(tmp_path, elsewhere, "advisories", "update")
    assert (result.returncode, result.stdout) == (1, "")
    assert "still in place: bundled-sample of" in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_update_is_for_all_workers(tmp_path: Path, variables: dict[str, str]) -> None:
    """Older advisories are refused, and taken when that is said."""
    storage = StorageConnection(connection_string=variables["PUSHSCAN_STORAGE"])
    now = datetime.now(UTC)
    with serve_mirror() as mirror:
        source = f"{mirror.source.database}|{mirror.source.java_database}"
        elsewhere = variables | {
            "PUSHSCAN_ADVISORIES": str(tmp_path / "worker"),
            "PUSHSCAN_ADVISORY_SOURCES": source,
        }
        _publish(mirror, tmp_path / "new", now)
        result = _pushscan(tmp_path, elsewhere, "advisories", "update", "--json")
        assert (result.returncode, result.stderr) == (0, "")
        archive = AzureAdvisoryArchive.connect(storage)
        first = archive.latest()
        assert first is not None
        assert json.loads(result.stdout)["digest"] == str(first.digest)

        _publish(mirror, tmp_path / "old", now - timedelta(hours=1))
        result = _pushscan(tmp_path, elsewhere, "advisories", "update")
        assert result.returncode == 1
        assert "older than the current ones" in result.stderr
        assert archive.latest() == first
        doctor = _pushscan(tmp_path, elsewhere, "doctor", "--json")
        checks = {entry["name"]: entry for entry in json.loads(doctor.stdout)["checks"]}
        assert checks["shared advisories"]["outcome"] == "warn"
        assert "older than the current ones" in checks["shared advisories"]["detail"]

        result = _pushscan(tmp_path, elsewhere, "advisories", "update", "--allow-older")
        assert (result.returncode, result.stderr) == (0, "")
        last = archive.latest()
        assert last is not None
        assert last.is_step_back


def _publish(mirror: Mirror, folder: Path, updated_at: datetime) -> None:
    write_database(folder, updated_at=updated_at)
    make_ready(folder)
    mirror.publish(folder)
