"""Settings, read once from the environment; every fault is listed in one message.

`PUSHSCAN_STORAGE` is a Functions connection by string or by account name, since the host reads the
same variables for its triggers (Azure Functions docs, "Identity-based connections").
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.environment import Environment, between, boolean, existing_file
from scanner.limit_settings import read_limits
from scanner.model import Policy, Registries, Severity, is_host
from scanner.model.limits import Limits
from scanner.notify.route import Route, Routes

if TYPE_CHECKING:
    from scanner.sandbox import Preference

_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_SECRET = re.compile(r"[!-+\--~]{24,256}")
_CONNECTION_STRING = re.compile(r"UseDevelopmentStorage=true|(?:.*;)?AccountName=[^;]+;.*")
_MAXIMUM_WEBHOOK_SECRETS = 2
_REPLAY_URL = "PUSHSCAN_URL"
_REPLAY_SECRET = "PUSHSCAN_WEBHOOK_SECRET"  # noqa: S105  a name, not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """Where queues, blobs and tables are: a connection string, or URIs and an identity."""

    connection_string: str | None = field(repr=False)
    queue_uri: str
    blob_uri: str
    table_uri: str
    client_id: str | None
    """Client id of a user-assigned identity; None means the one that the host has."""
    in_azure: bool
    """Whether the host offers managed identities (App Service and Container Apps both say so)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that an operator decides."""

    storage: StorageSettings
    registries: Registries
    webhook_secrets: tuple[str, ...] = field(repr=False)
    blob_hosts: frozenset[str]
    ca_file: Path | None
    identity_client_id: str | None
    policy: Policy
    advisories: Path
    trivy: Path
    sandbox: "Preference"
    bubblewrap: Path | None
    limits: Limits
    routes: Routes


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerSettings:
    """Where the scanner's programs are, and its advisories."""

    advisories: Path
    trivy: Path
    sandbox: "Preference"
    bubblewrap: Path | None
    """None where bubblewrap is not to be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """A running app to post to, and the secret that it asks for."""

    url: str | None
    secret: str = field(repr=False)
    ca_file: Path | None


def adopt(variables: Mapping[str, str]) -> None:
    """Set variables of this process, for us and for the SDKs, over what was set before."""
    os.environ.update(variables)


def load() -> Settings:
    """Read the process's environment. Raises SettingsError."""
    return read(os.environ)


def load_storage() -> StorageSettings:
    """Read only what is needed to look at stored verdicts. Raises SettingsError."""
    environment = Environment(os.environ)
    storage = _storage(environment)
    environment.raise_faults()
    return storage


def load_scanner() -> ScannerSettings:
    """Read only what is needed to fetch advisories. Raises SettingsError."""
    environment = Environment(os.environ)
    scanner = _scanner(environment)
    environment.raise_faults()
    return scanner


def load_replay() -> ReplaySettings:
    """Read only what is needed to post to a running app. Raises SettingsError."""
    environment = Environment(os.environ)
    replay = _replay(environment)
    environment.raise_faults()
    return replay


def load_identity() -> tuple[str | None, bool]:
    """Read the client id of the identity for registries, and whether managed ones are offered."""
    environment = Environment(os.environ)
    client_id = environment.optional("PUSHSCAN_IDENTITY_CLIENT_ID")
    return client_id, environment.optional("IDENTITY_ENDPOINT") is not None


def read(variables: Mapping[str, str]) -> Settings:
    """Read every setting from variables. Raises SettingsError."""
    environment = Environment(variables)
    settings = _settings(environment)
    environment.refuse_unread("PUSHSCAN_")
    environment.raise_faults()
    return settings


def names() -> frozenset[str]:
    """Return the name of every variable that is read, for the documentation's test."""
    environment = Environment({})
    _settings(environment)
    return frozenset(environment.names_read)


def _settings(environment: Environment) -> Settings:
    ca_file = _ca_file(environment)
    # One file may hold what `pushscan replay` needs beside what the app needs.
    for name in (_REPLAY_URL, _REPLAY_SECRET):
        environment.optional(name)
    scanner = _scanner(environment)
    return Settings(
        storage=_storage(environment),
        registries=_registries(environment),
        webhook_secrets=_webhook_secrets(environment),
        blob_hosts=environment.parsed(
            "PUSHSCAN_BLOB_HOSTS", _hosts, frozenset(), "a comma-separated list of hosts"
        ),
        ca_file=ca_file,
        identity_client_id=environment.optional("PUSHSCAN_IDENTITY_CLIENT_ID"),
        policy=_policy(environment),
        advisories=scanner.advisories,
        trivy=scanner.trivy,
        sandbox=scanner.sandbox,
        bubblewrap=scanner.bubblewrap,
        limits=read_limits(environment),
        routes=Routes(
            images=_route(environment, "images", "PUSHSCAN_NOTICE", ca_file),
            operators=_route(environment, "operators", "PUSHSCAN_OPERATORS", ca_file),
        ),
    )


def _scanner(environment: Environment) -> ScannerSettings:
    sandbox: Preference = environment.parsed(
        "PUSHSCAN_SANDBOX", _preference, "auto", "auto, bubblewrap or landlock"
    )
    # Without it `auto` would quietly be `landlock`: whoever wants that says so.
    needed = environment.optional if sandbox == "landlock" else environment.required
    bubblewrap = needed("PUSHSCAN_BUBBLEWRAP")
    return ScannerSettings(
        advisories=Path(environment.required("PUSHSCAN_ADVISORIES")),
        trivy=Path(environment.required("PUSHSCAN_TRIVY")),
        sandbox=sandbox,
        bubblewrap=Path(bubblewrap) if bubblewrap else None,
    )


def _replay(environment: Environment) -> ReplaySettings:
    return ReplaySettings(
        url=environment.optional(_REPLAY_URL),
        secret=environment.required(_REPLAY_SECRET),
        ca_file=_ca_file(environment),
    )


def _ca_file(environment: Environment) -> Path | None:
    return environment.parsed("PUSHSCAN_CA_FILE", existing_file, None, "a file that exists")


def _storage(environment: Environment) -> StorageSettings:
    connection_string = environment.optional("PUSHSCAN_STORAGE")
    account = environment.optional("PUSHSCAN_STORAGE__accountName")
    if connection_string and not _CONNECTION_STRING.fullmatch(connection_string):
        environment.fault("PUSHSCAN_STORAGE", "is not a connection string")
    if connection_string and account:
        environment.fault("PUSHSCAN_STORAGE", "contradicts PUSHSCAN_STORAGE__accountName")
    if not connection_string and not account:
        environment.fault("PUSHSCAN_STORAGE", "or PUSHSCAN_STORAGE__accountName is missing")
    if account and not _ACCOUNT.fullmatch(account):
        environment.fault("PUSHSCAN_STORAGE__accountName", "is not a storage account's name")
    # The Functions host takes a user-assigned identity only with both (its issue 10089).
    credential = environment.optional("PUSHSCAN_STORAGE__credential")
    if credential not in {None, "managedidentity"}:
        environment.fault("PUSHSCAN_STORAGE__credential", "is not managedidentity")
    if environment.optional("PUSHSCAN_STORAGE__clientId") and credential is None:
        environment.fault("PUSHSCAN_STORAGE__clientId", "needs PUSHSCAN_STORAGE__credential")
    return StorageSettings(
        connection_string=connection_string,
        queue_uri=f"https://{account}.queue.core.windows.net",
        blob_uri=f"https://{account}.blob.core.windows.net",
        table_uri=f"https://{account}.table.core.windows.net",
        client_id=environment.optional("PUSHSCAN_STORAGE__clientId"),
        in_azure=environment.optional("IDENTITY_ENDPOINT") is not None,
    )


def _registries(environment: Environment) -> Registries:
    name = "PUSHSCAN_REGISTRIES"
    by_alias: dict[str, str] = {}
    value = environment.required(name)
    for entry in filter(None, map(str.strip, value.split(","))):
        canonical, _, aliases = entry.partition("=")
        for host in (canonical, *filter(None, aliases.split("|"))):
            if not is_host(host):
                environment.fault(name, "has an entry that is not `host` or `host=alias|alias`")
            elif by_alias.setdefault(host, canonical) != canonical:
                environment.fault(name, f"gives {host} to two registries")
    if value and not by_alias:
        environment.fault(name, "names no registry")
    return Registries(by_alias)


def _webhook_secrets(environment: Environment) -> tuple[str, ...]:
    name = "PUSHSCAN_WEBHOOK_SECRETS"
    value = environment.required(name)
    secrets = tuple(filter(None, map(str.strip, value.split(","))))
    if value and not 1 <= len(secrets) <= _MAXIMUM_WEBHOOK_SECRETS:
        environment.fault(name, "does not have one or two secrets")
    if not all(map(_SECRET.fullmatch, secrets)):
        environment.fault(name, "has a secret that is not 24 to 256 printable characters")
    return secrets


def _policy(environment: Environment) -> Policy:
    default = Policy()
    return Policy(
        fail_on=environment.parsed(
            "PUSHSCAN_FAIL_ON", _severity, default.fail_on, "LOW, MEDIUM, HIGH or CRITICAL"
        ),
        ignore_unfixed=environment.parsed(
            "PUSHSCAN_IGNORE_UNFIXED", boolean, default.ignore_unfixed, "true or false"
        ),
        max_advisory_age_hours=environment.parsed(
            "PUSHSCAN_ADVISORY_HOURS",
            between(1, 24 * 30),
            default.max_advisory_age_hours,
            "a number of hours from 1 to 720",
        ),
    )


def _route(environment: Environment, name: str, prefix: str, ca_file: Path | None) -> Route | None:
    url, secret = (environment.optional(f"{prefix}_{part}") for part in ("URL", "SECRET"))
    if url is None and secret is None:
        return None
    try:
        return Route(name=name, url=url or "", secret=secret or "", ca_file=ca_file)
    except ValueError as error:
        environment.fault(f"{prefix}_URL and {prefix}_SECRET", f"are unfit: {error}")
        return None


def _hosts(text: str) -> frozenset[str]:
    hosts = frozenset(filter(None, map(str.strip, text.split(","))))
    if not all(map(is_host, hosts)):
        raise ValueError(text)
    return hosts


def _severity(text: str) -> Severity:
    severity = Severity[text]
    if severity is Severity.UNKNOWN:
        raise ValueError(text)
    return severity


def _preference(text: str) -> "Preference":
    known: tuple[Preference, ...] = ("auto", "bubblewrap", "landlock")
    return known[known.index(text)]
