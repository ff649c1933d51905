"""Run a program of ours outside the sandbox: only to fetch what the public publishes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from scanner.sandbox.outcome import Completed, Limits
from scanner.sandbox.supervisor import supervise


def run_trusted(
    program: Path, argv: Sequence[str], *, environment: Mapping[str, str], wall_seconds: float
) -> Completed:
    """Run a program with network and our user's rights; never give it anything from an image.

    It has a deadline and the output limits of `Limits`, no inherited environment, and it dies with
    us.

    Raises:
        SandboxUnavailableError: the program is not there, or no process can be started.
    """
    return supervise(
        program, argv, limits=Limits(wall_seconds=wall_seconds), environment=environment
    )
