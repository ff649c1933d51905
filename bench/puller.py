"""One pull of one image in a process of its own; prints the seconds that it took.

    python -m bench.puller HOW REPOSITORY@DIGEST FOLDER

The environment has the app's settings, and the name and password of a registry user. All ways pull
four blobs at once into files, and all but one check both digests of every layer.
"""

import functools
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Protocol

import urllib3
from azure.containerregistry import ContainerRegistryClient
from azure.identity import ManagedIdentityCredential
from isal import isal_zlib

from bench.rounds import MeasurementError
from scanner import settings
from scanner.model import Digest, ImageReference, Unexaminable
from scanner.ports import ResolvedImage
from scanner.registry import AcrRegistry
from scanner.registry.connections import BLOBS_AT_ONCE

_CHUNK_BYTES: Final = 256 * 1024
_GZIP_WINDOW: Final = 31
_OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_TIMEOUT: Final = urllib3.Timeout(connect=5, read=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """An image at a registry."""

    registry: str
    repository: str
    digest: str
    ca_file: str
    username: str
    password: str


class _Source(Protocol):
    """A way to read what a registry holds."""

    def manifest(self) -> bytes:
        """Return the image's manifest."""

    def blob(self, digest: str) -> Iterator[bytes]:
        """Yield a blob's bytes."""


class _PlainGet:
    """Streams over urllib3, one GET a blob: nothing is retried, limited or refused."""

    def __init__(self, wanted: _Wanted) -> None:
        self._base = f"https://{wanted.registry}/v2/{wanted.repository}"
        self._digest = wanted.digest
        self._http = urllib3.PoolManager(
            ca_certs=wanted.ca_file, timeout=_TIMEOUT, maxsize=BLOBS_AT_ONCE, retries=False
        )
        answer = self._http.request(
            "GET",
            f"https://{wanted.registry}/oauth2/token",
            fields={
                "service": wanted.registry,
                "scope": f"repository:{wanted.repository}:pull",
            },
            headers=urllib3.make_headers(basic_auth=f"{wanted.username}:{wanted.password}"),
        )
        self._bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def manifest(self) -> bytes:
        """Return the image's manifest."""
        url = f"{self._base}/manifests/{self._digest}"
        headers = {**self._bearer, "Accept": _OCI_MANIFEST}
        return self._http.request("GET", url, headers=headers).data

    def blob(self, digest: str) -> Iterator[bytes]:
        """Yield a blob's bytes from the registry's storage."""
        at_registry = self._http.request(
            "GET", f"{self._base}/blobs/{digest}", headers=self._bearer, redirect=False
        )
        at_storage = self._http.request(
            "GET", at_registry.headers["Location"], preload_content=False
        )
        if at_storage.status != HTTPStatus.OK:
            raise MeasurementError(f"the storage answered {at_storage.status}")
        yield from at_storage.stream(_CHUNK_BYTES, decode_content=False)
        at_storage.release_conn()


class _Sdk:
    """azure-containerregistry as its documentation shows it, with managed identity."""

    def __init__(self, wanted: _Wanted) -> None:
        self._wanted = wanted
        self._client = ContainerRegistryClient(
            f"https://{wanted.registry}",
            ManagedIdentityCredential(),
            connection_verify=wanted.ca_file,
        )

    def manifest(self) -> bytes:
        """Return the image's manifest."""
        found = self._client.get_manifest(self._wanted.repository, self._wanted.digest)
        return json.dumps(found.manifest).encode()

    def blob(self, digest: str) -> Iterator[bytes]:
        """Yield a blob's bytes; the SDK checks their digest."""
        with self._client.download_blob(self._wanted.repository, digest) as stream:
            yield from stream


def _ours(wanted: _Wanted, folder: Path) -> None:
    app = settings.load()
    registry = AcrRegistry(
        credential=ManagedIdentityCredential(),
        registries=app.registries.canonical,
        ca_file=app.ca_file,
        blob_hosts=app.blob_hosts,
    )
    resolved = registry.resolve(
        ImageReference(
            registry=wanted.registry,
            repository=wanted.repository,
            digest=Digest(wanted.digest),
        )
    )
    if not isinstance(resolved, ResolvedImage):
        raise MeasurementError(f"the image was resolved as {resolved}")
    plan = registry.plan(resolved)
    if isinstance(plan, Unexaminable):
        raise MeasurementError(f"the image cannot be pulled: {plan.detail}")
    fault = registry.pull(resolved, plan.layers, into=folder, done=lambda _, __: None)
    if fault:
        raise MeasurementError(f"the image was not pulled: {fault.detail}")


def _from(
    source: Callable[[_Wanted], _Source], wanted: _Wanted, folder: Path, *, verify: bool
) -> None:
    opened = source(wanted)
    manifest = json.loads(opened.manifest())
    config = json.loads(b"".join(opened.blob(manifest["config"]["digest"])))

    def pull(layer: dict[str, Any], diff_id: str) -> None:
        path = folder / layer["digest"].partition(":")[2]
        if verify:
            _save_verified(opened.blob(layer["digest"]), path, layer["digest"], diff_id)
        else:
            _save(opened.blob(layer["digest"]), path)

    with ThreadPoolExecutor(BLOBS_AT_ONCE) as threads:
        list(threads.map(pull, manifest["layers"], config["rootfs"]["diff_ids"]))


def _save(chunks: Iterator[bytes], path: Path) -> None:
    with path.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)


def _save_verified(chunks: Iterator[bytes], path: Path, digest: str, diff_id: str) -> None:
    packed, plain = hashlib.sha256(), hashlib.sha256()
    inflater = isal_zlib.decompressobj(wbits=_GZIP_WINDOW)
    with path.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
            packed.update(chunk)
            plain.update(inflater.decompress(chunk))
    found = (f"sha256:{packed.hexdigest()}", f"sha256:{plain.hexdigest()}")
    if found != (digest, diff_id):
        raise MeasurementError("a layer came with another digest or diff_id")


WAYS: Final[dict[str, Callable[[_Wanted, Path], None]]] = {
    "ours": _ours,
    "get": functools.partial(_from, _PlainGet, verify=True),
    "sdk": functools.partial(_from, _Sdk, verify=True),
    "sdk-download": functools.partial(_from, _Sdk, verify=False),
}


def _main() -> None:
    how, image, folder = sys.argv[1:]
    repository, _, digest = image.partition("@")
    wanted = _Wanted(
        registry=os.environ["ACR_LOGIN_SERVER"],
        repository=repository,
        digest=digest,
        ca_file=os.environ["ACR_CA_FILE"],
        username=os.environ["ACR_USERNAME"],
        password=os.environ["ACR_PASSWORD"],
    )
    began = time.monotonic()
    WAYS[how](wanted, Path(folder))
    print(time.monotonic() - began)


if __name__ == "__main__":
    _main()
