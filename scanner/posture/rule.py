"""What a rule is, and what it finds."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from scanner.posture.known import Unknown
from scanner.posture.snapshot import Sku, Snapshot


class Severity(IntEnum):
    """How much it matters; INFO is worth knowing and nothing to hurry for."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3


class Outcome(StrEnum):
    """What became of one rule on one registry."""

    PASS = "pass"  # noqa: S105  an outcome, not a secret
    FAIL = "fail"
    NOT_APPLICABLE = "not-applicable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The outcome of a rule, what it rests on, and the command that mends it."""

    outcome: Outcome
    evidence: str
    remedy: str = ""
    severity: Severity | None = None
    """Where this case weighs less than the rule's own severity."""


def passed(evidence: str) -> Found:
    """The control is met."""
    return Found(outcome=Outcome.PASS, evidence=evidence)


def failed(evidence: str, *, remedy: str, severity: Severity | None = None) -> Found:
    """The control is not met; `remedy` is a command for a shell."""
    return Found(outcome=Outcome.FAIL, evidence=evidence, remedy=remedy, severity=severity)


def not_applicable(evidence: str) -> Found:
    """There is nothing that the control could be about."""
    return Found(outcome=Outcome.NOT_APPLICABLE, evidence=evidence)


def unknown(*reasons: Unknown | str) -> Found:
    """What the rule must read could not be read."""
    said = "; ".join(reason.why if isinstance(reason, Unknown) else reason for reason in reasons)
    return Found(outcome=Outcome.UNKNOWN, evidence=said)


ALL_SKUS: Final = frozenset(Sku)
STANDARD_AND_PREMIUM: Final = frozenset({Sku.STANDARD, Sku.PREMIUM})
PREMIUM_ONLY: Final = frozenset({Sku.PREMIUM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One control as a pure function over a snapshot."""

    id: str
    control: str
    reads: str
    """The ARM properties and lists."""
    severity: Severity
    why: str
    examine: Callable[[Snapshot], Found]
    skus: frozenset[Sku] = ALL_SKUS
    """Where the control exists at all."""
    policies: tuple[str, ...] = ()
    """Built-in definitions of Azure Policy that ask for the same, by GUID, auditing ones first."""
    other_checks: tuple[str, ...] = ()
    """The same check in other tools: checkov, PSRule for Azure."""

    def judge(self, snapshot: Snapshot) -> Found:
        """Examine a snapshot, where its SKU has the control."""
        if self.skus == ALL_SKUS:
            return self.examine(snapshot)
        if isinstance(snapshot.sku, Unknown):
            return unknown(snapshot.sku)
        if snapshot.sku not in self.skus:
            needed = " or ".join(sku for sku in Sku if sku in self.skus)
            return not_applicable(f"sku {snapshot.sku} does not have it; {needed} does")
        return self.examine(snapshot)
