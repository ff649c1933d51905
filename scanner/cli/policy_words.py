"""Policies, exemptions and statements in words."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from scanner.model import Exemption, Kind, Policy, Rule, VexStatement, What, Where

_MOST_NAMED = 4


def policy_lines(policy: Policy) -> list[str]:
    """Read a policy aloud: its rules in their order, then what no rule decides."""
    width = max(len(rule.name) for rule in policy.rules)
    sources = "".join(f"{source}, then " for source in policy.severity_sources)
    return [
        f"policy {policy.name}  {policy.digest}",
        *(
            f"{at:>3}  {rule.name:<{width}}  {_rule(rule)}"
            for at, rule in enumerate(policy.rules, 1)
        ),
        "otherwise a finding is only shown",
        f"severity: {sources}the scanner's choice",
        f"advisories older than {policy.max_advisory_age_hours} h prove nothing",
        f"EPSS and KEV tables older than {policy.max_exploit_age_days} days tell nothing",
        f"exemptions last {policy.max_exemption_days} days at most",
    ]


def exemption_lines(exemptions: Iterable[Exemption], now: datetime) -> list[str]:
    """Read exemptions aloud, and say which have ended or soon will."""
    lines = []
    for one in exemptions:
        last = one.expires_at - timedelta(days=1)
        is_over = one.expires_at <= now
        packages = f" in {_named(one.packages)}" if one.packages else ""
        lines.append(
            f"{one.id}  {_named(one.ids)}{packages} of images {_named(one.images)}"
            f" {'ENDED on' if is_over else 'until'} {last:%Y-%m-%d}: {one.owner}: {one.reason}"
        )
    return lines or ["no exemptions"]


def statement_lines(statements: Iterable[VexStatement]) -> list[str]:
    """Read VEX statements aloud."""
    return [
        f"{one.id}  {_named(one.vulnerabilities)} {one.status.replace('_', ' ')}"
        f" ({one.justification or 'no justification'}) in {_named(one.products)}"
        f"{f', its {_named(one.subcomponents)}' if one.subcomponents else ''}"
        for one in statements
    ] or ["no statement lets anything pass"]


def _rule(rule: Rule) -> str:
    grace = f" (warns for {rule.grace_days} days)" if rule.grace_days else ""
    about = ", ".join([_kinds(rule.what), *_what(rule.what)])
    return f"{rule.outcome}{grace}: {about}{_where(rule.where)}"


def _kinds(what: What) -> str:
    names = {
        Kind.VULNERABILITY: "vulnerabilities",
        Kind.SECRET: "secrets",
        Kind.MISCONFIGURATION: "misconfigurations",
        Kind.END_OF_LIFE: "distributions past their end of life",
    }
    return " and ".join(names[kind] for kind in what.kinds) or "findings of any kind"


def _what(what: What) -> Iterator[str]:
    yield from _of_package(what)
    yield from _of_risk(what)
    yield from _of_time(what)


def _of_package(what: What) -> Iterator[str]:
    named = (
        ("ids", what.ids),
        ("in packages", what.packages),
        ("fix status", what.fix_status),
        ("in", what.package_class),
        ("in packages of type", what.package_types),
    )
    for words, names in named:
        if names:
            yield f"{words} {_named(names)}"
    if what.fixable is not None:
        yield "with a fix" if what.fixable else "without a fix"


def _of_risk(what: What) -> Iterator[str]:
    if what.severity is not None:
        yield f"{what.severity.name} or worse"
    if what.cvss is not None:
        yield f"CVSS {what.cvss:g} or higher"
    if what.epss is not None:
        yield f"EPSS {what.epss:g} or higher"
    if what.known_exploited is not None:
        yield "known to be exploited" if what.known_exploited else "not known to be exploited"


def _of_time(what: What) -> Iterator[str]:
    if what.published_over_days is not None:
        yield f"published {what.published_over_days} days ago or longer"
    if what.published_within_days is not None:
        yield f"published within {what.published_within_days} days"
    if what.image_over_days is not None:
        yield f"in images built {what.image_over_days} days ago or longer"
    if what.end_of_life is not None:
        is_past = "" if what.end_of_life else "not "
        yield f"in distributions {is_past}past their end of life"


def _where(where: Where) -> str:
    places = (
        ("registries", where.registries),
        ("repositories", where.repositories),
        ("tags", where.tags),
    )
    named = [f"{name} {_named(globs)}" for name, globs in places if globs]
    return f"; only in {' and '.join(named)}" if named else ""


def _named(names: tuple[str, ...]) -> str:
    rest = len(names) - _MOST_NAMED
    more = f" and {rest} more" if rest > 0 else ""
    return ", ".join(names[:_MOST_NAMED]) + more
