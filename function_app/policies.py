"""Policy by the clock: what people wrote is put in force, and what is due is judged again."""

import azure.functions as func

from scanner.wiring import Wiring

_EVERY_MINUTE = "30 * * * * *"
_EVERY_FIVE_MINUTES = "45 */5 * * * *"


def blueprint(wiring: Wiring) -> func.Blueprint:
    """Build the blueprint with both timers. The host lets one instance run each at a time."""
    functions = func.Blueprint()

    @functions.function_name("update_policy")
    @functions.timer_trigger("timer", _EVERY_MINUTE, run_on_startup=False, use_monitor=False)
    def update_policy(timer: func.TimerRequest) -> None:  # noqa: ARG001  the host passes it
        wiring.rulebooks.update()
        wiring.catch_up()

    @functions.function_name("rejudge_due")
    @functions.timer_trigger("timer", _EVERY_FIVE_MINUTES, run_on_startup=False, use_monitor=True)
    def rejudge_due(timer: func.TimerRequest) -> None:  # noqa: ARG001  the host passes it
        wiring.rejudge_due()

    return functions
