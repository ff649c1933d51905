"""Two reports beside each other: what of the evidence differs."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from scanner.judging import identified
from scanner.model import Digest, Finding, Report
from scanner.store import report_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One member of the evidence that is not the same, as canonical JSON; of a list in words."""

    member: str
    """Where it stands in the report, e.g. `verdict.rule`."""
    stored: str
    again: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What came of examining again."""

    stored: Digest
    """Of the stored report's evidence as canonical JSON."""
    again: Digest
    differences: tuple[Difference, ...]
    only_stored: tuple[Finding, ...]
    only_again: tuple[Finding, ...]

    @property
    def is_equal(self) -> bool:
        """Whether the evidence is the same byte for byte, and the report's id belongs to it."""
        return self.stored == self.again and not self.differences


def compare(stored: Report, again: Report) -> Comparison:
    """Compare the evidence of two reports. Raises StoreError for text that is no Unicode."""
    members = list(_members("", report_json.evidence(stored), report_json.evidence(again)))
    own_id = identified(stored).id
    if own_id != stored.id:
        members.insert(0, Difference(member="id", stored=_text(stored.id), again=_text(own_id)))
    before, now = (Counter(one.scan.findings if one.scan else ()) for one in (stored, again))
    return Comparison(
        stored=Digest.of(report_json.encode_evidence(stored)),
        again=Digest.of(report_json.encode_evidence(again)),
        differences=tuple(members),
        only_stored=tuple((before - now).elements()),
        only_again=tuple((now - before).elements()),
    )


def _members(name: str, stored: Any, again: Any) -> Iterator[Difference]:  # noqa: ANN401 - JSON
    if isinstance(stored, dict) and isinstance(again, dict):
        for member in sorted(stored.keys() | again.keys()):
            inner = f"{name}.{member}" if name else member
            yield from _members(inner, stored.get(member), again.get(member))
    elif isinstance(stored, list) and isinstance(again, list):
        if stored != again:
            yield Difference(
                member=name, stored=_list_text(stored, again), again=_list_text(again, stored)
            )
    elif stored != again:
        yield Difference(member=name, stored=_text(stored), again=_text(again))


def _list_text(own: list[Any], other: list[Any]) -> str:
    mine, theirs = (Counter(map(msgspec.json.encode, each)) for each in (own, other))
    if mine == theirs:
        return f"{len(own)}, in another order"
    return f"{len(own)}, {(mine - theirs).total()} of them only here"


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    return "present" if isinstance(value, dict) else msgspec.json.encode(value).decode()
