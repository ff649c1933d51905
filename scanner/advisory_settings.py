"""The settings for where advisories come from, and when."""

import re
from dataclasses import dataclass

from scanner.environment import Environment
from scanner.model import is_host
from scanner.model.advisory_source import PUBLIC_SOURCES, AdvisorySource

# OCI distribution specification 1.1, "Pulling manifests": names, tags, digests.
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PLACE = re.compile(
    rf"(?:{_PART}/)*{_PART}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}|@sha256:[0-9a-f]{{64}})"
)
_FIELD = r"[0-9A-Za-z*/,-]+"
_SCHEDULE = re.compile(rf"{_FIELD}(?: {_FIELD}){{5}}")
_EVERY_SIX_HOURS = "0 23 */6 * * *"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisorySettings:
    """Where advisories come from, first source first, and when they are asked for."""

    sources: tuple[AdvisorySource, ...] = PUBLIC_SOURCES
    schedule: str = _EVERY_SIX_HOURS
    """NCRONTAB, six fields, UTC. The public databases are built four times a day."""


def read(environment: Environment) -> AdvisorySettings:
    """Read both settings; faults are noted in the environment."""
    return AdvisorySettings(
        sources=environment.parsed(
            "PUSHSCAN_ADVISORY_SOURCES",
            _sources,
            PUBLIC_SOURCES,
            "a comma-separated list of `database|java-database`, each `host/repository:tag`",
        ),
        schedule=environment.parsed(
            "PUSHSCAN_ADVISORY_SCHEDULE",
            _schedule,
            _EVERY_SIX_HOURS,
            "an NCRONTAB expression of six fields",
        ),
    )


def _sources(text: str) -> tuple[AdvisorySource, ...]:
    sources = []
    for entry in filter(None, map(str.strip, text.split(","))):
        database, java_database = entry.split("|")
        sources.append(
            AdvisorySource(database=_place(database), java_database=_place(java_database))
        )
    if not sources:
        raise ValueError(text)
    return tuple(sources)


def _place(text: str) -> str:
    host, _, place = text.partition("/")
    if not (is_host(host) and _PLACE.fullmatch(place)):
        raise ValueError(text)
    return text


def _schedule(text: str) -> str:
    if not _SCHEDULE.fullmatch(text):
        raise ValueError(text)
    return text
