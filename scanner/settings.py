"""Settings, read once from the environment; every fault is listed in one message."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from scanner import (
    attach_settings,
    exploit_settings,
    policy_settings,
    reconcile_settings,
    route_settings,
    scanner_settings,
    storage_settings,
)
from scanner.advisory_settings import AdvisorySettings
from scanner.attach_settings import AttachSettings
from scanner.environment import Environment, between, existing_file, hosts
from scanner.exploit_settings import ExploitSettings
from scanner.limit_settings import read_limits
from scanner.model import Registries, is_host
from scanner.model.limits import Limits
from scanner.policy_settings import PolicySettings
from scanner.posture.ids import parse_registry_ids
from scanner.reconcile_settings import ReconcileSettings
from scanner.route_settings import NoticeSettings
from scanner.scanner_settings import ScannerSettings
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
    assessed_registries: tuple[str, ...]
    """Resource ids; empty leaves the weekly posture to find the registries by their hosts."""
    policy: PolicySettings
    exploits: ExploitSettings
    advisories: Path
    advisory_updates: AdvisorySettings
    trivy: Path
    sandbox: "Preference"
    bubblewrap: Path | None
    limits: Limits
    notices: NoticeSettings
    attaching: AttachSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSettings:
    """What examining an image here takes, without storage or webhook."""

    scanner: ScannerSettings
    limits: Limits
    policy: PolicySettings
    exploits: ExploitSettings
    registries: frozenset[str]
    """Login servers that a check may contact, beside those below Azure's own names."""
    blob_hosts: frozenset[str]
    ca_file: Path | None
    identity_client_id: str | None
    in_azure: bool


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
    scanner = scanner_settings.read(environment)
    environment.raise_faults()
    return scanner


def load_check() -> CheckSettings:
    """Read only what is needed to examine one image here. Raises SettingsError."""
    environment = Environment(os.environ)
    named = environment.optional("PUSHSCAN_REGISTRIES")
    given = CheckSettings(
        scanner=scanner_settings.read(environment),
        limits=read_limits(environment),
        policy=policy_settings.read(environment),
        exploits=exploit_settings.read(environment),
        registries=_registries(environment).canonical if named else frozenset(),
        blob_hosts=_blob_hosts(environment),
        ca_file=_ca_file(environment),
        identity_client_id=environment.optional("PUSHSCAN_IDENTITY_CLIENT_ID"),
        in_azure=environment.optional("IDENTITY_ENDPOINT") is not None,
    )
    environment.raise_faults()
    return given


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


def load_notices() -> NoticeSettings:
    """Read only what is needed to send notices. Raises SettingsError."""
    environment = Environment(os.environ)
    notices = _notices(environment)
    environment.raise_faults()
    return notices


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
    scanner = scanner_settings.read(environment)
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
        blob_hosts=_blob_hosts(environment),
        ca_file=ca_file,
        identity_client_id=environment.optional("PUSHSCAN_IDENTITY_CLIENT_ID"),
        assessed_registries=environment.parsed(
            "PUSHSCAN_REGISTRY_IDS",
            parse_registry_ids,
            (),
            "a comma-separated list of resource ids of registries",
        ),
        policy=policy_settings.read(environment),
        exploits=exploit_settings.read(environment),
        advisories=scanner.advisories,
        advisory_updates=scanner.advisory_updates,
        trivy=scanner.trivy,
        sandbox=scanner.sandbox,
        bubblewrap=scanner.bubblewrap,
        limits=read_limits(environment),
        attaching=attach_settings.read(environment),
        notices=_notices(environment),
    )


def _notices(environment: Environment) -> NoticeSettings:
    ca_file = _ca_file(environment)
    return NoticeSettings(
        webhooks=route_settings.read_webhooks(environment, ca_file),
        route_file=route_settings.read(environment),
        ca_file=ca_file,
        identity_client_id=environment.optional("PUSHSCAN_IDENTITY_CLIENT_ID"),
        in_azure=environment.optional("IDENTITY_ENDPOINT") is not None,
        report_link=route_settings.read_report_link(environment),
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


def _blob_hosts(environment: Environment) -> frozenset[str]:
    return environment.parsed(
        "PUSHSCAN_BLOB_HOSTS", hosts, frozenset(), "a comma-separated list of hosts"
    )
