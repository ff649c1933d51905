"""A publisher of advisory databases on this machine, which remembers what it was asked."""

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from local.acr import RegistryClient
from scanner.model.advisory_source import AdvisorySource

_AQUA = "application/vnd.aquasec.trivy"


class Mirror:
    """A read-only OCI registry over plain HTTP, which Trivy allows on the loopback address."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.documents: dict[str, tuple[str, bytes]] = {"/v2/": ("application/json", b"{}")}
        self.asked: list[str] = []
        """The path of every request."""

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

    def push(self, name: str, tag: str, registry: RegistryClient, repository: str) -> None:
        """Copy one of its artefacts to another registry, as `oras cp` does."""
        for path, (_, content) in self.documents.items():
            if path.startswith(f"/v2/{name}/blobs/"):
                registry.push_blob(repository, content)
        media_type, manifest = self.documents[f"/v2/{name}/manifests/{tag}"]
        registry.push_manifest(repository, manifest, media_type=media_type, tag=tag)

    def _blob(self, name: str, content: bytes, media_type: str) -> dict[str, str | int]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.documents[f"/v2/{name}/blobs/{digest}"] = ("application/octet-stream", content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}


@contextmanager
def serve_mirror() -> Iterator[Mirror]:
    """Serve an empty mirror on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            running.asked.append(self.path)
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
