"""How many jobs a run may let wait."""

from scanner import jobs
from scanner.model import Job
from scanner.ports import JobQueue


class QueueFullError(Exception):
    """Raised inside a run when enough jobs wait."""


class Gate:
    """Queues jobs until so many wait that a push would stand behind them for long."""

    def __init__(self, queue: JobQueue, limit: int) -> None:
        self._queue = queue
        self._limit = limit
        self._room: int | None = None

    def look_again(self) -> None:
        """Ask the queue anew before the next job: others queue as well, and workers take."""
        self._room = None

    def send(self, job: Job) -> None:
        """Queue a job. Raises QueueFullError where it is not, and StoreError."""
        room = self._limit - self._queue.depth() if self._room is None else self._room
        if room <= 0:
            raise QueueFullError
        self._queue.send(jobs.encode(job))
        self._room = room - 1
