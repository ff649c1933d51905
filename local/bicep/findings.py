"""What is wrong with a Bicep file, and where."""

from dataclasses import dataclass, field
from pathlib import Path

from local.bicep.tree import Node, Place


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One fault; `kind` is a short word that stays the same, `about` says the rest."""

    path: Path
    at: Place
    kind: str
    about: str

    def __str__(self) -> str:
        return f"{self.path}:{self.at.line}:{self.at.column}: {self.kind}: {self.about}"


@dataclass(slots=True)
class Findings:
    """The faults of one file as they are found."""

    path: Path
    found: set[Finding] = field(default_factory=set)

    def add(self, where: Node | Place, kind: str, about: str) -> None:
        """Note a fault; the same one twice counts once."""
        at = where.at if isinstance(where, Node) else where
        self.found.add(Finding(path=self.path, at=at, kind=kind, about=about))
