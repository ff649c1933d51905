"""Manifests, indexes, configs and layers that lie about one another."""

import gzip
import json
from typing import Any

from tests.hostile.images import DEBIAN, LODASH, Hostile, Put, document, image, tar
from tests.image_samples import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    config_of,
    descriptor,
    digest_of,
    manifest_of,
)
from tests.registry_server import State

_PLAIN = tar(DEBIAN)
_BLOB = gzip.compress(_PLAIN, mtime=0)
_VULNERABLE = tar(DEBIAN | LODASH)
_CONFIG = config_of(_PLAIN)
_MANIFEST = manifest_of(_CONFIG, _BLOB)
_LAYER = _MANIFEST["layers"][0]
_TRAVERSAL = "sha256:../../../../etc/passwd"


def _manifest(**members: Any) -> Put:  # noqa: ANN401 - JSON
    return document(_CONFIG, _MANIFEST | members, _BLOB)


def _config(config: bytes) -> Put:
    return document(config, _MANIFEST | {"config": descriptor(config, OCI_CONFIG)}, _BLOB)


def _rootfs(diff_ids: object) -> Put:
    members = {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": diff_ids}}
    return _config(json.dumps(members).encode())


def _swapped(state: State) -> str:
    """Serve the vulnerable image's manifest, and other bytes for its layer."""
    vulnerable = gzip.compress(_VULNERABLE, mtime=0)
    config = config_of(_VULNERABLE)
    state.add_blob(config)
    state.blobs[digest_of(vulnerable)] = _BLOB
    return state.add_manifest(manifest_of(config, vulnerable), OCI_MANIFEST)


def _sized(size: int) -> Put:
    return _manifest(layers=[_LAYER | {"size": size}])


def _index(children: list[dict[str, Any]]) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}).encode()


def _deep_index(depth: int) -> Put:
    def put(state: State) -> str:
        body = json.dumps(_MANIFEST).encode()
        image(_PLAIN)(state)
        media_type = OCI_MANIFEST
        digest = state.add_manifest(body, media_type)
        for _ in range(depth):
            body, media_type = _index([descriptor(body, media_type)]), OCI_INDEX
            digest = state.add_manifest(body, media_type)
        return digest

    return put


def _wide_index(count: int) -> Put:
    def put(state: State) -> str:
        children = [
            descriptor(str(n).encode(), OCI_MANIFEST, platform={"os": "linux", "architecture": "a"})
            for n in range(count)
        ]
        return state.add_manifest(_index(children), OCI_INDEX)

    return put


def _lying_index(state: State) -> str:
    """An index that calls an index an image's manifest."""
    inner = _index([descriptor(b"x", OCI_MANIFEST)])
    state.add_manifest(inner, OCI_INDEX)
    child = descriptor(inner, OCI_MANIFEST, platform={"os": "linux", "architecture": "amd64"})
    return state.add_manifest(_index([child]), OCI_INDEX)


def _index_with_one_bad_platform(state: State) -> str:
    """An index of a healthy image, and one whose layer is not what its config says."""
    good, bad = config_of(_PLAIN), config_of(_VULNERABLE, architecture="arm64")
    children = []
    for config, architecture in ((good, "amd64"), (bad, "arm64")):
        body = json.dumps(manifest_of(config, _BLOB)).encode()
        for blob in (config, _BLOB):
            state.add_blob(blob)
        state.add_manifest(body, OCI_MANIFEST)
        platform = {"os": "linux", "architecture": architecture}
        children.append(descriptor(body, OCI_MANIFEST, platform=platform))
    return state.add_manifest(_index(children), OCI_INDEX)


def _attested(state: State) -> str:
    """An index that hides a vulnerable image as if it were an attestation."""
    digest = image(_VULNERABLE)(state)
    body = state.manifests[digest][1]
    hidden = descriptor(body, OCI_MANIFEST, platform={"os": "unknown", "architecture": "unknown"})
    return state.add_manifest(_index([hidden]), OCI_INDEX)


_MALFORMED = "unknown(malformed-manifest)"
_CORRUPT = "unknown(corrupt-layer)"
_LARGE = "unknown(too-large)"
_EMPTY = "unknown(empty-image)"
_FOREIGN = "unknown(foreign-layer)"

_ROWS: tuple[tuple[str, Put, str], ...] = (
    ("manifest of 5 MiB", document(_CONFIG, b" " * (5 << 20), _BLOB), _LARGE),
    ("layers and manifests in one", _manifest(manifests=[]), _MALFORMED),
    ("layers, called an index", _manifest(mediaType=OCI_INDEX), _MALFORMED),
    ("Layers beside layers", _manifest(Layers=[]), _MALFORMED),
    ("index 2 deep", _deep_index(2), "healthy"),
    ("index 3 deep", _deep_index(3), _LARGE),
    ("index 30 deep", _deep_index(30), _LARGE),
    ("index called an image", _lying_index, _MALFORMED),
    ("index of 65 platforms", _wide_index(65), _LARGE),
    ("index of 10,000 platforms", _wide_index(10_000), _LARGE),
    ("layer digest ../../", _manifest(layers=[_LAYER | {"digest": _TRAVERSAL}]), _MALFORMED),
    (
        "config digest ../../",
        _manifest(config=_MANIFEST["config"] | {"digest": _TRAVERSAL}),
        _MALFORMED,
    ),
    ("diff_id ../..", _rootfs(["sha256:../.."]), _MALFORMED),
    ("layer smaller than declared", _sized(len(_BLOB) + 1), _CORRUPT),
    ("layer larger than declared", _sized(len(_BLOB) - 1), _CORRUPT),
    ("layer of -1 bytes", _sized(-1), _MALFORMED),
    ("layer of 2^63 bytes", _sized(2**63), _MALFORMED),
    ("layer of 2^63 - 1 bytes", _sized(2**63 - 1), _LARGE),
    ("layer swapped for a clean one", _swapped, _CORRUPT),
    ("diff_id wrong", _rootfs([digest_of(b"another's")]), _CORRUPT),
    ("5000 diff_ids for one layer", _rootfs([digest_of(_PLAIN)] * 5000), _MALFORMED),
    (
        "diff_id of another image",
        document(
            config_of(_VULNERABLE),
            manifest_of(config_of(_VULNERABLE), _BLOB),
            _BLOB,
        ),
        _CORRUPT,
    ),
    ("128 layers", _manifest(layers=[_LAYER] * 128), _LARGE),
    ("5000 layers", _manifest(layers=[_LAYER] * 5000), _LARGE),
    ("one layer 127 times", image(*[_PLAIN] * 127), "healthy"),
    (
        "one layer 127 times, vulnerable",
        image(*[_VULNERABLE] * 127),
        "unhealthy",
    ),
    ("config of 5 MiB", _config(config_of(_PLAIN, note="x" * (5 << 20))), _LARGE),
    ("rootfs null", _config(b'{"os":"linux","architecture":"amd64","rootfs":null}'), _EMPTY),
    ("config {}", _config(b"{}"), _EMPTY),
    ("config no JSON", _config(b"<html>"), _MALFORMED),
    ("no layers", _manifest(layers=[]), _EMPTY),
    ("no diff_ids", _rootfs([]), _EMPTY),
    ("index of nothing", document(_CONFIG, _index([])), _EMPTY),
    (
        "foreign layer by urls",
        _manifest(layers=[_LAYER | {"urls": ["https://169.254.169.254/"]}]),
        _FOREIGN,
    ),
    (
        "foreign layer by type",
        _manifest(
            layers=[
                _LAYER | {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}
            ]
        ),
        _FOREIGN,
    ),
    (
        "layer of a type of its own",
        _manifest(layers=[_LAYER | {"mediaType": OCI_LAYER + "+encrypted"}]),
        _MALFORMED,
    ),
    ("index with one platform unreadable", _index_with_one_bad_platform, _CORRUPT),
    ("image said to be an attestation", _attested, _EMPTY),
)

REGISTRY = tuple(Hostile(name=name, put=put, verdict=verdict) for name, put, verdict in _ROWS)
