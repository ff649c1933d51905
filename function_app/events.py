"""Event Grid's queue: each push and each deletion becomes a job before the message is done with."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

import azure.functions as func

from scanner import jobs
from scanner.errors import InvalidMessageError
from scanner.events import QuietEvent, parse_message
from scanner.model import Registries
from scanner.wiring import EVENT_QUEUE, Wiring

logger = logging.getLogger(__name__)

CONNECTION = "PUSHSCAN_STORAGE"


def blueprint(wiring: Wiring) -> func.Blueprint:
    """Build the blueprint with the two queue functions."""
    functions = func.Blueprint()

    @functions.function_name("receive_events")
    @functions.queue_trigger("message", EVENT_QUEUE, CONNECTION)
    def receive_events(message: func.QueueMessage) -> None:
        handle(message)

    # Only storage out of reach brings a message there. The host tries a poison queue for ever.
    @functions.function_name("receive_events_again")
    @functions.queue_trigger("message", f"{EVENT_QUEUE}-poison", CONNECTION)
    def receive_events_again(message: func.QueueMessage) -> None:
        handle(message)

    def handle(message: func.QueueMessage) -> None:
        def keep(untrusted_message: bytes, why: str) -> None:
            wiring.unreadable_messages.save(untrusted_message, why=why)

        receive(message.get_body(), wiring.settings.registries, wiring.job_queue.send, keep)

    return functions


def receive(
    untrusted_message: bytes,
    registries: Registries,
    enqueue: Callable[[str], None],
    keep: Callable[[bytes, str], None],
) -> None:
    """Queue a job for each event of a message; keep a message that is unreadable, even in part.

    `enqueue` and `keep` raise StoreError unless what they were given is durable. The message is
    then tried again as a whole, which is harmless: the same event gives the same job. No retry
    makes an event readable, so the message is done with once it is kept.
    """
    try:
        batch = parse_message(untrusted_message, registries)
    except InvalidMessageError as error:
        _keep(untrusted_message, str(error), keep)
        return
    for event in batch.events:
        if isinstance(event, QuietEvent):
            logger.info("event.ignored action=%s", event.action)
            continue
        job = jobs.job_for(event, now=datetime.now(UTC))
        enqueue(jobs.encode(job))
        logger.info("event.queued job=%s event=%s image=%s", job.id, event.event_id, event.name)
    if batch.faults:
        _keep(untrusted_message, "; ".join(batch.faults), keep)


def _keep(untrusted_message: bytes, why: str, keep: Callable[[bytes, str], None]) -> None:
    keep(untrusted_message, why)
    logger.warning("event.unreadable bytes=%d why=%s", len(untrusted_message), why)
