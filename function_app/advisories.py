"""Advisories by the clock: one worker fetches them for all, then what is stored is judged anew."""

import azure.functions as func

from scanner.wiring import Wiring


def blueprint(wiring: Wiring) -> func.Blueprint:
    """Build the blueprint with the timer function."""
    functions = func.Blueprint()

    @functions.function_name("update_advisories")
    @functions.timer_trigger(
        "timer", wiring.settings.advisory_updates.schedule, run_on_startup=False, use_monitor=True
    )
    def update_advisories(timer: func.TimerRequest) -> None:  # noqa: ARG001  the host passes it
        try:
            wiring.shared_advisories.update()
        finally:
            # Whoever has fetched them, another worker or an operator: they may be news.
            wiring.catch_up()

    return functions
