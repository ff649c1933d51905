"""What is said of an image, in the words of other programs. Pure: equal reports, equal bytes.

Nothing of the occasion is in what may be attached to an image: neither when it was judged, nor by
which advisories, nor under which tag. So it changes when what it says changes, and not otherwise.
"""

from scanner.exports.cyclonedx import InvalidBillError, bill_of_materials
from scanner.exports.defender import defender
from scanner.exports.exported import Exported, PlatformReport, exported
from scanner.exports.sarif import sarif
from scanner.exports.workflow_commands import workflow_commands

__all__ = [
    "Exported",
    "InvalidBillError",
    "PlatformReport",
    "bill_of_materials",
    "defender",
    "exported",
    "sarif",
    "workflow_commands",
]
