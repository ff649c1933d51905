"""Untrusted manifests and configs: each ends in a value or one of two refusals."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.model import Unexaminable, UnknownReason
from scanner.ports import PullPlan
from scanner.registry.artefacts import name_artefact
from scanner.registry.configs import parse_config
from scanner.registry.documents import MalformedError
from scanner.registry.images import read_plan
from scanner.registry.limits import Limits
from scanner.registry.manifests import (
    ArtefactManifest,
    ImageManifest,
    Index,
    TooLargeError,
    parse_manifest,
)
from tests.image_samples import OCI_INDEX, config_of, descriptor, manifest_of

LIMITS = Limits()
LAYER = b"layer"
CONFIG = config_of(LAYER)
DIGEST = "sha256:" + "a" * 64

Document = dict[str, Any]
Bend = Callable[[Document], object]


def _index_of(*children: object) -> Document:
    return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(children)}


def _child(number: int, **more: object) -> Document:
    return descriptor(b"%d" % number, "application/vnd.oci.image.manifest.v1+json", **more)


def _parse(document: object) -> object:
    return parse_manifest(json.dumps(document).encode(), limits=LIMITS)


def _set(path: str, value: object) -> Bend:
    def bend(document: Document) -> None:
        *parents, last = path.split(".")
        place: Any = document
        for name in parents:
            place = place[int(name) if name.isdigit() else name]
        place[last] = value

    return bend


@pytest.mark.parametrize(
    "bend",
    [
        pytest.param(_set("manifests", []), id="also-an-index"),
        pytest.param(_set("blobs", [1]), id="also-an-artefact"),
        pytest.param(_set("Layers", []), id="layers-by-another-case"),
        pytest.param(_set("\u017fchemaVersion", 2), id="member-that-go-folds-to-a-known-one"),
        pytest.param(_set("mediaType", OCI_INDEX), id="media-type-of-an-index"),
        pytest.param(_set("mediaType", "text/html"), id="media-type-of-something-else"),
        pytest.param(_set("mediaType", 7), id="media-type-no-string"),
        pytest.param(_set("schemaVersion", 1), id="schema-1"),
        pytest.param(_set("schemaVersion", value=True), id="schema-true"),
        pytest.param(_set("config", None), id="no-config"),
        pytest.param(_set("config", []), id="config-no-object"),
        pytest.param(_set("config.digest", "sha256:../../../../etc/passwd"), id="digest-a-path"),
        pytest.param(_set("config.digest", DIGEST + "\n"), id="digest-with-newline"),
        pytest.param(_set("config.digest", "sha512:" + "a" * 128), id="digest-sha512"),
        pytest.param(_set("config.digest", 1), id="digest-no-string"),
        pytest.param(_set("layers", {}), id="layers-no-array"),
        pytest.param(_set("layers", [None]), id="layer-null"),
        pytest.param(_set("layers.0.size", -1), id="size-negative"),
        pytest.param(_set("layers.0.size", 2**63), id="size-overflows"),
        pytest.param(_set("layers.0.size", 1.0), id="size-a-float"),
        pytest.param(_set("layers.0.size", value=True), id="size-true"),
        pytest.param(_set("layers.0.size", "5"), id="size-a-string"),
        pytest.param(_set("layers.0.Digest", DIGEST), id="digest-by-another-case"),
        pytest.param(_set("layers.0.urls", "https://evil.example"), id="urls-no-array"),
    ],
)
def test_refuses_a_manifest_that_can_be_read_in_two_ways_or_in_none(bend: Bend) -> None:
    """Refuse what Docker, containerd and Trivy might read otherwise than we do."""
    document = manifest_of(CONFIG, LAYER)
    assert isinstance(_parse(document), ImageManifest)
    bend(document)
    with pytest.raises(MalformedError):
        _parse(document)


@pytest.mark.parametrize(
    "untrusted",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>please sign in</html>", id="html"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="array"),
        pytest.param(b"{}", id="empty-object"),
        pytest.param(b"[" * 100_000, id="deep-arrays"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="deep-objects"),
        pytest.param(b'{"schemaVersion":2,"schemaVersion":2}', id="repeated-member"),
        pytest.param(b'{"schemaVersion":NaN}', id="nan"),
        pytest.param(b'{"schemaVersion":1e999}', id="infinite"),
        pytest.param(b'{"schemaVersion":' + b"9" * 5000 + b"}", id="5000-digits"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte-order-mark"),
        pytest.param('{"schemaVersion":2}'.encode("utf-16"), id="utf-16"),
        pytest.param(b" " * (4 * 1024**2 + 1), id="over-4-mib"),
    ],
)
def test_refuses_what_is_no_strict_json(untrusted: bytes) -> None:
    """Refuse bytes that parsers disagree on, and never run out of stack."""
    with pytest.raises(MalformedError):
        parse_manifest(untrusted, limits=LIMITS)
    with pytest.raises(MalformedError):
        parse_config(untrusted if untrusted != b"{}" else b"", limits=LIMITS)


def test_refuses_more_layers_than_a_runtime_mounts() -> None:
    """Accept 127 layers and refuse 128: Trivy's time grows with their square."""
    layers = [b"%d" % number for number in range(128)]
    assert isinstance(_parse(manifest_of(CONFIG, *layers[:127])), ImageManifest)
    with pytest.raises(TooLargeError):
        _parse(manifest_of(CONFIG, *layers))


def test_refuses_an_index_of_too_many_platforms() -> None:
    """Accept 64 children and refuse 65."""
    assert isinstance(_parse(_index_of(*map(_child, range(64)))), Index)
    with pytest.raises(TooLargeError):
        _parse(_index_of(*map(_child, range(65))))


def test_leaves_attestations_out_of_an_index() -> None:
    """Skip what is for unknown/unknown, which BuildKit gives to attestations and none runs."""
    unknown = {"os": "unknown", "architecture": "unknown"}
    linux = {"os": "linux", "architecture": "arm64", "variant": "v8"}
    parsed = _parse(_index_of(_child(1, platform=linux), _child(2, platform=unknown)))
    assert isinstance(parsed, Index)
    assert [str(child.platform) for child in parsed.manifests] == ["linux/arm64/v8"]


def test_keeps_a_runnable_platform_that_calls_itself_an_attestation() -> None:
    """Keep a child for linux/amd64 whatever its annotations say: a runtime would run it."""
    platform = {"os": "linux", "architecture": "amd64"}
    annotations = {"vnd.docker.reference.type": "attestation-manifest"}
    parsed = _parse(_index_of(_child(1, platform=platform, annotations=annotations)))
    assert isinstance(parsed, Index)
    assert len(parsed.manifests) == 1


@pytest.mark.parametrize("name", ["layers", "config", "blobs"])
def test_refuses_an_index_that_is_also_an_image(name: str) -> None:
    """Refuse both forms in one document (GHSA-77vh-xpmg-72qh)."""
    with pytest.raises(MalformedError):
        _parse(_index_of(_child(1)) | {name: [_child(2)]})


def test_takes_the_oci_artefact_manifest_for_an_artefact() -> None:
    """Name a manifest of the artefact kind by its artifactType."""
    kind = "application/vnd.oci.artifact.manifest.v1+json"
    parsed = _parse({"mediaType": kind, "artifactType": "application/spdx+json", "blobs": []})
    assert isinstance(parsed, ArtefactManifest)
    assert name_artefact(parsed).reason == "sbom"


def _plan(manifest: Document, config: bytes = CONFIG) -> PullPlan | Unexaminable:
    return read_plan(json.dumps(manifest).encode(), config, LIMITS)


def _reason(plan: PullPlan | Unexaminable) -> UnknownReason | None:
    return plan.reason if isinstance(plan, Unexaminable) else None


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(b'{"rootfs":{"diff_ids":["sha256:../.."]}}', id="diff-id-a-path"),
        pytest.param(b'{"rootfs":{"diff_ids":[1]}}', id="diff-id-a-number"),
        pytest.param(b'{"rootfs":{"diff_ids":{}}}', id="diff-ids-no-array"),
        pytest.param(b'{"rootfs":[]}', id="rootfs-no-object"),
        pytest.param(b'{"RootFS":{}}', id="rootfs-by-another-case"),
        pytest.param(b'{"os":["linux"]}', id="os-no-string"),
        pytest.param(b'{"os":"li\\u0000nux"}', id="os-with-nul"),
        pytest.param(config_of(LAYER, LAYER), id="two-diff-ids-for-one-layer"),
        pytest.param(config_of(*[LAYER] * 5000), id="5000-diff-ids-for-one-layer"),
    ],
)
def test_refuses_a_config_that_does_not_fit(config: bytes) -> None:
    """Say malformed-manifest, before any layer is pulled."""
    assert _reason(_plan(manifest_of(config, LAYER), config)) is UnknownReason.MALFORMED_MANIFEST


@pytest.mark.parametrize(
    ("config", "layers"),
    [
        pytest.param(b"{}", [LAYER], id="config-empty"),
        pytest.param(b'{"rootfs":null}', [LAYER], id="rootfs-null"),
        pytest.param(b'{"rootfs":{"diff_ids":null}}', [LAYER], id="diff-ids-null"),
        pytest.param(CONFIG, [], id="no-layers"),
    ],
)
def test_calls_an_image_without_contents_empty(config: bytes, layers: list[bytes]) -> None:
    """Say empty-image, where Trivy says that there is nothing to find."""
    assert _reason(_plan(manifest_of(config, *layers), config)) is UnknownReason.EMPTY_IMAGE


@pytest.mark.parametrize(
    "bend",
    [
        pytest.param(_set("layers.0.urls", ["https://169.254.169.254/"]), id="urls"),
        pytest.param(
            _set("layers.0.mediaType", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
            id="docker-foreign",
        ),
        pytest.param(
            _set(
                "layers.0.mediaType", "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
            ),
            id="oci-nondistributable",
        ),
    ],
)
def test_does_not_plan_to_fetch_a_foreign_layer(bend: Bend) -> None:
    """Say foreign-layer; the URL is not even kept."""
    document = manifest_of(CONFIG, LAYER)
    bend(document)
    assert _reason(_plan(document)) is UnknownReason.FOREIGN_LAYER


def test_plans_a_layer_that_is_listed_twice_once() -> None:
    """Pull the same digest once and keep both diff_ids in order."""
    config = config_of(LAYER, b"other", LAYER)
    plan = _plan(manifest_of(config, LAYER, b"other", LAYER), config)
    assert isinstance(plan, PullPlan)
    assert len(plan.layers) == 2
    assert plan.diff_ids[0] == plan.diff_ids[2]


def test_refuses_one_layer_with_two_diff_ids() -> None:
    """Refuse one blob that shall unpack to two contents."""
    config = config_of(LAYER, b"other")
    plan = _plan(manifest_of(config, LAYER, LAYER), config)
    assert _reason(plan) is UnknownReason.MALFORMED_MANIFEST


def test_refuses_layers_that_declare_more_bytes_than_allowed() -> None:
    """Say too-large from the declared sizes, before anything is pulled."""
    document = manifest_of(CONFIG, LAYER)
    document["layers"][0]["size"] = LIMITS.compressed_bytes + 1
    assert _reason(_plan(document)) is UnknownReason.TOO_LARGE


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)
_member = st.sampled_from(
    ["schemaVersion", "mediaType", "config", "layers", "manifests", "digest", "size", "urls"]
) | st.sampled_from(
    ["platform", "os", "architecture", "rootfs", "diff_ids", "artifactType", "LAYERS", "Config"]
)
_like_a_manifest = st.recursive(
    _json | st.sampled_from([2, DIGEST, OCI_INDEX, "application/vnd.oci.image.manifest.v1+json"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_member, inner, max_size=6),
)


@given(_like_a_manifest)
def test_any_json_is_parsed_or_refused(document: object) -> None:
    """Return a plan or an Unexaminable for every pair of documents, and raise nothing."""
    untrusted = json.dumps(document).encode()
    image = manifest_of(untrusted, LAYER)
    for plan in (read_plan(untrusted, CONFIG, LIMITS), _plan(image, untrusted)):
        assert isinstance(plan, PullPlan | Unexaminable)
        assert plan.detail.encode() if isinstance(plan, Unexaminable) else True


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(untrusted: bytes) -> None:
    """Return a plan or an Unexaminable for any bytes, and raise nothing."""
    assert isinstance(read_plan(untrusted, untrusted, LIMITS), PullPlan | Unexaminable)
