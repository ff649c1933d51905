"""Once a week: how far each registry of the settings is from its controls."""

import logging
from collections.abc import Sequence
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
        settings = wiring.settings
        with wiring.arm() as arm:
            wanted = settings.assessed_registries or find(settings.registries.canonical, arm)
            assess_all(wanted, arm, wiring.posture_archive, now=datetime.now(UTC))

    return functions


def find(login_servers: frozenset[str], arm: "Arm") -> list[str]:
    """Return the resource id of each registry that the identity can see.

    The others are told in the log. Raises PostureError when ARM cannot be asked at all.
    """
    from scanner.posture.live import registries_by_login_server  # noqa: PLC0415  likewise

    resource_ids = registries_by_login_server(arm)
    for login_server in sorted(login_servers - set(resource_ids)):
        logger.warning("posture.not_visible registry=%s", login_server)
    return [resource_ids[known] for known in sorted(login_servers & set(resource_ids))]


def assess_all(
    resource_ids: Sequence[str], arm: "Arm", archive: "PostureArchive", *, now: datetime
) -> None:
    """Assess each registry, and keep the result.

    One that cannot be read is logged and the others go on. Raises StoreError when a result could
    not be kept.
    """
    from scanner.posture.assessment import assess  # noqa: PLC0415  the webhook's start is short
    from scanner.posture.live import read_registry  # noqa: PLC0415  likewise
    from scanner.posture.rule import Severity  # noqa: PLC0415  likewise

    for resource_id in resource_ids:
        name = resource_id.rpartition("/")[2]
        try:
            assessment = assess(read_registry(arm, resource_id), now=now)
        except PostureError as error:
            logger.warning("posture.not_read registry=%s why=%s", name, error)
            continue
        archive.save(assessment)
        logger.info(
            "posture.stored registry=%s open=%d unknown=%d",
            name,
            len(assessment.open_from(Severity.INFO)),
            len(assessment.unknown_from(Severity.INFO)),
        )
