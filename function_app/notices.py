"""Delivery of queued notices, and the record of those that no channel took."""

import azure.functions as func

from scanner.wiring import NOTICE_QUEUE, Wiring

CONNECTION = "PUSHSCAN_STORAGE"


def blueprint(wiring: Wiring) -> func.Blueprint:
    """Build the blueprint with the two queue functions."""
    functions = func.Blueprint()

    @functions.function_name("deliver_notice")
    @functions.queue_trigger("message", NOTICE_QUEUE, CONNECTION)
    def deliver_notice(message: func.QueueMessage) -> None:
        wiring.notifier.deliver(message.get_body())

    @functions.function_name("record_undelivered")
    @functions.queue_trigger("message", f"{NOTICE_QUEUE}-poison", CONNECTION)
    def record_undelivered(message: func.QueueMessage) -> None:
        wiring.notifier.record_undelivered(message.get_body())

    return functions
