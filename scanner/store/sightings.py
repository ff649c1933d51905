"""What the reconciler remembers, in the tables `sightings` and `reconciliation`."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Self

from azure.data.tables import TableServiceClient

from scanner.errors import InvalidMessageError, StoreError
from scanner.model import Digest, ImageReference
from scanner.ports import Progress, Sighting
from scanner.storage import StorageConnection
from scanner.storage.moments import from_text, to_text
from scanner.storage.rows import Row, RowKey, RowTable
from scanner.store.image_row import image_key, partition

_MAXIMUM_FAULT = 500


class TableSightings:
    """The Sightings port on Table Storage."""

    def __init__(self, tables: TableServiceClient) -> None:
        self._sightings = RowTable(tables.get_table_client("sightings"))
        self._progress = RowTable(tables.get_table_client("reconciliation"))

    @classmethod
    def connect(cls, storage: StorageConnection) -> Self:
        """Build it; nothing is contacted before the first call."""
        return cls(storage.table_service())

    def progress(self, registry: str) -> Progress | None:
        """Return how far a registry is, or None when it was never listed."""
        row = self._progress.read(_progress_key(registry))
        return _read_progress(registry, row) if row is not None else None

    def save_progress(self, progress: Progress) -> None:
        """Remember how far a registry is."""
        row = _write_progress(progress)
        self._progress.change(_progress_key(progress.registry), lambda _: row)

    def among(
        self, registry: str, repository: str, digests: Collection[Digest]
    ) -> Mapping[Digest, Sighting]:
        """Return the sightings of these manifests, by one query over the range they span."""
        if not digests:
            return {}
        found = (
            _read(key, row)
            for key, row in self._sightings.select(
                "PartitionKey eq @partition and RowKey ge @first and RowKey le @last",
                {
                    "partition": partition(registry, repository),
                    "first": str(min(digests)),
                    "last": str(max(digests)),
                },
            )
        )
        wanted = frozenset(digests)
        return {entry.image.digest: entry for entry in found if entry.image.digest in wanted}

    def save(self, sighting: Sighting) -> None:
        """Remember a sighting, over an earlier one of the same manifest."""
        queued_at = sighting.queued_at
        row: Row = {
            "tag": sighting.image.tag or "",
            "first_seen_at": to_text(sighting.first_seen_at),
            "last_seen_at": to_text(sighting.last_seen_at),
            "queued_at": to_text(queued_at) if queued_at else "",
        }
        self._sightings.change(image_key(sighting.image), lambda _: row)

    def remove(self, image: ImageReference) -> None:
        """Forget a manifest; one that is not known is no fault."""
        self._sightings.remove(image_key(image))

    def note_listed(self, registry: str, repository: str, at: datetime) -> None:
        """Remember when a registry was last heard to name a repository."""
        row: Row = {"listed_at": to_text(at)}
        self._progress.change(_listed_key(registry, repository), lambda _: row)

    def listed_at(self, registry: str, repository: str) -> datetime | None:
        """Return when that was, or None."""
        row = self._progress.read(_listed_key(registry, repository))
        try:
            return from_text(str(row["listed_at"])) if row is not None else None
        except (KeyError, ValueError) as error:
            raise StoreError(f"reconciliation.read: {repository} is not one of ours") from error

    def list_all(self, registry: str | None = None) -> Iterator[Sighting]:
        """Yield what was seen, by registry, repository and digest, one page at a time."""
        query, parameters = "", {}
        if registry is not None:
            # A repository's partition is `registry|path`, and `}` is the next character after `|`.
            query = "PartitionKey ge @first and PartitionKey lt @end"
            parameters = {"first": f"{registry}|", "end": f"{registry}}}"}
        for key, row in self._sightings.select(query, parameters):
            yield _read(key, row)


def _progress_key(registry: str) -> RowKey:
    return RowKey(registry, "progress")


def _listed_key(registry: str, repository: str) -> RowKey:
    return RowKey(partition(registry, repository), "listed")


def _read(key: RowKey, row: Row) -> Sighting:
    registry, _, path = key.partition.partition("|")
    try:
        return Sighting(
            image=ImageReference(
                registry=registry,
                repository=path.replace("|", "/"),
                digest=Digest(key.row),
                tag=str(row["tag"]) or None,
            ),
            first_seen_at=from_text(str(row["first_seen_at"])),
            last_seen_at=from_text(str(row["last_seen_at"])),
            queued_at=from_text(str(row["queued_at"])) if row["queued_at"] else None,
        )
    except (KeyError, ValueError, InvalidMessageError) as error:
        raise StoreError(f"sightings.read: row {key.row} is not one of ours") from error


def _write_progress(progress: Progress) -> Row:
    ended_at = progress.pass_ended_at
    return {
        "pass_began_at": to_text(progress.pass_began_at),
        "pass_ended_at": to_text(ended_at) if ended_at else "",
        "run_at": to_text(progress.run_at),
        "after": progress.after,
        "inside": progress.inside,
        "manifests_after": progress.manifests_after,
        "fault": progress.fault[:_MAXIMUM_FAULT],
    }


def _read_progress(registry: str, row: Row) -> Progress:
    text = {name: str(value) for name, value in row.items()}
    try:
        return Progress(
            registry=registry,
            pass_began_at=from_text(text["pass_began_at"]),
            pass_ended_at=from_text(text["pass_ended_at"]) if text["pass_ended_at"] else None,
            run_at=from_text(text["run_at"]),
            after=text["after"],
            inside=text["inside"],
            manifests_after=text["manifests_after"],
            fault=text["fault"],
        )
    except (KeyError, ValueError) as error:
        raise StoreError(f"reconciliation.read: {registry} is not one of ours") from error
