"""`make run`: keeps Pushscan and all it talks to running until Ctrl-C."""

import logging
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from local.samples.advisories import install_sample
from local.stack import BUBBLEWRAP, TRIVY, Stack, StackPorts
from scanner.errors import AdvisoriesError
from scanner.trivy.advisories import AdvisoryDirectory
from scanner.trivy.update import update

HOME: Final = Path(".local").absolute()
ENVIRONMENT: Final = HOME / "env"
PORTS: Final = StackPorts(app=7071, registry=5443, storage=5444, identity=5445)


def main() -> int:
    """Start everything, say where it is, and wait for a signal."""
    console = Console(highlight=False, soft_wrap=True)
    logging.basicConfig(level=logging.ERROR)  # the console tells what a person needs
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    advisories = HOME / "advisories"
    _prepare(advisories, console)
    with Stack(HOME / "stack", advisories=advisories, ports=PORTS, in_memory=False) as stack:
        stack.write_environment(ENVIRONMENT)
        console.print(f"app       {stack.url}/api/acr/webhook")
        console.print(f"registry  https://{stack.registry.login_server}")
        console.print(f"notices   {HOME / 'stack/notices-images.jsonl'}")
        console.print(f"log       {stack.log}")
        console.print(f"addresses, CA file and secrets: {ENVIRONMENT}")
        console.print("running; Ctrl-C ends it")
        stop.wait()
        console.print("stopping")
    ENVIRONMENT.unlink(missing_ok=True)
    return 0


def _prepare(root: Path, console: Console) -> None:
    """Take the public advisories where they can be had, and else the bundled sample."""
    directory = AdvisoryDirectory(root)
    with console.status("Fetching advisories"):
        try:
            advisories = update(directory, trivy=TRIVY, bubblewrap=BUBBLEWRAP)
        except AdvisoriesError as error:
            console.print(f"{error}", style="yellow", markup=False)
            console.print(
                "The bundled sample serves instead: it knows the sample images only.",
                style="yellow",
            )
            advisories = install_sample(root, updated_at=datetime.now(UTC))
    console.print(f"advisories {advisories.source} of {advisories.updated_at:%Y-%m-%d %H:%M} UTC")


if __name__ == "__main__":
    sys.exit(main())
