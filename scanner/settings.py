"""Settings, read once from the environment; every fault is listed in one message."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from scanner import advisory_settings, reconcile_settings, storage_settings
from scanner.advisory_settings import AdvisorySettings
from scanner.environment import Environment, between, boolean, existing_file
from scanner.limit_settings import read_limits
from scanner.model import Policy, Registries, Severity, is_host
from scanner.model.limits import Limits
from scanner.notify.route import Route, Routes
from scanner.reconcile_settings import ReconcileSettings
from scanner.storage_settings import StorageSettings

if TYPE_CHECKING:
    from scanner.sandbox import Preference

_WEBHOOK_SECRETS = "PUSHSCAN_WEBHOOK_SECRETS"
_ADMIN_SECRETS = "PUSHSCAN_ADMIN_SECRETS"
_REPLAY_URL = "PUSHSCAN_URL"
_REPLAY_SECRET = "PUSHSCAN_WEBHOOK_SECRET"  # noqa: S105  a name, not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that an operator decides."""

    storage: StorageSettings
    registries: Registries
    webhook_secrets: tuple[str, ...] = field(repr=False)
    admin_secrets: tuple[str, ...] = field(repr=False)
    """Not the webhook's: whoever may read a registry's webhooks must not order rescans."""
    reconciling: ReconcileSettings
    log_workspace: str | None
    """Where the registries' pulls are logged: the id of a Log Analytics workspace."""
    history_days: int
    """How long an examination is kept that a later one has superseded."""
    blob_hosts: frozenset[str]
    ca_file: Path | None
    identity_client_id: str | None
    policy: Policy
    advisories: Path
    advisory_updates: AdvisorySettings
    trivy: Path
    sandbox: "Preference"
    bubblewrap: Path | None
    limits: Limits
    routes: Routes


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerSettings:
    """Where the scanner's programs are, and its advisories."""

    advisories: Path
    advisory_updates: AdvisorySettings
    trivy: Path
    sandbox: "Preference"
    bubblewrap: Path | None
    """None where bubblewrap is not to be used."""
    names_storage: bool
    """Whether there is storage to share advisories through."""


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
    storage = storage_settings.read(environment)
    environment.raise_faults()
    return storage


def load_scanner() -> ScannerSettings:
    """Read only what is needed to fetch advisories. Raises SettingsError."""
    environment = Environment(os.environ)
    scanner = _scanner(environment)
    environment.raise_faults()
    return scanner


def load_registries() -> Registries:
    """Read only which registries are ours. Raises SettingsError."""
    environment = Environment(os.environ)
    registries = _registries(environment)
    environment.raise_faults()
    return registries


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


def load_log_workspace() -> str | None:
    """Read where pulls are logged. Raises SettingsError."""
    environment = Environment(os.environ)
    workspace = _log_workspace(environment)
    environment.raise_faults()
    return workspace


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
        storage=storage_settings.read(environment),
        registries=_registries(environment),
        webhook_secrets=environment.secrets(
            _WEBHOOK_SECRETS, environment.required(_WEBHOOK_SECRETS)
        ),
        admin_secrets=environment.secrets(
            _ADMIN_SECRETS, environment.optional(_ADMIN_SECRETS) or ""
        ),
        reconciling=reconcile_settings.read(environment),
        log_workspace=_log_workspace(environment),
        history_days=environment.parsed(
            "PUSHSCAN_HISTORY_DAYS", between(30, 3_650), 400, "a number of days from 30 to 3650"
        ),
        blob_hosts=environment.parsed(
            "PUSHSCAN_BLOB_HOSTS", _hosts, frozenset(), "a comma-separated list of hosts"
        ),
        ca_file=ca_file,
        identity_client_id=environment.optional("PUSHSCAN_IDENTITY_CLIENT_ID"),
        policy=_policy(environment),
        advisories=scanner.advisories,
        advisory_updates=scanner.advisory_updates,
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
        advisory_updates=advisory_settings.read(environment),
        trivy=Path(environment.required("PUSHSCAN_TRIVY")),
        sandbox=sandbox,
        bubblewrap=Path(bubblewrap) if bubblewrap else None,
        names_storage=any(
            map(environment.optional, ("PUSHSCAN_STORAGE", "PUSHSCAN_STORAGE__accountName"))
        ),
    )


def _replay(environment: Environment) -> ReplaySettings:
    return ReplaySettings(
        url=environment.optional(_REPLAY_URL),
        secret=environment.required(_REPLAY_SECRET),
        ca_file=_ca_file(environment),
    )


def _ca_file(environment: Environment) -> Path | None:
    return environment.parsed("PUSHSCAN_CA_FILE", existing_file, None, "a file that exists")


def _log_workspace(environment: Environment) -> str | None:
    return environment.parsed(
        "PUSHSCAN_LOG_WORKSPACE", lambda text: str(UUID(text)), None, "a workspace's id, a UUID"
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
