"""The sandbox of a program that is asked over TCP, for attacks: it is run to its end, unasked."""

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from scanner.sandbox import Bubblewrap, Completed, Limits
from scanner.sandbox.bubblewrap import _Called, _ran
from scanner.sandbox.descriptors import NO_FILES, Files
from scanner.sandbox.supervisor import Messages
from scanner.sandbox.user import user_for


class ServingBubblewrap(Bubblewrap):
    """Gives a program all that Trivy is given when it serves: its filter, and a network."""

    __slots__ = ()

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
        """Run a program as `serving` does; nobody calls it."""
        files = Files(read_only={**read_only, "/scanner": program}, writable=writable)
        uid = user_for(self.uid, files)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            called = _Called(
                network=theirs.fileno(), messages=Messages(), dismissal=lambda _launcher: None
            )
            return _ran(*self._try(files, argv, environment, limits, uid, called))
