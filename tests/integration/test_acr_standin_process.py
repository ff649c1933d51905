"""The stand-in as a process of its own, as the demo starts it."""

import json
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.acr import RegistryClient
from tests.integration.acr_images import small_image

pytestmark = pytest.mark.integration

_PATIENCE_SECONDS = 30


def test_the_process_writes_its_addresses_serves_and_stops(tmp_path: Path) -> None:
    """The state file appears when the registry answers; SIGTERM ends it cleanly."""
    state = tmp_path / "state.json"
    command = [sys.executable, "-m", "local.acr", "--root", str(tmp_path), "--state", str(state)]
    with subprocess.Popen(  # noqa: S603 - our own module, no shell
        command, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        try:
            addresses = _read(state)
            with RegistryClient(
                addresses["login_server"],
                username=addresses["username"],
                password=addresses["password"],
                ca_file=Path(addresses["ca_file"]),
            ) as client:
                digest = small_image().push(client, "team/app", "1")
        finally:
            process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=_PATIENCE_SECONDS)

    assert digest == small_image().digest
    assert (process.returncode, errors) == (0, b"")
    assert stat.S_IMODE(state.stat().st_mode) == 0o600


def _read(state: Path) -> dict[str, str]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not state.exists():
        assert time.monotonic() < deadline, "the registry did not start"
        time.sleep(0.02)
    addresses: dict[str, str] = json.loads(state.read_bytes())
    return addresses
