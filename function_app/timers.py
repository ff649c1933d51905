"""What runs by the clock: the reconciler, so that nothing stays unseen."""

import azure.functions as func

from scanner.wiring import Wiring


def blueprint(wiring: Wiring) -> func.Blueprint:
    """Build the blueprint with the timer function. The host lets one instance run it at a time."""
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

    return functions
