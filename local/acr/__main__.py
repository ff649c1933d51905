"""Run the registry stand-in as a process of its own: `python -m local.acr --root DIR --state FILE`.

FILE receives the addresses and credentials as JSON, readable by the owner alone, once the registry
answers. SIGTERM or SIGINT ends it. The webhook's secret comes from a file: an argument would show
in the process list.
"""

import argparse
import json
import os
import signal
import threading
from pathlib import Path

from local.acr import Ports, RegistryStandIn, WebhookTarget
from local.certificates import Certificates


def main() -> None:
    """Serve until a signal comes."""
    arguments = _arguments()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    registry = RegistryStandIn(
        arguments.root / "registry",
        Certificates.create(arguments.root / "certificates"),
        webhook=_webhook(arguments),
        ports=Ports(
            registry=arguments.port,
            storage=arguments.storage_port,
            identity=arguments.identity_port,
        ),
    )
    with registry:
        _write_state(arguments.state, registry)
        print(f"registry on https://{registry.login_server}, addresses in {arguments.state}")
        stopped.wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.acr", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="where blobs are kept")
    parser.add_argument("--state", type=Path, required=True, help="file for the addresses")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--storage-port", type=int, default=0)
    parser.add_argument("--identity-port", type=int, default=0)
    parser.add_argument("--webhook-url", default="", help="where events go; none by default")
    parser.add_argument("--webhook-secret-file", type=Path, help="its content goes with each event")
    parser.add_argument("--webhook-ca-file", type=Path, help="authority of an https receiver")
    arguments = parser.parse_args()
    if arguments.webhook_url and arguments.webhook_secret_file is None:
        parser.error("--webhook-url needs --webhook-secret-file")
    return arguments


def _webhook(arguments: argparse.Namespace) -> WebhookTarget | None:
    if not arguments.webhook_url:
        return None
    return WebhookTarget(
        url=arguments.webhook_url,
        secret=arguments.webhook_secret_file.read_text().strip(),
        ca_file=arguments.webhook_ca_file,
    )


def _write_state(path: Path, registry: RegistryStandIn) -> None:
    state = {
        "login_server": registry.login_server,
        "blob_host": registry.blob_host,
        "identity_endpoint": registry.identity_endpoint,
        "identity_header": registry.identity_header,
        "username": registry.admin.username,
        "password": registry.admin.password,
        "ca_file": str(registry.ca_file),
    }
    # Written aside and renamed: whoever waits for the file never reads half of it.
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps(state, indent=2))
    unfinished.replace(path)


if __name__ == "__main__":
    main()
