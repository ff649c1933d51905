"""The real Trivy fetches advisories from a registry on this machine."""

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from local.samples.advisories import write_database
from scanner import bolt
from scanner.errors import AdvisoriesError
from scanner.model import Advisories
from scanner.trivy import AdvisoryDirectory, AdvisorySource, update
from scanner.trivy.advisories import make_ready
from tests.sandbox_programs import bubblewrap_path, trivy_path

pytestmark = pytest.mark.integration

_NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
_AQUA = "application/vnd.aquasec.trivy"


class Mirror:
    """A read-only OCI registry over plain HTTP, which Trivy allows on the loopback address."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.documents: dict[str, tuple[str, bytes]] = {"/v2/": ("application/json", b"{}")}

    @property
    def source(self) -> AdvisorySource:
        """Where it has the databases, once they are published."""
        return AdvisorySource(
            database=f"{self.address}/trivy-db:2", java_database=f"{self.address}/trivy-java-db:1"
        )

    def publish(self, databases: Path) -> None:
        """Publish a directory with `db/` and `java-db/`."""
        self._publish("trivy-db", "2", databases / "db", f"{_AQUA}.db.layer.v1.tar+gzip")
        self._publish(
            "trivy-java-db", "1", databases / "java-db", f"{_AQUA}.javadb.layer.v1.tar+gzip"
        )

    def _publish(self, name: str, tag: str, folder: Path, media_type: str) -> None:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for file in sorted(folder.iterdir()):
                tar.add(file, arcname=file.name)
        config = self._blob(name, b"{}", f"{_AQUA}.config.v1+json")
        layer = self._blob(name, gzip.compress(archive.getvalue()), media_type)
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config,
            "layers": [{**layer, "annotations": {"org.opencontainers.image.title": "db.tar.gz"}}],
        }
        body = json.dumps(manifest).encode()
        self.documents[f"/v2/{name}/manifests/{tag}"] = (str(manifest["mediaType"]), body)

    def _blob(self, name: str, content: bytes, media_type: str) -> dict[str, str | int]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.documents[f"/v2/{name}/blobs/{digest}"] = ("application/octet-stream", content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """Serve an empty mirror."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            media_type, body = running.documents.get(self.path, ("", b""))
            self.send_response(200 if media_type else 404)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
            self.send_header("Docker-Content-Digest", digest)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - named by its base

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by its base
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        running = Mirror(server.server_port)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield running
        server.shutdown()
        thread.join()


@pytest.fixture
def directory(tmp_path: Path) -> AdvisoryDirectory:
    """Return an advisory directory that does not exist yet."""
    return AdvisoryDirectory(tmp_path / "advisories")


def _databases(folder: Path, *, updated_at: datetime = _NOW, blind: bool = False) -> Path:
    write_database(folder, updated_at=updated_at)
    if blind:
        bolt.write(folder / "db" / "trivy.db", {"vulnerability": {}})
    make_ready(folder)
    return folder


def _update(directory: AdvisoryDirectory, *mirrors: Mirror) -> Advisories:
    sources = [mirror.source for mirror in mirrors]
    return update(directory, trivy=trivy_path(), bubblewrap=bubblewrap_path(), sources=sources)


def _names(directory: AdvisoryDirectory) -> set[str]:
    return {entry.name for entry in directory.root.iterdir()}


def test_published_advisories_become_current(
    directory: AdvisoryDirectory, mirror: Mirror, tmp_path: Path
) -> None:
    """With where they came from."""
    mirror.publish(_databases(tmp_path / "new"))
    updated = _update(directory, mirror)
    assert directory.current()[0] == updated
    assert updated.source == mirror.source.database
    assert updated.updated_at == _NOW
    assert _names(directory) == {"current", updated.digest.hex}


def test_the_next_source_is_asked_when_one_does_not_answer(
    directory: AdvisoryDirectory, mirror: Mirror, tmp_path: Path
) -> None:
    """And it is the one that is named."""
    mirror.publish(_databases(tmp_path / "new"))
    assert _update(directory, Mirror(port=1), mirror).source == mirror.source.database


@pytest.mark.parametrize(
    ("published", "reason"),
    [
        ({"blind": True}, "misses what it must know: CVE-2019-10906 in jinja2, CVE-2019-10744"),
        ({"updated_at": _NOW - timedelta(hours=1)}, "older than the current"),
    ],
    ids=["blind", "older"],
)
def test_advisories_that_fail_their_proof_change_nothing(
    directory: AdvisoryDirectory,
    mirror: Mirror,
    tmp_path: Path,
    published: dict[str, bool],
    reason: str,
) -> None:
    """The current ones stay, and the message says why."""
    current = directory.install(_databases(tmp_path / "old"), source="x")
    mirror.publish(_databases(tmp_path / "new", **published))  # type: ignore[arg-type]  # as parametrised
    with pytest.raises(AdvisoriesError, match=reason):
        _update(directory, mirror)
    assert directory.current()[0] == current
    assert _names(directory) == {"current", current.digest.hex}


def test_a_source_that_does_not_answer_changes_nothing(
    directory: AdvisoryDirectory, tmp_path: Path
) -> None:
    """The message names the source and what Trivy said."""
    current = directory.install(_databases(tmp_path / "old"), source="x")
    with pytest.raises(AdvisoriesError, match=r"127\.0\.0\.1:1/trivy-db:2: .*refused"):
        _update(directory, Mirror(port=1))
    assert directory.current()[0] == current
    assert _names(directory) == {"current", current.digest.hex}


def test_the_bundled_sample_gives_way_to_any_published_advisories(
    directory: AdvisoryDirectory, mirror: Mirror, tmp_path: Path
) -> None:
    """Its date means nothing."""
    directory.install(_databases(tmp_path / "old"), source="bundled-sample")
    mirror.publish(_databases(tmp_path / "new", updated_at=_NOW - timedelta(days=1)))
    assert _update(directory, mirror).updated_at == _NOW - timedelta(days=1)
