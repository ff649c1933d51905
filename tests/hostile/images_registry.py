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
from tests.registry_server import Handler, State

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


def _index_of_itself(state: State) -> str:
    """An index under a name that is in it, so that its bytes cannot be what the name says."""
    digest = digest_of(b"an index that names itself")
    body = _index([descriptor(b"", OCI_INDEX) | {"digest": digest}])
    state.manifests[digest] = (OCI_INDEX, body)
    return digest


def _healthy_first(state: State) -> str:
    """An index of a healthy image, and behind it a vulnerable one for another platform."""
    children = []
    for layer, architecture in ((_PLAIN, "amd64"), (_VULNERABLE, "arm64")):
        digest = image(layer, architecture=architecture)(state)
        platform = {"os": "linux", "architecture": architecture}
        body = state.manifests[digest][1]
        children.append(descriptor(body, OCI_MANIFEST, platform=platform))
    return state.add_manifest(_index(children), OCI_INDEX)


def _redirected(location: str) -> Put:
    """An image with one blob that the registry sends elsewhere for."""

    def put(state: State) -> str:
        plain = tar(DEBIAN | {"srv/where": location.encode()})
        blob = gzip.compress(plain, compresslevel=1, mtime=0)

        def elsewhere(handler: Handler) -> bool:
            handler.answer(307, b"", {"Location": location})
            return True

        state.fail("registry", digest_of(blob), elsewhere)
        return image(plain)(state)

    return put


_MALFORMED = "unknown(malformed-manifest)"
_CORRUPT = "unknown(corrupt-layer)"
_LARGE = "unknown(too-large)"
_EMPTY = "unknown(empty-image)"
_FOREIGN = "unknown(foreign-layer)"
_CHART = "application/vnd.cncf.helm.config.v1+json"
_CHART_CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_REDIRECT = "unknown(redirect)"

_ROWS: tuple[tuple[str, str, Put, str], ...] = (
    ("B21", "manifest of 5 MiB", document(_CONFIG, b" " * (5 << 20), _BLOB), _LARGE),
    ("B22", "layers and manifests in one", _manifest(manifests=[]), _MALFORMED),
    ("B22", "layers, called an index", _manifest(mediaType=OCI_INDEX), _MALFORMED),
    ("B22", "Layers beside layers", _manifest(Layers=[]), _MALFORMED),
    ("B23", "index 2 deep", _deep_index(2), "healthy"),
    ("B23", "index 3 deep", _deep_index(3), _LARGE),
    ("B23", "index 30 deep", _deep_index(30), _LARGE),
    ("B24", "index called an image", _lying_index, _MALFORMED),
    ("B25", "index of 65 platforms", _wide_index(65), _LARGE),
    ("B25", "index of 10,000 platforms", _wide_index(10_000), _LARGE),
    ("B26", "layer digest ../../", _manifest(layers=[_LAYER | {"digest": _TRAVERSAL}]), _MALFORMED),
    (
        "B26",
        "config digest ../../",
        _manifest(config=_MANIFEST["config"] | {"digest": _TRAVERSAL}),
        _MALFORMED,
    ),
    ("B27", "diff_id ../..", _rootfs(["sha256:../.."]), _MALFORMED),
    ("B28", "layer smaller than declared", _sized(len(_BLOB) + 1), _CORRUPT),
    ("B28", "layer larger than declared", _sized(len(_BLOB) - 1), _CORRUPT),
    ("B28", "layer of -1 bytes", _sized(-1), _MALFORMED),
    ("B28", "layer of 2^63 bytes", _sized(2**63), _MALFORMED),
    ("B28", "layer of 2^63 - 1 bytes", _sized(2**63 - 1), _LARGE),
    ("B29", "layer swapped for a clean one", _swapped, _CORRUPT),
    ("B30", "diff_id wrong", _rootfs([digest_of(b"another's")]), _CORRUPT),
    ("B31 S10", "5000 diff_ids for one layer", _rootfs([digest_of(_PLAIN)] * 5000), _MALFORMED),
    (
        "B32",
        "diff_id of another image",
        document(
            config_of(_VULNERABLE),
            manifest_of(config_of(_VULNERABLE), _BLOB),
            _BLOB,
        ),
        _CORRUPT,
    ),
    ("B33 C7", "128 layers", _manifest(layers=[_LAYER] * 128), _LARGE),
    ("B33 C7", "5000 layers", _manifest(layers=[_LAYER] * 5000), _LARGE),
    ("B34", "one layer 127 times", image(*[_PLAIN] * 127), "healthy"),
    (
        "B34",
        "one layer 127 times, vulnerable",
        image(*[_VULNERABLE] * 127),
        "unhealthy",
    ),
    ("B35", "config of 5 MiB", _config(config_of(_PLAIN, note="x" * (5 << 20))), _LARGE),
    (
        "B36 S1",
        "rootfs null",
        _config(b'{"os":"linux","architecture":"amd64","rootfs":null}'),
        _EMPTY,
    ),
    ("B36 S1", "config {}", _config(b"{}"), _EMPTY),
    ("B36", "config no JSON", _config(b"<html>"), _MALFORMED),
    ("B36 S2", "no layers", _manifest(layers=[]), _EMPTY),
    ("B36 S1", "no diff_ids", _rootfs([]), _EMPTY),
    ("B36", "index of nothing", document(_CONFIG, _index([])), _EMPTY),
    (
        "B36",
        "foreign layer by urls",
        _manifest(layers=[_LAYER | {"urls": ["https://169.254.169.254/"]}]),
        _FOREIGN,
    ),
    (
        "B36",
        "foreign layer by type",
        _manifest(
            layers=[
                _LAYER | {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}
            ]
        ),
        _FOREIGN,
    ),
    (
        "B36",
        "layer of a type of its own",
        _manifest(layers=[_LAYER | {"mediaType": OCI_LAYER + "+encrypted"}]),
        _MALFORMED,
    ),
    ("S11", "index with one platform unreadable", _index_with_one_bad_platform, _CORRUPT),
    ("S11", "image said to be an attestation", _attested, _EMPTY),
    ("B24", "index under a name that is in it", _index_of_itself, _MALFORMED),
    ("S11", "index of a healthy image and a vulnerable one", _healthy_first, "unhealthy"),
    ("B31 S10", "fewer diff_ids than layers", _manifest(layers=[_LAYER] * 2), _MALFORMED),
    (
        "S2",
        "chart",
        document(
            b"{}",
            manifest_of(b"{}")
            | {"config": descriptor(b"{}", _CHART), "layers": [descriptor(b"x", _CHART_CONTENT)]},
            b"x",
        ),
        "not-applicable(helm-chart)",
    ),
    ("B11", "blob redirected to http", _redirected("http://localhost/blob"), _REDIRECT),
    ("B11", "blob redirected inwards", _redirected("https://169.254.169.254/blob"), _REDIRECT),
    ("B11", "blob redirected elsewhere", _redirected("https://evil.example/blob"), _REDIRECT),
)

REGISTRY = tuple(
    Hostile(name=name, ids=tuple(keys.split()), put=put, verdict=verdict)
    for keys, name, put, verdict in _ROWS
)
