"""Which of the two sandboxes this host gets."""

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, Protocol

from scanner.errors import SandboxUnavailableError
from scanner.sandbox.bubblewrap import Bubblewrap
from scanner.sandbox.descriptors import NO_FILES
from scanner.sandbox.landlock import Landlock
from scanner.sandbox.outcome import Completed, Limits
from scanner.sandbox.service import Service

Preference = Literal["auto", "bubblewrap", "landlock"]


class Sandbox(Protocol):
    """Runs a program that hostile input may have taken over. A value: equal ones confine alike."""

    def __hash__(self) -> int: ...

    @property
    def uid(self) -> int | None:
        """User of the program outside the sandbox, or None for the worker's own."""

    @property
    def isolation(self) -> str:
        """Name and version of everything that confines, as a report tells them."""

    def run(
        self,
        program: Path,
        argv: Sequence[str],
        *,
        read_only: Mapping[str, Path],
        writable: Mapping[str, Path] = NO_FILES,
        environment: Mapping[str, str],
        limits: Limits,
    ) -> Completed:
        """Run a static program with nothing but what is named here.

        Args:
            program: The program on the host.
            argv: Its arguments, without its name. Paths in them are relative: only the way from the
                working directory to an input is the same in every sandbox.
            read_only: What it may read: `/NAME` -> path on the host. The program finds it under
                NAME in its working directory, which it can neither list nor write to.
            writable: Single files that it may read and write, likewise; they are there, and ours to
                give away. What comes out of them is as hostile as the streams.
            environment: All of its environment, beside HOME and TMPDIR, where it may write too.
            limits: What it may use.

        Raises:
            SandboxUnavailableError: it could not be confined; the program did not run.
        """

    def serving(
        self,
        program: Path,
        argv: Sequence[str],
        *,
        read_only: Mapping[str, Path],
        writable: Mapping[str, Path] = NO_FILES,
        environment: Mapping[str, str],
        limits: Limits,
    ) -> AbstractContextManager[Service]:
        """Run a program that listens at `PORT` for as long as the context lasts; as `run` else.

        Raises:
            SandboxUnavailableError: it could not be confined; the program did not run.
            ServiceEndedError: it does not come to listen; where the network cannot be its own,
                always.
        """


@functools.lru_cache(maxsize=4)
def choose(preference: Preference, bubblewrap: Path | None) -> Sandbox:
    """Probe what is preferred, once per process; bubblewrap comes first, as it shares less.

    Args:
        preference: `auto` takes the first that works, the others only what they name.
        bubblewrap: The program, or None where there is none.

    Raises:
        SandboxUnavailableError: each time anew; says of every one that was tried why it does not
            work. There is no running without.
    """
    probes: dict[str, Callable[[], Sandbox]] = {
        "bubblewrap": functools.partial(_probe_bubblewrap, bubblewrap),
        "landlock": Landlock.probe,
    }
    reasons = []
    for name in probes if preference == "auto" else [preference]:
        try:
            return probes[name]()
        except SandboxUnavailableError as error:
            reasons.append(f"{name}: {error}")
    raise SandboxUnavailableError("; ".join(reasons))


def _probe_bubblewrap(program: Path | None) -> Bubblewrap:
    if program is None:
        raise SandboxUnavailableError("PUSHSCAN_BUBBLEWRAP is not set")
    return Bubblewrap.probe(program)
