"""What `pushscan doctor` tries, and what it tells to do."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path

from azure.core.exceptions import ResourceNotFoundError

from scanner import settings
from scanner.advisory_ports import AdvisoryArchive
from scanner.classify.coverage import advisory_gap
from scanner.cli import policy_check
from scanner.cli.audit_check import audit_checks
from scanner.cli.doctor import Check, Diagnosis, Outcome
from scanner.cli.route_checks import examine_routes
from scanner.cli.screen import age, minute
from scanner.cli.surroundings import connect_advisory_archive, connect_report_store
from scanner.errors import SettingsError, StoreError
from scanner.model import Digest, ImageReference, Policy
from scanner.model.exploits import EPSS, KNOWN_EXPLOITED
from scanner.notify.routes.route import RouteTable
from scanner.ports import Registry, ReportStore
from scanner.sandbox import Preference, choose
from scanner.settings import Settings
from scanner.storage import StorageConnection, storage_errors
from scanner.trivy import AdvisoryDirectory
from scanner.trivy.binary import TrivyBinary
from scanner.wiring import (
    EVENT_QUEUE,
    JOB_QUEUE,
    NOTICE_QUEUE,
    REJUDGE_QUEUE,
    SWEEP_QUEUE,
    Wiring,
    rulebooks,
    storage_connection,
)
from scanner.wiring.routes import route_table

_QUEUES = tuple(
    f"{queue}{kind}"
    for queue in (EVENT_QUEUE, JOB_QUEUE, NOTICE_QUEUE, REJUDGE_QUEUE, SWEEP_QUEUE)
    for kind in ("", "-poison")
)
_NO_REPORT = "0" * 64
_UNPUSHED = "pushscan/doctor"
_ROWS_TO_SEARCH = 500

_STORAGE_REMEDY = (
    "see that PUSHSCAN_STORAGE names the right account, that its network lets this host in, and "
    "that the identity has the roles Storage Queue, Blob and Table Data Contributor"
)
_REGISTRY_REMEDY = (
    "see PUSHSCAN_REGISTRIES, the registry's network rules, and PUSHSCAN_CA_FILE for a private CA"
)
_SANDBOX_REMEDY = "see PUSHSCAN_SANDBOX, PUSHSCAN_BUBBLEWRAP and PUSHSCAN_TRIVY"

_STORAGE_SECONDS = 45.0
_REGISTRY_SECONDS = 20.0
_SANDBOX_SECONDS = 45.0
_ADVISORIES_SECONDS = 60.0
"""Every byte of the databases is read."""


def from_environment() -> Iterator[Check]:
    """Yield what to try with the settings of this process; the settings come first."""
    try:
        given = settings.load()
        store = connect_report_store(given.storage)
    except SettingsError as error:
        faults = str(error).removeprefix("settings: ")
        yield _settled("settings", Diagnosis(outcome=Outcome.FAIL, detail=faults))
        rest = Diagnosis(outcome=Outcome.SKIP, detail="not tried: mend the settings first")
        yield _settled("everything else", rest)
        return
    yield _settled("settings", _ok(_described(given)))
    yield from _of_storage(storage_connection(given.storage), store)
    yield from _of_registries(given, store)
    decides = rulebooks(given.policy, storage_connection(given.storage))
    yield Check(
        name="policy",
        seconds=_STORAGE_SECONDS,
        examine=partial(policy_check.examine, decides),
        remedy=policy_check.REMEDY,
    )
    for table in (EPSS, KNOWN_EXPLOITED):
        yield Check(
            name=policy_check.TABLES[table],
            seconds=_STORAGE_SECONDS,
            examine=partial(
                policy_check.examine_table,
                decides,
                table,
                is_wanted=table in given.exploits.sources,
                now=datetime.now(UTC),
            ),
            remedy=_STORAGE_REMEDY,
        )
    yield from _of_scanner(given, policy_check.policy_of(decides))
    yield from audit_checks(given)
    yield Check(
        name="routes",
        seconds=_STORAGE_SECONDS,
        examine=partial(examine_routes, _routes),
    )


def _routes() -> RouteTable:
    storage = partial(storage_connection, settings.load_storage())
    return route_table(settings.load_notices(), storage)


def _of_storage(connection: StorageConnection, store: ReportStore) -> Iterator[Check]:
    check = partial(Check, seconds=_STORAGE_SECONDS, remedy=_STORAGE_REMEDY)
    yield check(name="queues", examine=partial(examine_queues, connection))
    yield check(name="reports", examine=partial(examine_reports, store))
    yield check(name="verdicts", examine=partial(examine_verdicts, store))


def _of_registries(given: Settings, store: ReportStore) -> Iterator[Check]:
    registry = replace(
        Wiring(given).registry,
        # Its own message tells more than that the time is up.
        resolve_deadline_seconds=_REGISTRY_SECONDS * 0.75,
    )
    for host in sorted(given.registries.canonical):
        yield Check(
            name=host,
            seconds=_REGISTRY_SECONDS,
            examine=partial(examine_registry, host, registry, store),
            remedy=_REGISTRY_REMEDY,
        )


def _of_scanner(given: Settings, policy: Policy) -> Iterator[Check]:
    check = partial(Check, seconds=_SANDBOX_SECONDS, remedy=_SANDBOX_REMEDY)
    wanted = given.sandbox, given.bubblewrap
    yield check(name="sandbox", examine=partial(examine_sandbox, *wanted))
    yield check(name="trivy", examine=partial(examine_trivy, given.trivy, *wanted))
    archive = connect_advisory_archive(given.storage)
    now = datetime.now(UTC)
    yield Check(
        name="advisories",
        seconds=_ADVISORIES_SECONDS,
        examine=partial(examine_advisories, given.advisories, policy, now),
    )
    yield Check(
        name="shared advisories",
        seconds=_STORAGE_SECONDS,
        examine=partial(examine_shared_advisories, archive, policy, now),
        remedy=_STORAGE_REMEDY,
    )


def _described(given: Settings) -> str:
    hosts = len(given.registries.canonical)
    registries = "1 registry" if hosts == 1 else f"{hosts} registries"
    return f"complete; {registries}"


def _settled(name: str, diagnosis: Diagnosis) -> Check:
    return Check(name=name, seconds=1.0, examine=lambda: diagnosis)


def _ok(detail: str) -> Diagnosis:
    return Diagnosis(outcome=Outcome.OK, detail=detail)


def examine_queues(connection: StorageConnection) -> Diagnosis:
    """Count the messages of each queue. Raises StoreError."""
    counts = {name: _length(connection, name) for name in _QUEUES}
    listed = ", ".join(
        f"{name} {'not made yet' if count is None else count}" for name, count in counts.items()
    )
    if any(count for name, count in counts.items() if name.endswith("-poison")):
        return Diagnosis(
            outcome=Outcome.WARN,
            detail=f"{listed}: poison messages wait to be recorded; see that the app is running",
        )
    return _ok(listed)


def _length(connection: StorageConnection, name: str) -> int | None:
    with connection.queue(name) as client, storage_errors(f"{name}.read"):
        try:
            return client.get_queue_properties().approximate_message_count
        except ResourceNotFoundError:
            return None


def examine_reports(store: ReportStore) -> Diagnosis:
    """Ask for a report that cannot be there. Raises StoreError."""
    store.find_report(_NO_REPORT)
    return _ok("blobs can be read")


def examine_verdicts(store: ReportStore) -> Diagnosis:
    """Ask for the first of the current verdicts. Raises StoreError."""
    is_empty = not list(islice(store.list_current(), 1))
    return _ok(f"tables can be read{'; nothing is judged yet' if is_empty else ''}")


def examine_registry(host: str, registry: Registry, store: ReportStore) -> Diagnosis:
    """Ask for one manifest, with the very kind of token that a pull takes. Raises RegistryError."""
    image = _known_image(store, host)
    registry.resolve(image)
    return _ok(f"TLS, token and manifests work (asked for {image.repository})")


def _known_image(store: ReportStore, host: str) -> ImageReference:
    """Return an image that was judged before: an identity may be let into some repositories."""
    try:
        for current in islice(store.list_current(), _ROWS_TO_SEARCH):
            if current.image.registry == host:
                return current.image
    except StoreError:
        # Storage has lines of its own.
        pass
    return ImageReference(
        registry=host, repository=_UNPUSHED, digest=Digest(f"sha256:{_NO_REPORT}")
    )


def examine_sandbox(preference: Preference, bubblewrap: Path | None) -> Diagnosis:
    """Build the sandbox that scans get. Raises SandboxUnavailableError."""
    sandbox = choose(preference, bubblewrap)
    user = "the worker's own user" if sandbox.uid is None else f"user {sandbox.uid}"
    return _ok(f"{sandbox.isolation}, as {user}")


def examine_trivy(trivy: Path, preference: Preference, bubblewrap: Path | None) -> Diagnosis:
    """Start Trivy in the sandbox and ask for its version. Raises SandboxUnavailableError."""
    binary = TrivyBinary.inspect(trivy, choose(preference, bubblewrap))
    return _ok(f"{binary.version} starts in the sandbox")


def examine_advisories(directory: Path, policy: Policy, now: datetime) -> Diagnosis:
    """Compare the advisories' age with the policy's limit. Raises AdvisoriesError."""
    advisories, _ = AdvisoryDirectory(directory).current()
    limit, built = policy.max_advisory_age_hours, advisories.updated_at
    said = f"{advisories.source} of {minute(built)}, {age(built, now)} old, limit {limit} h"
    update = "run `pushscan advisories update`"
    if advisory_gap(advisories, policy, now):
        detail = f"{said}: every verdict is unknown; {update}"
        return Diagnosis(outcome=Outcome.FAIL, detail=detail)
    if advisories.is_sample:
        detail = f"{said}: SAMPLE, knows the sample images only; {update}"
        return Diagnosis(outcome=Outcome.WARN, detail=detail)
    return _ok(said)


def examine_shared_advisories(archive: AdvisoryArchive, policy: Policy, now: datetime) -> Diagnosis:
    """Say what all workers follow, and how the last update went. Raises StoreError."""
    archived, update = archive.latest(), archive.last_update()
    if archived is None:
        said, is_stale = "nothing is in storage yet, so each worker uses its own", False
    else:
        said = (
            f"{archived.source} of {minute(archived.updated_at)},"
            f" {age(archived.updated_at, now)} old"
        )
        is_stale = now - archived.updated_at >= timedelta(hours=policy.max_advisory_age_hours)
    if update is not None and update.failure:
        detail = f"{said}; the update of {minute(update.ended_at)} failed: {update.failure}"
        outcome = Outcome.FAIL if is_stale else Outcome.WARN
        return Diagnosis(outcome=outcome, detail=detail)
    if archived is None or is_stale:
        detail = f"{said}: run `pushscan advisories update`"
        return Diagnosis(outcome=Outcome.FAIL if is_stale else Outcome.WARN, detail=detail)
    return _ok(said)
