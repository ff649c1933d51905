import pytest

from scanner.ports import ResolvedIndex
from tests.image_samples import OCI_INDEX, OCI_MANIFEST, add_image
from tests.integration.resolved_images import reason_of, resolve, running
from tests.registry_server import Running

pytestmark = pytest.mark.integration
__all__ = ["running"]


def test_lists_an_indexs_platforms_without_its_attestations(running: Running) -> None:
    """Return one entry a platform, by digest and without a tag."""
    images = [add_image(running.state, content) for content in (b"amd64", b"arm64", b"proof")]
    platforms = ["amd64", "arm64", "unknown"]
    children = [
        {
            "mediaType": OCI_MANIFEST,
            "digest": digest,
            "size": 1,
            "platform": {"os": "unknown" if name == "unknown" else "linux", "architecture": name},
        }
        for digest, name in zip(images, platforms, strict=True)
    ]
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}
    resolved = resolve(running, running.state.add_manifest(index))
    assert isinstance(resolved, ResolvedIndex)
    assert [str(entry.platform) for entry in resolved.children] == ["linux/amd64", "linux/arm64"]
    assert [str(entry.reference.digest) for entry in resolved.children] == images[:2]
    assert {entry.reference.tag for entry in resolved.children} == {None}


def _index_over(running: Running, inner: str, media_type: str = OCI_INDEX) -> str:
    child = {"mediaType": media_type, "digest": inner, "size": 1}
    return running.state.add_manifest({"schemaVersion": 2, "manifests": [child, child]})


def test_flattens_an_index_in_an_index_but_goes_no_deeper(running: Running) -> None:
    """Accept two levels and refuse three, after two requests."""
    image = add_image(running.state, b"layer")
    two = _index_over(running, _index_over(running, image, OCI_MANIFEST))
    resolved = resolve(running, two)
    assert isinstance(resolved, ResolvedIndex)
    assert [str(entry.reference.digest) for entry in resolved.children] == [image]
    running.state.seen.clear()
    assert reason_of(resolve(running, _index_over(running, two))) == "too-large"
    assert len(running.state.requests_to("registry", "/manifests/")) == 2


def test_an_inner_index_that_is_missing_does_not_hide_the_outer_one(running: Running) -> None:
    """Say malformed-manifest, not deleted: the other platforms may still be run."""
    outer = _index_over(running, "sha256:" + "b" * 64)
    assert reason_of(resolve(running, outer)) == "malformed-manifest"
