"""What pulls and opens images; its parts share one folder for what they write."""

import os
import tempfile
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from scanner.examination import Examiner
from scanner.registry import AcrRegistry
from scanner.scratch import Scratch
from scanner.settings import Settings
from scanner.storage import StorageConnection
from scanner.store.azure_inventories import AzureInventoryStore
from scanner.trivy.advisories import AdvisoryDirectory
from scanner.trivy.scanner import TrivyScanner
from scanner.trivy.shared import SharedAdvisories
from scanner.wiring.parts import advisory_archive, credential


class Examining:
    """Built once a process, so that all scans know of each other."""

    def __init__(self, settings: Settings, storage: StorageConnection) -> None:
        """Nothing is contacted, and nothing written, before a part is asked for."""
        self._settings = settings
        self._storage = storage

    @cached_property
    def examiner(self) -> Examiner:
        """Pulls, analyses and matches."""
        return Examiner(
            registry=self.registry,
            scanner=self.scanner,
            inventories=self.inventories,
            scratch=self._scratch.path,
            analyses_at_once=self._settings.limits.processors,
        )

    @cached_property
    def registry(self) -> AcrRegistry:
        """The registries of the settings."""
        given = self._settings
        return AcrRegistry(
            credential=credential(given.identity_client_id, in_azure=given.storage.in_azure),
            registries=given.registries.canonical,
            ca_file=given.ca_file,
            blob_hosts=given.blob_hosts,
        )

    @cached_property
    def inventories(self) -> AzureInventoryStore:
        """What layers hold, kept."""
        return AzureInventoryStore.connect(self._storage)

    @cached_property
    def scanner(self) -> TrivyScanner:
        """Trivy in its sandbox."""
        return TrivyScanner(
            trivy=self._settings.trivy,
            sandbox=self._settings.sandbox,
            bubblewrap=self._settings.bubblewrap,
            directory=self.shared_advisories.directory,
            shared=self.shared_advisories,
            limits=self._settings.limits,
            scratch=self._scratch.path,
        )

    @cached_property
    def shared_advisories(self) -> SharedAdvisories:
        """The advisory databases of this host, kept equal to those of all workers."""
        return SharedAdvisories(
            directory=AdvisoryDirectory(self._settings.advisories),
            archive=advisory_archive(self._settings.storage),
            trivy=self._settings.trivy,
            bubblewrap=self._settings.bubblewrap,
            sandbox=self._settings.sandbox,
            sources=self._settings.advisory_updates.sources,
            access_to=self.registry.access,
            clock=lambda: datetime.now(UTC),
        )

    @cached_property
    def _scratch(self) -> Scratch:
        return Scratch.claim(Path(tempfile.gettempdir(), f"pushscan-{os.geteuid()}"))
