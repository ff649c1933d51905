"""What checks one image on this machine: no storage, no queue, no stored verdict."""

import functools
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from scanner.checking import Checker, KeptInventories
from scanner.errors import RegistryNotOursError, SettingsError
from scanner.examination import Examiner
from scanner.exploits import MAX_BYTES, read_newest, together
from scanner.model import Exemptions, Exploits, Policy, Rulebook
from scanner.policy import default_policy
from scanner.policy_documents import PolicyDocuments
from scanner.policy_settings import PolicySettings
from scanner.ports import ImageScanner, Registry
from scanner.scratch import Scratch
from scanner.settings import CheckSettings
from scanner.storage.directory import Directory
from scanner.wiring.parts import credential

if TYPE_CHECKING:
    from scanner.registry import AcrRegistry

# Of Azure's clouds. A token is only ever asked for at a host that is named so, or in the settings.
_AZURE = (".azurecr.io", ".azurecr.cn", ".azurecr.us")


def _trivy(given: CheckSettings, scratch: Path) -> ImageScanner:
    from scanner.trivy.advisories import AdvisoryDirectory  # noqa: PLC0415  so that --help is quick
    from scanner.trivy.scanner import TrivyScanner  # noqa: PLC0415  likewise

    return TrivyScanner(
        trivy=given.scanner.trivy,
        sandbox=given.scanner.sandbox,
        bubblewrap=given.scanner.bubblewrap,
        directory=AdvisoryDirectory(given.scanner.advisories),
        limits=given.limits,
        scratch=scratch,
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checking:
    """Builds checkers; a registry is contacted only by one that is built on it."""

    settings: CheckSettings
    scanner: Callable[[CheckSettings, Path], ImageScanner] = _trivy
    """Builds what opens layers, with a folder for its files; tests bring their own."""
    clock: Callable[[], datetime] = _utc_now

    def by(self, policy: Path) -> Self:
        """Return what checks by the policy in a file."""
        there = PolicySettings(directory=policy.parent, name=policy.name)
        return replace(self, settings=replace(self.settings, policy=there))

    def checker(self, registry: Registry) -> Checker:
        """Return what checks images of a registry, or of what stands for one here."""
        scratch = _scratch()
        return Checker(
            examiner=Examiner(
                registry=registry,
                scanner=self.scanner(self.settings, scratch),
                inventories=KeptInventories(),
                scratch=scratch,
                analyses_at_once=self.settings.limits.processors,
            ),
            rulebook=self._rulebook(),
            clock=self.clock,
        )

    def _rulebook(self) -> Rulebook:
        """Read what decides.

        Raises PolicyError, SettingsError for a policy that lies in storage, and ExploitsError.
        """
        policy, exemptions = self._documents()
        return Rulebook(policy=policy, exemptions=exemptions, exploits=self._exploits())

    def _documents(self) -> tuple[Policy, Exemptions]:
        given = self.settings.policy
        if given.name is None:
            return default_policy(), Exemptions()
        if given.directory is None:
            raise SettingsError("PUSHSCAN_POLICY: names a blob; give its file with --policy")
        documents = PolicyDocuments(
            folder=Directory(given.directory), policy=given.name, clock=self.clock
        )
        return documents.read()

    def _exploits(self) -> Exploits:
        """Fetch the tables that are named; rules ask for the others in vain."""
        from scanner.download import Download  # noqa: PLC0415  most checks fetch nothing

        download = Download(ca_file=self.settings.ca_file)
        return together(
            *(
                read_newest(name, download.fetch(source, max_bytes=MAX_BYTES), now=self.clock())
                for name, source in self.settings.exploits.sources.items()
            )
        )

    def registry(self, host: str) -> "AcrRegistry":
        """Return one registry, with the developer's sign-in or the identity that Azure offers.

        Raises RegistryNotOursError for a host that may be anybody's.
        """
        from scanner.registry import AcrRegistry  # noqa: PLC0415  a local image needs no TLS

        if host not in self.settings.registries and not host.endswith(_AZURE):
            raise RegistryNotOursError(
                f"{host} is no registry on Azure: name it in PUSHSCAN_REGISTRIES if it is yours"
            )
        given = self.settings
        return AcrRegistry(
            credential=credential(given.identity_client_id, in_azure=given.in_azure),
            registries=frozenset({host}),
            ca_file=given.ca_file,
            blob_hosts=given.blob_hosts,
        )


@functools.cache
def _scratch() -> Path:
    return Scratch.claim(Path(tempfile.gettempdir(), f"pushscan-{os.geteuid()}")).path
