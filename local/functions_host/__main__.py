"""`python -m local.functions_host`: run the app, or list its functions.

Ends with 0 after SIGTERM or SIGINT, 1 if work was cut off by the end of the grace, 2 if the app
cannot be started, and 75 if the process must be started anew (functionTimeout).
"""

import argparse
import json
import logging
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from local.functions_host.errors import HostError
from local.functions_host.host import GRACE_SECONDS, LEASE_SECONDS, FunctionsHost
from local.functions_host.index import indexed_app, listing
from local.functions_host.settings import app_settings

EXIT_WORK_LEFT: Final = 1
EXIT_CANNOT_START: Final = 2
EXIT_RESTART: Final = 75  # EX_TEMPFAIL of sysexits.h


def main() -> int:
    """Run what the command line asks for and return the exit status."""
    arguments = _parse()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # The storage SDK tells each request at INFO, which is a poll every other second.
    logging.getLogger("azure.core").setLevel(logging.WARNING)
    try:
        return _list(arguments) if arguments.list else _serve(arguments)
    except (HostError, OSError) as error:
        print(f"functions_host: {error}", file=sys.stderr)
        return EXIT_CANNOT_START


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.functions_host", description=__doc__)
    parser.add_argument("--script-root", type=Path, default=Path(), metavar="DIR")
    parser.add_argument("--list", action="store_true", help="print the functions as JSON and end")
    parser.add_argument("--port", type=int, default=7071, help="0 picks a free one")
    parser.add_argument(
        "--lease-seconds", type=int, default=LEASE_SECONDS, help="the real host's: %(default)s"
    )
    parser.add_argument(
        "--grace-seconds", type=float, default=GRACE_SECONDS, help="to end running work"
    )
    parser.add_argument(
        "--state", type=Path, metavar="FILE", help="written once it serves: url and pid as JSON"
    )
    return parser.parse_args()


def _list(arguments: argparse.Namespace) -> int:
    with app_settings(arguments.script_root, {}), indexed_app(arguments.script_root) as functions:
        print(json.dumps(msgspec.to_builtins(listing(functions)), indent=2))
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    host = FunctionsHost(
        script_root=arguments.script_root,
        port=arguments.port,
        lease_seconds=arguments.lease_seconds,
        grace_seconds=arguments.grace_seconds,
    )
    with host:
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signal_number, lambda *_: host.stop())
        print(f"functions_host: {host.url}", flush=True)
        if arguments.state:
            _write_state(arguments.state, host.url)
        host.wait()
        if arguments.state:
            arguments.state.unlink(missing_ok=True)
    if host.worker_lost:
        _leave_at_once(EXIT_RESTART)
    if host.work_left:
        _leave_at_once(EXIT_WORK_LEFT)
    return 0


def _write_state(path: Path, url: str) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        json.dump({"url": url, "pid": os.getpid()}, file)
    Path(file.name).replace(path)


def _leave_at_once(status: int) -> None:
    """End without waiting for threads that may never end."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
