"""The app that the Functions worker indexes: one blueprint a joint of the flow."""

import logging

import azure.functions as func

from function_app import (
    advisories,
    attaching,
    events,
    intake,
    notices,
    policies,
    posture,
    rejudging,
    rescan,
    timers,
    worker,
)
from scanner import settings
from scanner.wiring import Wiring

# The SDKs tell each request and its headers at INFO, eleven lines for a poll.
logging.getLogger("azure.core").setLevel(logging.WARNING)
logging.getLogger("azure.identity").setLevel(logging.WARNING)
logging.getLogger("urllib3").setLevel(logging.WARNING)  # at DEBUG it writes signed URLs

# Read here, so that a fault in the settings stops the app at start and not at the first push.
_wiring = Wiring(settings.load())

app = func.FunctionApp()
app.register_functions(intake.blueprint(_wiring))
app.register_functions(events.blueprint(_wiring))
app.register_functions(worker.blueprint(_wiring))
app.register_functions(rejudging.blueprint(_wiring))
app.register_functions(notices.blueprint(_wiring))
app.register_functions(timers.blueprint(_wiring))
app.register_functions(advisories.blueprint(_wiring))
app.register_functions(policies.blueprint(_wiring))
app.register_functions(rescan.blueprint(_wiring))
app.register_functions(posture.blueprint(_wiring))
if _wiring.settings.attaching.kinds:
    # A queue that is never filled would be asked twice a second, and each question costs.
    app.register_functions(attaching.blueprint(_wiring))
