"""The composition root: builds each collaborator on first use, from the settings.

SDKs are imported when they are needed and not before: ACR gives the webhook 5 seconds, and a cold
start is part of them.
"""

from scanner.wiring.app import Wiring
from scanner.wiring.operations import Operations, operations
from scanner.wiring.parts import (
    ATTACH_QUEUE,
    EVENT_QUEUE,
    JOB_QUEUE,
    NOTICE_QUEUE,
    REJUDGE_QUEUE,
    SWEEP_QUEUE,
    advisory_archive,
    arm,
    credential,
    posture_archive,
    pull_log,
    report_store,
    rulebooks,
    storage_connection,
    sweeper,
)

__all__ = [
    "ATTACH_QUEUE",
    "EVENT_QUEUE",
    "JOB_QUEUE",
    "NOTICE_QUEUE",
    "REJUDGE_QUEUE",
    "SWEEP_QUEUE",
    "Operations",
    "Wiring",
    "advisory_archive",
    "arm",
    "credential",
    "operations",
    "posture_archive",
    "pull_log",
    "report_store",
    "rulebooks",
    "storage_connection",
    "sweeper",
]
