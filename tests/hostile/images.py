"""Images as an attacker would push them: built in memory, pulled and judged by the real parts."""

import gzip
import io
import itertools
import json
import tarfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from local.samples.debian import base_files
from scanner.jobs import job_id
from scanner.model import Digest, ImageReference, Report, ScanJob
from scanner.pipeline import Pipeline
from scanner.sandbox import Limits
from scanner.trivy import TrivyScanner
from tests.fakes import InMemoryInventoryStore
from tests.image_samples import OCI_MANIFEST, config_of, manifest_of
from tests.registry_server import Running, State

LIMITS = Limits(wall_seconds=30.0, temporary_bytes=32 << 20)
"""Low, so that a bomb can be small."""
LODASH = {"app/node_modules/lodash/package.json": b'{"name":"lodash","version":"4.17.4"}'}
"""A package with findings over the threshold: unless it is hidden, the image is unhealthy."""
DEBIAN = base_files()
"""A distribution that can be examined, with nothing wrong in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One member of a tar archive, with the fields that an attacker may bend."""

    name: str
    content: bytes = b""
    kind: bytes = tarfile.REGTYPE
    link: str = ""
    mode: int = 0o644


def tar(files: Mapping[str, bytes], *entries: Entry) -> bytes:
    """Return a layer of files, and of further entries behind them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in (*(Entry(name=n, content=c) for n, c in files.items()), *entries):
            member = tarfile.TarInfo(entry.name)
            member.type, member.linkname, member.size = entry.kind, entry.link, len(entry.content)
            member.mode = entry.mode
            archive.addfile(member, io.BytesIO(entry.content))
    return buffer.getvalue()


Put = Callable[[State], str]
"""Puts an image into the registry and returns the digest of what is pushed."""


def image(*layers: bytes, **config: Any) -> Put:  # noqa: ANN401 - JSON
    """Push plain layers, gzipped, as a well-formed image; more members go into its config."""

    def put(state: State) -> str:
        document = config_of(*layers, **config)
        blobs = [gzip.compress(layer, compresslevel=1, mtime=0) for layer in layers]
        for blob in (document, *blobs):
            state.add_blob(blob)
        return state.add_manifest(manifest_of(document, *blobs), OCI_MANIFEST)

    return put


def blobs(plains: list[bytes], packed: list[bytes], **manifest: Any) -> Put:  # noqa: ANN401 - JSON
    """Push blobs as they are, under a config that claims these contents for them."""

    def put(state: State) -> str:
        document = config_of(*plains)
        for blob in (document, *packed):
            state.add_blob(blob)
        return state.add_manifest(manifest_of(document, *packed) | manifest, OCI_MANIFEST)

    return put


def document(config: bytes, manifest: Mapping[str, Any] | bytes, *layers: bytes) -> Put:
    """Push config, layers and manifest exactly as given."""

    def put(state: State) -> str:
        for blob in (config, *layers):
            state.add_blob(blob)
        body = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
        return state.add_manifest(body, OCI_MANIFEST)

    return put


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """One input, and what must be said of it."""

    name: str
    put: Put
    verdict: str
    """As `Verdict` prints it: `healthy`, `unknown(too-large)`, ..."""
    ids: tuple[str, ...] = ()
    """The kinds of input that it is, see `inputs.INPUTS`. A control is none."""
    limits: Limits = LIMITS
    """What its examination may use; lower where a limit is to be reached quickly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """The pipeline over a registry that holds whatever is put into it."""

    running: Running
    pipeline: Pipeline
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def push(self, put: Put) -> ImageReference:
        """Put an image into a repository of its own."""
        with self._lock:
            repository = f"hostile/image-{next(self._numbers)}"
        return ImageReference(
            registry=self.running.registry,
            repository=repository,
            digest=Digest(put(self.running.state)),
            tag="v1",
        )

    def report(self, put: Put) -> Report:
        """Push an image and judge it as a worker does."""
        return self.judge(self.push(put))

    def judge(self, reference: ImageReference) -> Report:
        """Judge what was pushed, as if no layer of it had been seen before."""
        examiner = replace(self.pipeline.examiner, inventories=InMemoryInventoryStore())
        return replace(self.pipeline, examiner=examiner).judge(
            ScanJob(id=job_id(reference), image=reference, requested_at=datetime.now(UTC))
        )

    def with_scanner(self, **changes: Any) -> "Judge":  # noqa: ANN401 - the fields of TrivyScanner
        """Return the same, with another scanner."""
        examiner = self.pipeline.examiner
        assert isinstance(examiner.scanner, TrivyScanner)
        changed = replace(examiner, scanner=replace(examiner.scanner, **changes))
        return replace(self, pipeline=replace(self.pipeline, examiner=changed))
