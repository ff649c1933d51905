"""What somebody should do, in one line; the same words on every screen and in every message."""

from collections.abc import Callable
from typing import Final

from scanner.model import Origin, Remedy, RemedyKind

_MOST_IDS: Final = 3
_ORIGINS: Final = {
    Origin.BASE: "from the base image",
    Origin.THIS_PUSH: "new with this push",
    Origin.EARLIER: "already in the image before",
    Origin.UNKNOWN: "",
}


def origin_words(origin: Origin) -> str:
    """Say who brought something; nothing where that cannot be told."""
    return _ORIGINS[origin]


def deed(remedy: Remedy, fit: Callable[[str], str]) -> str:
    """Say what to do, what that clears, and who brought what is to be changed.

    Args:
        remedy: What to change.
        fit: Makes text from an image fit to be shown.
    """
    clears = [fit(one) for one in remedy.clears[:_MOST_IDS]]
    if len(remedy.clears) > _MOST_IDS:
        clears.append(f"and {len(remedy.clears) - _MOST_IDS} more")
    done = f" (clears {', '.join(clears)})" if clears else ""
    origin = origin_words(remedy.origin)
    return f"{_what(remedy, fit)}{done}{f'; {origin}' if origin else ''}"


def _what(remedy: Remedy, fit: Callable[[str], str]) -> str:
    target, wanted = fit(remedy.target), fit(remedy.wanted_version)
    kind = f" ({fit(remedy.package_type)})" if remedy.package_type else ""
    installed = fit(remedy.installed_version)
    match remedy.kind:
        case RemedyKind.UPGRADE:
            return f"Upgrade {target}{kind} from {installed} to {wanted}"
        case RemedyKind.REBASE:
            return f"Build on a newer base image: {target} {wanted}".rstrip()
        case RemedyKind.REMOVE if remedy.package_type:
            return f"Remove {target}{kind} {installed}, which has no fixed version"
        case RemedyKind.REMOVE:
            return f"Remove {target} from the image and revoke what it holds"
        case RemedyKind.CONFIGURE:
            return f"Change the image's settings: {target}"
