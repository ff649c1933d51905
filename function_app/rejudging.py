"""Re-judging: stored images from a queue of their own, so that no push waits behind them.

A later sweep need not concern an image that this one could not judge. So what fails too often takes
the way of a push, which gives up aloud; and a stretch of a sweep is tried for ever.
"""

import logging
from dataclasses import replace

import azure.functions as func

from scanner.errors import InvalidMessageError, RegistryNotOursError
from scanner.rejudge_messages import RejudgeJob, SweepStep, decode_job, decode_step
from scanner.wiring import REJUDGE_QUEUE, SWEEP_QUEUE, Wiring

logger = logging.getLogger(__name__)

CONNECTION = "PUSHSCAN_STORAGE"


def blueprint(wiring: Wiring) -> func.Blueprint:
    """Build the blueprint with the four queue functions."""
    functions = func.Blueprint()

    @functions.function_name("rejudge_image")
    @functions.queue_trigger("message", REJUDGE_QUEUE, CONNECTION)
    def rejudge_image(message: func.QueueMessage) -> None:
        if job := read_job(message.get_body(), wiring):
            wiring.rejudger.judge(job)
            for image in job.images:
                wiring.ask_to_attach(image)

    @functions.function_name("sweep_images")
    @functions.queue_trigger("message", SWEEP_QUEUE, CONNECTION)
    def sweep_images(message: func.QueueMessage) -> None:
        take(message)

    @functions.function_name("rejudge_from_registry")
    @functions.queue_trigger("message", f"{REJUDGE_QUEUE}-poison", CONNECTION)
    def rejudge_from_registry(message: func.QueueMessage) -> None:
        if job := read_job(message.get_body(), wiring):
            wiring.registry_turn.take(job.images)
            logger.warning("rejudging.given_up images=%s", " ".join(map(str, job.images)))

    # All images behind the stretch wait for it. The host tries a poison queue for ever.
    @functions.function_name("sweep_images_again")
    @functions.queue_trigger("message", f"{SWEEP_QUEUE}-poison", CONNECTION)
    def sweep_images_again(message: func.QueueMessage) -> None:
        take(message)

    def take(message: func.QueueMessage) -> None:
        if step := read_step(message.get_body(), wiring):
            wiring.sweeper.take(step)

    return functions


def read_job(untrusted_message: bytes, wiring: Wiring) -> RejudgeJob | None:
    """Read a job, or keep a message that is none where somebody can look at it.

    So with one on images of which some are not ours; the others are judged. Raises StoreError when
    it cannot be kept.
    """
    try:
        job = decode_job(untrusted_message)
    except InvalidMessageError as error:
        _keep(untrusted_message, error, wiring)
        return None
    ours = []
    strange: RegistryNotOursError | None = None
    for image in job.images:
        try:
            wiring.settings.registries.find(image.registry)
        except RegistryNotOursError as error:
            strange = error
        else:
            ours.append(image)
    if strange:
        _keep(untrusted_message, strange, wiring)
    return replace(job, images=tuple(ours)) if ours else None


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
