"""Once a week: how far each registry of the settings is from its controls."""

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import azure.functions as func

from scanner.errors import PostureError
from scanner.wiring import Wiring

if TYPE_CHECKING:
    from scanner.posture.archive import PostureArchive
    from scanner.posture.arm import Arm

logger = logging.getLogger(__name__)

SCHEDULE = "0 30 4 * * 1"
"""Mondays at 04:30 UTC, as NCRONTAB with seconds."""


def blueprint(wiring: Wiring) -> func.Blueprint:
    """Build the blueprint with the one timer function."""
    functions = func.Blueprint()

    @functions.function_name("assess_registries")
    @functions.timer_trigger("timer", SCHEDULE, run_on_startup=False)
    def assess_registries(timer: func.TimerRequest) -> None:
        del timer
        with wiring.arm() as arm:
            assess_all(
                wiring.settings.registries.canonical,
                arm,
                wiring.posture_archive,
                now=datetime.now(UTC),
            )

    return functions


def assess_all(
    login_servers: frozenset[str], arm: "Arm", archive: "PostureArchive", *, now: datetime
) -> None:
    """Assess each registry that the identity can see, and keep the result.

    One that cannot be read is logged and the others go on. Raises PostureError when ARM cannot be
    asked at all, and StoreError when a result could not be kept.
    """
    from scanner.posture.assessment import assess  # noqa: PLC0415  the webhook's start is short
    from scanner.posture.live import (  # noqa: PLC0415  likewise
        read_registry,
        registries_by_login_server,
    )
    from scanner.posture.rule import Severity  # noqa: PLC0415  likewise

    resource_ids = registries_by_login_server(arm)
    for login_server in sorted(login_servers):
        resource_id = resource_ids.get(login_server)
        if resource_id is None:
            logger.warning("posture.not_visible registry=%s", login_server)
            continue
        try:
            assessment = assess(read_registry(arm, resource_id), now=now)
        except PostureError as error:
            logger.warning("posture.not_read registry=%s why=%s", login_server, error)
            continue
        archive.save(assessment)
        logger.info(
            "posture.stored registry=%s open=%d unknown=%d",
            login_server,
            len(assessment.open_from(Severity.INFO)),
            len(assessment.unknown_from(Severity.INFO)),
        )
