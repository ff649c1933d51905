"""What the removal of old things has in common."""

from datetime import timedelta
from typing import Final

RETENTION: Final = "retention"
"""Names the table of how far each removal has come."""
BUDGET: Final = timedelta(minutes=10)
"""Of each: two of them end long before the host's limit of 30."""


class TimeUpError(Exception):
    """Raised inside a run when its budget is used up."""
