"""What runs by the clock: whatever needs no event, so that nothing stays unseen or untold."""

import azure.functions as func

from scanner.wiring import Wiring

_EVERY_FIVE_MINUTES = "0 */5 * * * *"
REMOVAL = "0 40 2 * * 0"
"""Sundays at 02:40 UTC, as NCRONTAB with seconds."""


def blueprint(wiring: Wiring) -> func.Blueprint:
    """Build the blueprint with the timers. The host runs each in one instance at a time."""
    functions = func.Blueprint()

    @functions.function_name("reconcile_registry")
    @functions.timer_trigger(
        "timer",
        wiring.settings.reconciling.schedule,
        run_on_startup=False,
        use_monitor=True,
    )
    def reconcile_registry(timer: func.TimerRequest) -> None:  # noqa: ARG001  the host passes it
        wiring.reconciler.run()

    @functions.function_name("wake_streams")
    @functions.timer_trigger("timer", _EVERY_FIVE_MINUTES, run_on_startup=False, use_monitor=True)
    def wake_streams(timer: func.TimerRequest) -> None:  # noqa: ARG001  the host passes it
        wiring.herald.wake()

    @functions.function_name("remove_old")
    @functions.timer_trigger("timer", REMOVAL, run_on_startup=False, use_monitor=True)
    def remove_old(timer: func.TimerRequest) -> None:  # noqa: ARG001  the host passes it
        wiring.remove_old()

    return functions
