"""Delivery of queued notices, one by one or as digests, and the record of those nobody took."""

import azure.functions as func

from scanner.wiring import NOTICE_QUEUE, Wiring

CONNECTION = "PUSHSCAN_STORAGE"


def blueprint(wiring: Wiring) -> func.Blueprint:
    """Build the blueprint with the two queue functions and the digests' timer."""
    functions = func.Blueprint()

    @functions.function_name("deliver_notice")
    @functions.queue_trigger("message", NOTICE_QUEUE, CONNECTION)
    def deliver_notice(message: func.QueueMessage) -> None:
        wiring.notifier.deliver(message.get_body())

    @functions.function_name("record_undelivered")
    @functions.queue_trigger("message", f"{NOTICE_QUEUE}-poison", CONNECTION)
    def record_undelivered(message: func.QueueMessage) -> None:
        wiring.notifier.record_undelivered(message.get_body())

    # Shortly after the five minutes that digests are mostly due at.
    @functions.function_name("send_digests")
    @functions.timer_trigger("timer", "10 */5 * * * *", run_on_startup=False, use_monitor=True)
    def send_digests(timer: func.TimerRequest) -> None:  # noqa: ARG001  the host passes it
        wiring.digests.send_due()

    return functions
