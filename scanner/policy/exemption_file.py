"""exemptions.yaml -> exemptions: who lets which finding pass, in which images, why, until when."""

from datetime import datetime, timedelta
from typing import Final

from scanner.model import Exemption, Policy
from scanner.policy.members import Faults, Members
from scanner.policy.nodes import parse

NAME: Final = "exemptions.yaml"
_DAY = timedelta(days=1)


def read_exemptions(
    file: str, untrusted_text: bytes, policy: Policy, *, now: datetime
) -> tuple[Exemption, ...]:
    """Read exemptions. Those that have ended are read too: they let nothing pass any more.

    Args:
        file: Its name, for messages and for the ids of exemptions that have none of their own.
        untrusted_text: The file.
        policy: Caps how far ahead an exemption may end.
        now: From when that counts.

    Raises:
        PolicyError: with every fault: file, line and field.
    """
    faults = Faults(file)
    members = Members(parse(file, untrusted_text), "", faults)
    if members.parsed("version", {"1": 1}.__getitem__, "1") is None and "version" not in members:
        members.missing("version")
    latest = now + timedelta(days=policy.max_exemption_days)
    found: dict[str, Exemption] = {}
    for place, entry in enumerate(members.each("exemptions"), 1):
        exemption = _exemption(entry, f"{file}#{place}")
        if exemption.id in found:
            entry.fault("id", "is that of an earlier exemption")
        found[exemption.id] = exemption
        # The day itself is included, so its end may be a day later.
        if exemption.expires_at > latest + _DAY:
            entry.fault(
                "expires", f"is more than {policy.max_exemption_days} days ahead, which is the most"
            )
        entry.refuse_unread()
    members.refuse_unread()
    faults.raise_any()
    return tuple(found.values())


def _exemption(entry: Members, default_id: str) -> Exemption:
    for name in ("ids", "images", "expires"):
        if name not in entry:
            entry.missing(name)
    return Exemption(
        id=entry.text("id", most=100) if "id" in entry else default_id,
        ids=entry.texts("ids"),
        packages=entry.texts("packages"),
        images=entry.texts("images"),
        owner=entry.text("owner", most=200),
        reason=entry.text("reason"),
        expires_at=entry.day("expires") or datetime.fromisoformat("2000-01-01T00:00:00+00:00"),
    )
