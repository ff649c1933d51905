"""Stored images that need a pull, one after another: no push waits behind more than a few of them.

They become ordinary jobs, in the queue of the pushes. Where that has enough of a queue, they wait
for a while in the queue that they came from.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scanner import jobs
from scanner.model import ImageReference
from scanner.ports import DelayingQueue, JobQueue
from scanner.rejudge_messages import RejudgeJob, encode_job, portions
from scanner.reprocess import another_look

logger = logging.getLogger(__name__)

HANDFUL: Final = 5
"""So many jobs may be in front of a push; each is a pull."""
WAIT_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryTurn:
    """Lets stored images into the queue of the pushes. Safe to repeat."""

    jobs: JobQueue
    later: DelayingQueue
    clock: Callable[[], datetime]

    def take(self, images: Sequence[ImageReference]) -> None:
        """Queue as many as there is room for; the others come again. Raises StoreError."""
        if not images:
            return
        room = max(0, HANDFUL - self.jobs.depth())
        for image in images[:room]:
            # Dated now: were it given up, a verdict of before must not hide that.
            self.jobs.send(jobs.encode(another_look(image, now=self.clock())))
            logger.info("image.queued image=%s why=not-judged-without-registry", image)
        for waiting in portions(images[room:]):
            message = encode_job(RejudgeJob(images=waiting, asks_registry=True))
            self.later.send(message, delay_seconds=WAIT_SECONDS)
            logger.info("images.wait count=%d why=pushes-come-first", len(waiting))
