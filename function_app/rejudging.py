"""Re-judging: stored images from a queue of their own, so that no push waits behind them.

What fails too often stays on the poison queue: the stored verdict still says what it was held
against, and the next sweep tries again.
"""

import logging

import azure.functions as func

from scanner.errors import InvalidMessageError, RegistryNotOursError
from scanner.rejudge_messages import RejudgeJob, SweepStep, decode_job, decode_step
from scanner.wiring import REJUDGE_QUEUE, SWEEP_QUEUE, Wiring

logger = logging.getLogger(__name__)

CONNECTION = "PUSHSCAN_STORAGE"


def blueprint(wiring: Wiring) -> func.Blueprint:
    """Build the blueprint with the two queue functions."""
    functions = func.Blueprint()

    @functions.function_name("rejudge_image")
    @functions.queue_trigger("message", REJUDGE_QUEUE, CONNECTION)
    def rejudge_image(message: func.QueueMessage) -> None:
        if job := read_job(message.get_body(), wiring):
            wiring.rejudger.judge(job)

    @functions.function_name("sweep_images")
    @functions.queue_trigger("message", SWEEP_QUEUE, CONNECTION)
    def sweep_images(message: func.QueueMessage) -> None:
        if step := read_step(message.get_body(), wiring):
            wiring.sweeper.take(step)

    return functions


def read_job(untrusted_message: bytes, wiring: Wiring) -> RejudgeJob | None:
    """Read a job, or keep a message that is none where somebody can look at it.

    Raises StoreError when it cannot be kept.
    """
    try:
        job = decode_job(untrusted_message)
        wiring.settings.registries.find(job.image.registry)
    except (InvalidMessageError, RegistryNotOursError) as error:
        _keep(untrusted_message, error, wiring)
        return None
    else:
        return job


def read_step(untrusted_message: bytes, wiring: Wiring) -> SweepStep | None:
    """Read a step, or keep a message that is none. Raises StoreError when it cannot be kept."""
    try:
        return decode_step(untrusted_message)
    except InvalidMessageError as error:
        _keep(untrusted_message, error, wiring)
        return None


def _keep(untrusted_message: bytes, error: Exception, wiring: Wiring) -> None:
    wiring.unreadable_messages.save(untrusted_message, why=str(error))
    logger.warning("rejudging.unreadable bytes=%d why=%s", len(untrusted_message), error)
