"""What an operator decides about the reconciler."""

from dataclasses import dataclass

from scanner.environment import Environment, globs, schedule
from scanner.reconcile import Choice

_HOURLY = "0 7 * * * *"
"""A lost event is soon enough an hour later, and 1,000 repositories are few minutes of listing.

Not on the hour, when everybody's timers run.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileSettings:
    """When the registries are listed, and which of their repositories."""

    schedule: str
    """NCRONTAB, six fields, UTC."""
    choice: Choice


def read(environment: Environment) -> ReconcileSettings:
    """Read the settings; faults are noted in the environment."""
    choice = Choice()
    expected = "a comma-separated list of globs"
    return ReconcileSettings(
        schedule=environment.parsed(
            "PUSHSCAN_RECONCILE_SCHEDULE", schedule, _HOURLY, "six NCRONTAB fields"
        ),
        choice=Choice(
            allow=environment.parsed("PUSHSCAN_RECONCILE_ALLOW", globs, choice.allow, expected),
            deny=environment.parsed("PUSHSCAN_RECONCILE_DENY", globs, choice.deny, expected),
        ),
    )
