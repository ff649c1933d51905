"""Does a rule concern a finding? What nobody knows is said so, and is never taken for "no"."""

from collections.abc import Iterator

from scanner.classify.globs import any_matches
from scanner.classify.subjects import (
    Surroundings,
    id_of,
    kind_of,
    score_of,
    severity_of,
)
from scanner.model import Finding, Kind, Rule, Rulebook, Subject, What, Where
from scanner.model.exploits import EPSS, KNOWN_EXPLOITED

Answer = bool | str
"""Whether a condition holds, or the name of the input that would tell."""


def unknowns(
    rule: Rule, subject: Subject, image: Surroundings, rulebook: Rulebook
) -> tuple[str, ...] | None:
    """Name the inputs without which it cannot be told whether a rule concerns a finding.

    Returns None where it does not, whatever they are, and nothing where it does.
    """
    return _unknown(
        (*_where(rule.where, image), *_what(rule.what, subject, image, rulebook)),
    )


def concerns_image(rule: Rule, image: Surroundings) -> bool:
    """Whether a rule on distributions past their end of life concerns an image."""
    return Kind.END_OF_LIFE in rule.what.kinds and _unknown(_where(rule.where, image)) == ()


def _unknown(answers: tuple[Answer, ...]) -> tuple[str, ...] | None:
    if any(answer is False for answer in answers):
        return None
    return tuple(dict.fromkeys(answer for answer in answers if isinstance(answer, str)))


def _where(where: Where, image: Surroundings) -> tuple[Answer, ...]:
    return (
        not where.registries or any_matches(where.registries, image.registry),
        not where.repositories or any_matches(where.repositories, image.repository),
        _has_tag(where, image.tag),
    )


def _has_tag(where: Where, tag: str | None) -> Answer:
    if not where.tags:
        return True
    return "tag" if tag is None else any_matches(where.tags, tag)


def _what(
    what: What, subject: Subject, image: Surroundings, rulebook: Rulebook
) -> Iterator[Answer]:
    kind = kind_of(subject)
    yield kind in what.kinds if what.kinds else True
    yield not what.ids or any_matches(what.ids, id_of(subject))
    if what.severity is not None:
        yield severity_of(subject, rulebook.policy.severity_sources) >= what.severity
    if what.end_of_life is not None:
        yield what.end_of_life is image.is_end_of_life
    if what.image_over_days is not None:
        yield image.is_past(image.built_at, what.image_over_days) if image.built_at else "image-age"
    if isinstance(subject, Finding):
        yield from _of_vulnerability(what, subject, image, rulebook)
    else:
        yield not asks_of_vulnerability(what)


def asks_of_vulnerability(what: What) -> bool:
    """Whether a rule asks for what only vulnerabilities have."""
    return what != What(
        kinds=what.kinds,
        ids=what.ids,
        severity=what.severity,
        end_of_life=what.end_of_life,
        image_over_days=what.image_over_days,
    )


def _of_vulnerability(
    what: What, finding: Finding, image: Surroundings, rulebook: Rulebook
) -> Iterator[Answer]:
    yield not what.packages or any_matches(what.packages, finding.package)
    yield what.fixable is None or what.fixable is finding.is_fixable
    yield not what.fix_status or finding.status in what.fix_status
    yield not what.package_class or finding.package_class in what.package_class
    yield not what.package_types or finding.package_type in what.package_types
    if what.cvss is not None:
        score = score_of(finding, rulebook.policy.severity_sources)
        yield "cvss" if score is None else score >= what.cvss
    if what.published_over_days is not None:
        yield _is_published_before(finding, image, what.published_over_days, wanted=True)
    if what.published_within_days is not None:
        yield _is_published_before(finding, image, what.published_within_days, wanted=False)
    yield from _of_exploits(what, finding, image, rulebook)


def _is_published_before(
    finding: Finding, image: Surroundings, days: int, *, wanted: bool
) -> Answer:
    if finding.published_at is None:
        return "published"
    return image.is_past(finding.published_at, days) is wanted


def _of_exploits(
    what: What, finding: Finding, image: Surroundings, rulebook: Rulebook
) -> Iterator[Answer]:
    exploits, days = rulebook.exploits, rulebook.policy.max_exploit_age_days
    stale = {table.name for table in exploits.versions if image.is_past(table.published_at, days)}
    if what.epss is not None:
        # EPSS scores every published CVE: one without a score is too new for this edition.
        scores = {} if exploits.epss is None or EPSS in stale else exploits.epss
        score = scores.get(finding.vulnerability)
        yield "epss" if score is None else score >= what.epss
    if what.known_exploited is not None:
        known = None if KNOWN_EXPLOITED in stale else exploits.known_exploited
        yield (
            "known-exploited"
            if known is None
            else (finding.vulnerability in known) is what.known_exploited
        )
