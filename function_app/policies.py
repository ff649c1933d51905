"""Policy by the clock: what people wrote is put in force, newer tables too; what is due judged."""

import azure.functions as func

from scanner.wiring import Wiring

_EVERY_MINUTE = "30 * * * * *"
_EVERY_FOUR_HOURS = "15 41 */4 * * *"
_EVERY_FIVE_MINUTES = "45 */5 * * * *"


def blueprint(wiring: Wiring) -> func.Blueprint:
    """Build the blueprint with the three timers. The host lets one instance run each at a time."""
    functions = func.Blueprint()

    @functions.function_name("update_policy")
    @functions.timer_trigger("timer", _EVERY_MINUTE, run_on_startup=False, use_monitor=False)
    def update_policy(timer: func.TimerRequest) -> None:  # noqa: ARG001  the host passes it
        wiring.rulebooks.update()
        wiring.exploit_updates.update_missing()
        wiring.catch_up()

    @functions.function_name("update_exploits")
    @functions.timer_trigger("timer", _EVERY_FOUR_HOURS, run_on_startup=False, use_monitor=True)
    def update_exploits(timer: func.TimerRequest) -> None:  # noqa: ARG001  the host passes it
        # What is news is seen by the timer above, within a minute.
        wiring.exploit_updates.update()

    @functions.function_name("rejudge_due")
    @functions.timer_trigger("timer", _EVERY_FIVE_MINUTES, run_on_startup=False, use_monitor=True)
    def rejudge_due(timer: func.TimerRequest) -> None:  # noqa: ARG001  the host passes it
        wiring.rejudge_due()

    return functions
