"""Which exemption, or which statement of a product's maker, lets a finding pass?"""

from scanner.classify.globs import any_matches
from scanner.classify.products import concerns_product
from scanner.classify.subjects import Surroundings, id_of
from scanner.model import Exemption, Finding, Rulebook, Subject, VexStatement

_HARMLESS = frozenset({"not_affected", "fixed"})


def exemption_for(
    subject: Subject, image: Surroundings, rulebook: Rulebook
) -> Exemption | VexStatement | None:
    """Return what lets a finding pass: a statement, or the exemption that lasts longest."""
    known = rulebook.exemptions
    for statement in known.statements:
        if isinstance(subject, Finding) and _applies(statement, subject, image):
            return statement
    lasting = [one for one in known.exemptions if _exempts(one, subject, image)]
    return max(lasting, key=lambda one: (one.expires_at, one.id), default=None)


def _exempts(exemption: Exemption, subject: Subject, image: Surroundings) -> bool:
    package = subject.package if isinstance(subject, Finding) else None
    return (
        image.as_of < exemption.expires_at
        and any_matches(exemption.ids, id_of(subject))
        and any_matches(exemption.images, f"{image.registry}/{image.repository}")
        and (
            not exemption.packages
            or (package is not None and any_matches(exemption.packages, package))
        )
    )


def _applies(statement: VexStatement, finding: Finding, image: Surroundings) -> bool:
    return (
        statement.status in _HARMLESS
        and finding.vulnerability in statement.vulnerabilities
        and concerns_product(statement, finding, image)
    )
