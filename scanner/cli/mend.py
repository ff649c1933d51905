"""What would make a verdict possible."""

from typing import Final

from scanner.model import NotApplicableReason, UnknownReason

REMEDIES: Final = {
    UnknownReason.ABANDONED: "See why in the app's log, then push again or replay the event.",
    UnknownReason.CORRUPT_LAYER: "Build and push the image again: a layer is not what it claims.",
    UnknownReason.DISK_LIMIT: "Make the image smaller: it unpacks to more than a scan may use.",
    UnknownReason.EMPTY_IMAGE: "Push an index that names at least one platform's image.",
    UnknownReason.END_OF_LIFE: "Move to a release of the distribution that still gets fixes.",
    UnknownReason.FOREIGN_LAYER: "Push the layers into the registry instead of linking to them.",
    UnknownReason.INCOMPLETE: "Push what is missing or unreadable in the image, then push again.",
    UnknownReason.MALFORMED_MANIFEST: "Push again with a tool that follows the OCI image spec.",
    UnknownReason.MEMORY_LIMIT: "Make the image smaller: its scan takes more memory than allowed.",
    UnknownReason.NO_ADVISORIES: "Update the advisories, or move to a release that has some.",
    UnknownReason.NO_PACKAGES: "Keep the distribution's package database in the image.",
    UnknownReason.OUTPUT_LIMIT: "Split the image: it holds more packages than a report may.",
    UnknownReason.REDIRECT: "If that host is your registry's, add it to PUSHSCAN_BLOB_HOSTS.",
    UnknownReason.SANDBOX_VIOLATION: "Treat the image as hostile: its scan tried to break out.",
    UnknownReason.SCANNER_CRASH: "Report the image to Trivy's maintainers: Trivy broke on it.",
    UnknownReason.STALE_ADVISORIES: "Run `pushscan advisories update`, then push or replay again.",
    UnknownReason.TIMEOUT: "Make the image smaller, or raise PUSHSCAN_SCAN_SECONDS.",
    UnknownReason.TOO_LARGE: "Make the image smaller: it is over the limit that is named above.",
    UnknownReason.UNSUPPORTED_OS: "Use a base image of a distribution that advisories exist for.",
}


def remedy(reason: UnknownReason | NotApplicableReason | None) -> str:
    """Return what to do about an unknown verdict, in one sentence, or nothing."""
    return REMEDIES[reason] if isinstance(reason, UnknownReason) else ""
