"""What may pass for a time, and what does not affect an image at all."""

from dataclasses import dataclass
from datetime import datetime

from scanner.model.reference import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """Somebody's decision to let a finding pass until a day."""

    id: str
    ids: tuple[str, ...]
    """Globs on the id of the vulnerability, or of the rule that found a weakness."""
    packages: tuple[str, ...]
    """Globs on package names; empty for any, and for what is in no package."""
    images: tuple[str, ...]
    """Globs on `registry/repository`."""
    owner: str
    reason: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VexStatement:
    """What the maker of a product says of a vulnerability in it: not affected, or fixed."""

    id: str
    """Of the document, and the place in it."""
    vulnerabilities: tuple[str, ...]
    """Its name and its aliases."""
    products: tuple[str, ...]
    """Package URLs of images or packages; of an image with `subcomponents` only those in it."""
    subcomponents: tuple[str, ...]
    status: str
    justification: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemptions:
    """All of them."""

    exemptions: tuple[Exemption, ...] = ()
    statements: tuple[VexStatement, ...] = ()
    digest: Digest | None = None
    """sha256 of the canonical form; None where there are none."""
