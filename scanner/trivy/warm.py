"""Many images matched by one Trivy: it starts once, opens the database once, and is asked.

Whatever is odd about an answer, the image is matched alone instead; so it is never told less. An
answer is trusted no further than a report is: one process has read the records of all these images,
so a record that took it over could lie about the images that come after it (ADR 22).
"""

import http.client
import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from scanner.errors import SandboxUnavailableError
from scanner.model import ScanReport, Unexaminable
from scanner.sandbox import Limits, Service, ServiceEndedError
from scanner.sandbox.service import PORT
from scanner.trivy import argv
from scanner.trivy.analysis import Workbench
from scanner.trivy.answer import PATH, question, read_answer
from scanner.trivy.matching import Stack
from scanner.trivy.record import CACHE_FILE, write_records
from scanner.trivy.report import read_report

logger = logging.getLogger(__name__)

_ANSWER_SECONDS: Final = 30.0
"""For each piece of an answer. What takes longer is matched alone, with all the time it may use."""
_RUN_SECONDS: Final = 120
"""Of wall clock and processor for all images together; 25 of them take a second."""
_NO_ANSWER = (
    ServiceEndedError,
    SandboxUnavailableError,  # of this kind; whether of the other, too, a match alone will tell
    OSError,
    http.client.HTTPException,
    ValueError,
)


def match_warm(
    stacks: Sequence[Stack], bench: Workbench, *, scratch: Path, ends_at: float
) -> Sequence[ScanReport | Unexaminable | None]:
    """Match images one after another; None for each that must be matched alone.

    Args:
        stacks: The images.
        bench: What Trivy needs.
        scratch: Where temporary files may be made.
        ends_at: When no further Trivy is started, by the monotonic clock.
    """
    seen: list[ScanReport | Unexaminable | None] = []
    while len(seen) < len(stacks) and time.monotonic() < ends_at:
        answered = list(_until_odd(stacks[len(seen) :], bench, scratch))
        if not answered:
            # Nothing listens here at all.
            break
        seen += answered
    return [*seen, *[None] * (len(stacks) - len(seen))]


def _until_odd(
    stacks: Sequence[Stack], bench: Workbench, scratch: Path
) -> Iterator[ScanReport | Unexaminable | None]:
    """Yield what is seen of images, up to the first of which nothing certain is: that is a None."""
    began, asked = time.monotonic(), 0
    try:
        with _matcher(stacks, bench, scratch) as matcher:
            for asked, stack in enumerate(stacks, 1):  # noqa: B007 - what it came to is told
                yield matcher.match(stack)
    except _NO_ANSWER as error:
        logger.info("matcher.failed after=%d why=%s", asked, error)
        if asked:
            yield None
    logger.info("matcher.ended images=%d seconds=%.2f", asked, time.monotonic() - began)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Matcher:
    """A Trivy that listens, and that has been asked about some images already."""

    service: Service
    connection: http.client.HTTPConnection
    limits: Limits

    def match(self, stack: Stack) -> ScanReport | Unexaminable:
        """Ask about an image. Raises what is in `_NO_ANSWER`."""
        # What was said before belongs to another image.
        self.service.messages.take()
        headers = {"Content-Type": "application/json"}
        self.connection.request("POST", PATH, question(argv.IMAGE, stack.keys), headers)
        response = self.connection.getresponse()
        untrusted_answer = response.read(self.limits.stdout_bytes + 1)
        if response.status != http.client.OK or len(untrusted_answer) > self.limits.stdout_bytes:
            raise ValueError(f"status {response.status}, {len(untrusted_answer)} bytes")
        # All that it says about an image is written before it answers.
        untrusted_messages = self.service.messages.take()
        seen = read_report(
            read_answer(untrusted_answer),
            untrusted_messages,
            has_all_messages=len(untrusted_messages) < self.limits.stderr_bytes,
        )
        return seen if isinstance(seen, Unexaminable) else stack.completed(seen)


@contextmanager
def _matcher(stacks: Sequence[Stack], bench: Workbench, scratch: Path) -> Iterator[_Matcher]:
    limits = replace(
        bench.limits,
        wall_seconds=min(bench.limits.wall_seconds, _RUN_SECONDS),
        cpu_seconds=min(bench.limits.cpu_seconds, _RUN_SECONDS),
    )
    with tempfile.TemporaryDirectory(prefix="match-", dir=scratch) as folder:
        cache_file = Path(folder, "cache.db")
        records = {
            key: record
            for stack in stacks
            for key, record in zip(stack.keys, stack.untrusted_records, strict=True)
        }
        # Anew for each Trivy: an earlier one may have written to it.
        write_records(cache_file, records)
        with bench.sandbox.serving(
            bench.binary.path,
            argv.serve(PORT),
            read_only={f"/{argv.CACHE}/db": bench.databases / "db"},
            writable={f"/{argv.CACHE}/{CACHE_FILE}": cache_file},
            environment=argv.environment(limits),
            limits=limits,
        ) as service:
            service.connection.settimeout(_ANSWER_SECONDS)
            connection = http.client.HTTPConnection("127.0.0.1", PORT)
            # It must never make a connection by itself: that would be one in our own network.
            connection.auto_open = 0
            connection.sock = service.connection
            yield _Matcher(service=service, connection=connection, limits=limits)
