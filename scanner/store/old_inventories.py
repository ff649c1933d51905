"""Removes the inventories of profiles that no worker uses any more, and what named their layers.

Everything here may be interrupted and begun again: what is gone is not listed the next time.
Whoever misses an inventory pulls that layer once more.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Self

from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from scanner.storage import StorageConnection
from scanner.storage.blobs import BlobFolder
from scanner.storage.rows import RowKey, RowTable
from scanner.store.azure_inventories import INVENTORIES, LAYERS, PROFILES, blob_name
from scanner.store.azure_lookups import rows_after
from scanner.store.profiles import ProfileUses
from scanner.store.retention import BUDGET, RETENTION, TimeUpError

logger = logging.getLogger(__name__)

UNUSED = timedelta(days=30)
"""Longer than any rollout, and than the time in which one is taken back."""
_LOOK_EVERY = 100
_PLACE = RowKey("inventories", "progress")


class OldInventories:
    """One run removes what it can in its time, and the next one goes on."""

    def __init__(
        self, blobs: BlobServiceClient, tables: TableServiceClient, clock: Callable[[], datetime]
    ) -> None:
        self._inventories = BlobFolder(blobs.get_container_client(INVENTORIES))
        self._layers = RowTable(tables.get_table_client(LAYERS))
        self._uses = ProfileUses(RowTable(tables.get_table_client(PROFILES)), clock)
        self._progress = RowTable(tables.get_table_client(RETENTION))
        self._clock = clock

    @classmethod
    def connect(cls, storage: StorageConnection, clock: Callable[[], datetime]) -> Self:
        """Build it; nothing is contacted before the first call."""
        return cls(storage.blob_service(), storage.table_service(), clock)

    def remove(self, in_use: str) -> None:
        """Remove what no worker used for 30 days; the profile `in_use` stays. Raises StoreError.

        Args:
            in_use: The profile of this very worker, which may have had nothing to do for long.
        """
        ends_at = self._clock() + BUDGET
        self._uses.note(in_use)
        try:
            kept = [
                profile
                for profile in self._inventories.folders()
                if not self._remove_if_old(profile, ends_at)
            ]
            self._remove_layers(kept, ends_at)
        except TimeUpError:
            logger.info("inventories.removal_goes_on")

    def _remove_if_old(self, profile: str, ends_at: datetime) -> bool:
        if self._uses.used_at(profile) is None:
            # Nobody told: from now on it has as long as any other.
            self._uses.restart(profile)
        if not self._is_old(profile):
            return False
        for number, name in zip(count(1), self._inventories.names(profile), strict=False):
            if number % _LOOK_EVERY == 0:
                self._require_time(ends_at)
                if not self._is_old(profile):
                    # A version was taken back just now.
                    return False
            self._inventories.remove(name)
        self._uses.forget(profile)
        logger.info("profile.removed profile=%s", profile)
        return True

    def _is_old(self, profile: str) -> bool:
        used_at = self._uses.used_at(profile)
        return used_at is not None and self._clock() - used_at >= UNUSED

    def _remove_layers(self, kept: list[str], ends_at: datetime) -> None:
        """Forget what blobs unpack to where no profile knows those contents."""
        row = self._progress.read(_PLACE)
        after = str(row["after"]) if row else ""
        place = RowKey(after[:2], after) if after else None
        for number, (key, layer) in enumerate(rows_after(self._layers, place), 1):
            if number % _LOOK_EVERY == 0:
                self._note(key.row)
                self._require_time(ends_at)
            diff_id = str(layer["diff_id"]).removeprefix("sha256:")
            if not any(self._inventories.has(blob_name(profile, diff_id)) for profile in kept):
                self._layers.remove(key)
        self._note("")

    def _note(self, after: str) -> None:
        self._progress.change(_PLACE, lambda _: {"after": after})

    def _require_time(self, ends_at: datetime) -> None:
        if self._clock() >= ends_at:
            raise TimeUpError
