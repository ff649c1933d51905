"""Table `chains`: which image consists of just these layers, by the chain id of the topmost.

The chain id of a layer stands for it and all below it (OCI image spec 1.1, config, "Layer
ChainID"), so that one key finds an image by the bottom layers of another.
"""

import hashlib
from collections.abc import Sequence
from typing import Self

from azure.data.tables import TableServiceClient

from scanner.errors import InvalidMessageError, StoreError
from scanner.model import Digest, ImageReference, Report
from scanner.ports import KnownBase
from scanner.storage import StorageConnection
from scanner.storage.rows import Row, RowKey, RowTable
from scanner.store.tags import Tags

_CHAINS, _TAGS, _IMAGES = "chains", "tags", "images"
_KEYS_AT_ONCE = 14
"""A filter has at most 15 comparisons (Querying tables and entities, Azure Storage docs)."""


class ChainRows:
    """The images by their layers. The first one of all that have the same stays."""

    def __init__(self, tables: TableServiceClient) -> None:
        self._rows = RowTable(tables.get_table_client(_CHAINS))

    def note(self, report: Report) -> None:
        """Keep what an examined image consists of. Raises StoreError."""
        if not report.layers:
            return
        image = report.image
        wanted: Row = {
            "repository": image.repository,
            "digest": str(image.digest),
            "tag": image.tag or "",
        }
        key = RowKey(image.registry, chain_ids(report.layers)[-1])
        self._rows.change(key, lambda present: present or wanted)

    def find(self, registry: str, chains: Sequence[str]) -> dict[str, ImageReference]:
        """Return the images that have one of these chain ids. Raises StoreError."""
        found: dict[str, ImageReference] = {}
        for start in range(0, len(chains), _KEYS_AT_ONCE):
            wanted = chains[start : start + _KEYS_AT_ONCE]
            names = [f"chain{number}" for number in range(len(wanted))]
            # The SDK finds parameters between blanks, so a bracket may not touch one.
            either = " or ".join(f"RowKey eq @{name}" for name in names)
            rows = self._rows.select(
                f"PartitionKey eq @registry and ( {either} )",
                {"registry": registry, **dict(zip(names, wanted, strict=True))},
            )
            found |= {key.row: _image(key, row) for key, row in rows}
        return found


class AzureAncestors:
    """The Ancestors port on Azure Tables; the report store writes what is read here."""

    def __init__(self, tables: TableServiceClient) -> None:
        self._chains = ChainRows(tables)
        self._tags = Tags(
            RowTable(tables.get_table_client(_TAGS)), RowTable(tables.get_table_client(_IMAGES))
        )

    @classmethod
    def connect(cls, storage: StorageConnection) -> Self:
        """Build it; nothing is contacted before the first call."""
        return cls(storage.table_service())

    def base_of(self, image: ImageReference, layers: Sequence[Digest]) -> KnownBase | None:
        """Return the largest image of which these are more than all layers. Raises StoreError."""
        chains = chain_ids(layers)[:-1]
        found = self._chains.find(image.registry, chains)
        for depth, chain in reversed(list(enumerate(chains, start=1))):
            if chain in found and found[chain].repository != image.repository:
                return KnownBase(image=found[chain], layers=depth)
        return None

    def named_before(self, image: ImageReference) -> Digest | None:
        """Return what the image's tag named before it. Raises StoreError."""
        return self._tags.before(image) if image.tag else None


def chain_ids(layers: Sequence[Digest]) -> list[str]:
    """Return the chain id of each layer, bottom first, 64 hex digits each."""
    chains: list[str] = []
    for layer in layers:
        pair = f"sha256:{chains[-1]} {layer}" if chains else None
        chains.append(hashlib.sha256(pair.encode()).hexdigest() if pair else layer.hex)
    return chains


def _image(key: RowKey, row: Row) -> ImageReference:
    try:
        return ImageReference(
            registry=key.partition,
            repository=str(row["repository"]),
            digest=Digest(str(row["digest"])),
            tag=str(row["tag"]) or None,
        )
    except (KeyError, InvalidMessageError) as error:
        raise StoreError(f"chains.read: row {key.row} is not one of ours") from error
