"""The parts of sentences: names, findings, changes. All text from images goes through `fit`."""

from datetime import UTC, datetime

from scanner.classify.deeds import deed
from scanner.model import Finding, Remedy, Weakness
from scanner.notify.announcement import Announcement
from scanner.notify.plain_text import plain

_MAXIMUM_TEXT = 120
_MAXIMUM_TITLE = 160


def fit(untrusted: str, limit: int = _MAXIMUM_TEXT) -> str:
    """Return one short line without marks that hide or reorder, and without a live address.

    Mail and chat programs make a link of whatever looks like one; links are ours alone.
    """
    # Once more after the change, which makes it longer.
    return plain(plain(untrusted, limit).replace("://", "[:]//"), limit)


def count(number: int, one: str, many: str) -> str:
    """Say a number with its noun."""
    return f"{number:,} {one if number == 1 else many}"


def moment(at: datetime) -> str:
    """Write a moment to the minute, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def name_of(told: Announcement) -> str:
    """Name the image as people do: repository and tag, or a digest that can be recognised."""
    if told.tag is not None:
        return f"{fit(told.repository)}:{fit(told.tag)}"
    return f"{fit(told.repository)}@{fit(told.digest, 19)}"


def full_name(told: Announcement) -> str:
    """Name the image so that a command takes it."""
    end = f":{fit(told.tag)}" if told.tag is not None else f"@{fit(told.digest)}"
    return f"{fit(told.registry)}/{fit(told.repository, 256)}{end}"


def subject(found: Finding | Weakness) -> str:
    """Name a finding: what it is and where."""
    if isinstance(found, Finding):
        package = f"{fit(found.package)} {fit(found.installed_version)}".strip()
        return f"{fit(found.vulnerability)} in {package}"
    place = f" in {fit(found.path)}" if found.path else ""
    line = f", line {found.line}" if found.line else ""
    return f"{found.kind.value} {fit(found.id)}{place}{line}"


def finding(found: Finding | Weakness) -> str:
    """Describe a finding, but for its severity."""
    mended = ""
    if isinstance(found, Finding):
        mended = f", fixed in {fit(found.fixed_version)}" if found.fixed_version else ", no fix yet"
    title = fit(found.title, _MAXIMUM_TITLE)
    if isinstance(found, Finding):
        # Advisories often begin with the package's name, which has just been said.
        title = title.removeprefix(f"{fit(found.package)}: ")
    return f"{subject(found)}{mended}" + (f": {title}" if title else "")


def change(remedy: Remedy) -> str:
    """Say what to do, what that clears, and who brought what is to be changed."""
    return deed(remedy, fit)
