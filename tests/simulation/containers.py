"""Blob Storage in memory, as far as the real adapters use its clients: each request is a step."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from tests.simulation.perils import Clock, Perils, lost_answer


@dataclass(slots=True, kw_only=True)
class Container:
    """A container client and its container."""

    container_name: str
    perils: Perils
    clock: Clock
    blobs: dict[str, bytes] = field(default_factory=dict)
    stamps: dict[str, "Stamp"] = field(default_factory=dict)
    _versions: Iterator[int] = field(default_factory=itertools.count)

    def upload_blob(self, name: str, content: bytes, **options: object) -> None:
        """Add a blob that is not there."""
        del options
        with self.perils.step(f"blobs.{self.container_name}.upload", lost_answer):
            if name in self.blobs:
                raise ResourceExistsError("there is such a blob")
            self.blobs[name] = content
            self._stamp(name)

    def download_blob(self, name: str, **options: object) -> "Download":
        """Return a blob."""
        del options
        with self.perils.step(f"blobs.{self.container_name}.download", lost_answer):
            if name not in self.blobs:
                raise ResourceNotFoundError("no such blob")
            return Download(self.blobs[name])

    def delete_blob(self, name: str, *, etag: str = "", match_condition: object = None) -> None:
        """Remove a blob, if nobody has changed it since."""
        del match_condition
        with self.perils.step(f"blobs.{self.container_name}.delete", lost_answer):
            if name not in self.blobs:
                raise ResourceNotFoundError("no such blob")
            if etag and self.stamps[name].etag != etag:
                raise ResourceModifiedError("somebody came between")
            del self.blobs[name]

    def walk_blobs(self, *, delimiter: str) -> Iterator["Named"]:
        """Yield folders."""
        yield from (
            Named(f"{folder}{delimiter}")
            for folder in sorted({name.partition(delimiter)[0] for name in self.blobs})
        )

    def list_blob_names(self, *, name_starts_with: str) -> Iterator[str]:
        """Yield names."""
        yield from [name for name in sorted(self.blobs) if name.startswith(name_starts_with)]

    def get_blob_client(self, name: str) -> "Blob":
        """Return one blob, whether or not it is there."""
        return Blob(container=self, name=name)

    def touch(self, name: str) -> None:
        """Change the stamp of a blob."""
        with self.perils.step(f"blobs.{self.container_name}.touch", lost_answer):
            if name not in self.blobs:
                raise ResourceNotFoundError("no such blob")
            self._stamp(name)

    def _stamp(self, name: str) -> None:
        self.stamps[name] = Stamp(etag=str(next(self._versions)), last_modified=self.clock.moment)


@dataclass(frozen=True, slots=True)
class Named:
    """An entry of a list."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a blob says of itself."""

    etag: str
    last_modified: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A client of one blob."""

    container: Container
    name: str

    def get_blob_properties(self) -> Stamp:
        """Return its stamp."""
        container = self.container
        with container.perils.step(f"blobs.{container.container_name}.look", lost_answer):
            if self.name not in container.blobs:
                raise ResourceNotFoundError("no such blob")
            return container.stamps[self.name]

    def set_blob_metadata(self, metadata: Mapping[str, str]) -> None:
        """Change nothing but the stamp."""
        assert not metadata
        self.container.touch(self.name)


@dataclass(frozen=True, slots=True)
class Download:
    """A blob that was asked for."""

    content: bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.content)

    def readall(self) -> bytes:
        """Return all of it."""
        return self.content
