"""The settings for where advisories come from, and when."""

import pytest

from scanner import advisory_settings
from scanner.advisory_settings import AdvisorySettings
from scanner.environment import Environment
from scanner.errors import SettingsError
from scanner.model.advisory_source import PUBLIC_SOURCES, AdvisorySource

_SOURCES, _SCHEDULE = "PUSHSCAN_ADVISORY_SOURCES", "PUSHSCAN_ADVISORY_SCHEDULE"
_DIGEST = "sha256:" + "5c" * 32


def _read(**variables: str) -> AdvisorySettings:
    environment = Environment(variables)
    read = advisory_settings.read(environment)
    environment.raise_faults()
    return read


def test_the_public_databases_are_the_default() -> None:
    """Asked for as often as they are built."""
    assert _read() == AdvisorySettings(sources=PUBLIC_SOURCES, schedule="0 23 */6 * * *")


def test_sources_keep_their_order() -> None:
    """One's own mirror first, then what answers when it does not."""
    read = _read(
        **{
            _SOURCES: f"contoso.azurecr.io/mirror/trivy-db:2|contoso.azurecr.io/java@{_DIGEST}, "
            "localhost:5443/db:2|localhost:5443/java:1"
        }
    )
    assert read.sources == (
        AdvisorySource(
            database="contoso.azurecr.io/mirror/trivy-db:2",
            java_database=f"contoso.azurecr.io/java@{_DIGEST}",
        ),
        AdvisorySource(database="localhost:5443/db:2", java_database="localhost:5443/java:1"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "contoso.azurecr.io/db:2",
        "contoso.azurecr.io/db:2|",
        "contoso.azurecr.io/db:2|contoso.azurecr.io/java:1|contoso.azurecr.io/x:1",
        "contoso.azurecr.io/db|contoso.azurecr.io/java:1",
        "https://contoso.azurecr.io/db:2|contoso.azurecr.io/java:1",
        "user:hush@contoso.azurecr.io/db:2|contoso.azurecr.io/java:1",
        "/db:2|contoso.azurecr.io/java:1",
        "--debug|contoso.azurecr.io/java:1",
        "contoso.azurecr.io/DB:2|contoso.azurecr.io/java:1",
        "contoso.azurecr.io/db:2|contoso.azurecr.io/java@sha256:5c",
        ",",
    ],
)
def test_what_is_no_pair_of_references_is_a_fault(text: str) -> None:
    """The field is named, and its value is not: it might hold a password."""
    with pytest.raises(SettingsError, match=_SOURCES) as caught:
        _read(**{_SOURCES: text})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("text", ["hourly", "5 * * * *", "0 5 * * * * *", "0 5 * * * %X%", "*"])
def test_what_is_no_schedule_is_a_fault(text: str) -> None:
    """The host would not start the function, and say so in its own log only."""
    with pytest.raises(SettingsError, match=_SCHEDULE):
        _read(**{_SCHEDULE: text})
