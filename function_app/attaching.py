"""Attaching exports to images, from a queue of its own: no verdict waits for it or fails by it."""

import logging

import azure.functions as func

from scanner import attach_messages
from scanner.errors import InvalidMessageError, RegistryNotOursError
from scanner.model import ImageReference
from scanner.wiring import ATTACH_QUEUE, Wiring

logger = logging.getLogger(__name__)

CONNECTION = "PUSHSCAN_STORAGE"


def blueprint(wiring: Wiring) -> func.Blueprint:
    """Build the blueprint with the two queue functions."""
    functions = func.Blueprint()

    @functions.function_name("attach_exports")
    @functions.queue_trigger("message", ATTACH_QUEUE, CONNECTION)
    def attach_exports(message: func.QueueMessage) -> None:
        if image := read_image(message.get_body(), wiring):
            wiring.attacher.attach(image)

    @functions.function_name("give_up_attaching")
    @functions.queue_trigger("message", f"{ATTACH_QUEUE}-poison", CONNECTION)
    def give_up_attaching(message: func.QueueMessage) -> None:
        # The verdict stands and is told all the same; the next judgement asks again.
        if image := read_image(message.get_body(), wiring):
            logger.error("export.given_up image=%s", image)

    return functions


def read_image(untrusted_message: bytes, wiring: Wiring) -> ImageReference | None:
    """Read a request, or keep a message that is none. Raises StoreError when it cannot be kept."""
    try:
        image = attach_messages.decode(untrusted_message)
        wiring.settings.registries.find(image.registry)
    except (InvalidMessageError, RegistryNotOursError) as error:
        wiring.unreadable_messages.save(untrusted_message, why=str(error))
        logger.warning("attaching.unreadable bytes=%d why=%s", len(untrusted_message), error)
        return None
    else:
        return image
