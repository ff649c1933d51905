"""The worker: one job from the queue, judged; and what is done with a job that never succeeded."""

import logging
from datetime import UTC, datetime

import azure.functions as func

from scanner import jobs
from scanner.errors import InvalidMessageError, RegistryNotOursError
from scanner.model import Job, RetireJob, ScanJob
from scanner.wiring import JOB_QUEUE, Wiring

logger = logging.getLogger(__name__)

CONNECTION = "PUSHSCAN_STORAGE"


def blueprint(wiring: Wiring) -> func.Blueprint:
    """Build the blueprint with the two queue functions. Plain `def`: an async scan would block."""
    functions = func.Blueprint()

    @functions.function_name("scan_image")
    @functions.queue_trigger("message", JOB_QUEUE, CONNECTION)
    def scan_image(message: func.QueueMessage) -> None:
        tell_wait(message, now=datetime.now(UTC))
        match read_job(message.get_body(), wiring):
            case ScanJob() as job:
                wiring.pipeline.judge(job)
                wiring.ask_to_attach(job.image)
            case RetireJob() as job:
                wiring.retirement.retire(job)

    @functions.function_name("record_abandoned")
    @functions.queue_trigger("message", f"{JOB_QUEUE}-poison", CONNECTION)
    def record_abandoned(message: func.QueueMessage) -> None:
        match read_job(message.get_body(), wiring):
            case ScanJob() as job:
                wiring.publisher.abandon(
                    job,
                    detail="The job failed each time it was tried; the worker's log says why.",
                    now=datetime.now(UTC),
                )
            case RetireJob() as job:
                # Nothing is wrongly said of the image: its last verdict stands as it was.
                logger.error("deletion.abandoned of=%s", job.deletion)

    return functions


def tell_wait(message: func.QueueMessage, *, now: datetime) -> None:
    """Log how long a job lay in the queue, which the host tells nobody; an alert reads it."""
    if queued_at := message.insertion_time:
        waited = (now - queued_at).total_seconds()
        logger.info("job.taken waited=%d tries=%d", waited, message.dequeue_count or 1)


def read_job(untrusted_message: bytes, wiring: Wiring) -> Job | None:
    """Read a job, or keep a message that is none where somebody can look at it.

    No retry makes such a message readable, so it is done with once it is kept. Raises StoreError
    when it cannot be kept.
    """
    try:
        job = jobs.decode(untrusted_message)
        named = job.deletion if isinstance(job, RetireJob) else job.image
        wiring.settings.registries.find(named.registry)
    except (InvalidMessageError, RegistryNotOursError) as error:
        wiring.unreadable_messages.save(untrusted_message, why=str(error))
        logger.warning("job.unreadable bytes=%d why=%s", len(untrusted_message), error)
        return None
    else:
        return job
