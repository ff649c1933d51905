"""Whether the weekly audit could read a registry's settings: one line of `pushscan doctor`."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Final

from scanner.cli.doctor import Check, Diagnosis, Outcome
from scanner.errors import PostureError
from scanner.posture.arm import Arm
from scanner.posture.assessment import assess
from scanner.posture.live import read_registry
from scanner.posture.rule import Severity
from scanner.settings import Settings
from scanner.wiring import Wiring

_SECONDS: Final = 60.0
_REMEDY: Final = "give the identity the actions that docs/controls.md lists; pushes need none of it"
_TOLD_WITH_A_SECRET: Final = {"ACR016"}
"""ARM tells a webhook's address with its secret alone, which the app is not to have."""


def audit_checks(given: Settings) -> Iterator[Check]:
    """Yield a check for each registry that the settings name by its id."""
    for resource_id in given.assessed_registries:
        yield Check(
            name=f"audit of {resource_id.rpartition('/')[2]}",
            seconds=_SECONDS,
            examine=partial(examine_audit, Wiring(given).arm, resource_id),
        )


def examine_audit(connect: Callable[[], Arm], resource_id: str) -> Diagnosis:
    """Read the settings once. Whatever is missing is a warning: no push waits for it."""
    try:
        with connect() as arm:
            assessment = assess(read_registry(arm, resource_id), now=datetime.now(UTC))
    except PostureError as error:
        return Diagnosis(outcome=Outcome.WARN, detail=f"{error}: {_REMEDY}")
    unknown = {finding.rule for finding in assessment.unknown_from(Severity.INFO)}
    findings = len(assessment.open_from(Severity.INFO))
    said = f"its settings can be read; {findings} findings, see `pushscan posture`"
    if missing := sorted(unknown - _TOLD_WITH_A_SECRET):
        detail = f"{said}; not known: {', '.join(missing)}: {_REMEDY}"
        return Diagnosis(outcome=Outcome.WARN, detail=detail)
    return Diagnosis(outcome=Outcome.OK, detail=said)
