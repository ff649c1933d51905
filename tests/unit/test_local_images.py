import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scanner.errors import NoImageError
from scanner.local_images import LocalRegistry, open_image
from scanner.model import Digest, ImageReference, NotApplicable, Unexaminable, UnknownReason
from scanner.ports import Layer, ResolvedImage, ResolvedIndex
from scanner.registry import Limits
from tests.image_samples import (
    OCI_INDEX,
    OCI_MANIFEST,
    config_of,
    descriptor,
    manifest_of,
    tar_of,
)
from tests.local_images import (
    BLOB,
    CONFIG,
    MANIFEST,
    PLAIN,
    Files,
    blobs,
    in_archive,
    in_folder,
    index,
    layout,
    saved,
)


def _unpacked(path: Path, into: Path, **limits: int) -> list[bytes] | Unexaminable:
    """Resolve and unpack an image, as an examination does; return what its layers hold."""
    contents = open_image(path)
    registry = LocalRegistry(contents=contents, limits=Limits(**limits))
    image = registry.resolve(_reference(contents.root))
    if isinstance(image, Unexaminable):
        return image
    assert isinstance(image, ResolvedImage), image
    plan = registry.plan(image)
    if isinstance(plan, Unexaminable):
        return plan
    into.mkdir()
    plain: list[bytes] = []

    def done(_: Layer, layer: Path) -> None:
        plain.append(layer.read_bytes())

    return registry.pull(image, plan.layers, into=into, done=done) or plain


def _reference(digest: Digest) -> ImageReference:
    return ImageReference(registry="localhost", repository="image", digest=digest)


@pytest.mark.parametrize("write", [in_folder, in_archive])
@pytest.mark.parametrize("files", [layout(), saved()], ids=["layout", "saved"])
def test_every_form_gives_the_same_layers(
    tmp_path: Path, write: Callable[[Files, Path], Path], files: Files
) -> None:
    """Folder or archive, of OCI or of Docker."""
    (tmp_path / "source").mkdir()
    path = write(files, tmp_path / "source")
    assert _unpacked(path, tmp_path / "into") == [PLAIN]


def test_a_layer_that_docker_saved_as_a_link_is_found(tmp_path: Path) -> None:
    """As it wrote one that was in the archive already."""
    files = saved(config=config_of(PLAIN, PLAIN), Layers=["a/layer.tar", "b/layer.tar"])
    path = in_archive(files, tmp_path, links={"b/layer.tar": "../a/layer.tar"})
    assert _unpacked(path, tmp_path / "into") == [PLAIN]


def test_several_platforms_are_anindex(tmp_path: Path) -> None:
    """Whether the layout lists them itself or names an index; attestations are none."""
    other = json.dumps(manifest_of(CONFIG, BLOB, annotations={"a": "b"})).encode()
    listed = [
        descriptor(MANIFEST, OCI_MANIFEST, platform={"os": "linux", "architecture": "amd64"}),
        descriptor(other, OCI_MANIFEST, platform={"os": "linux", "architecture": "arm64"}),
        descriptor(b"{}", OCI_MANIFEST, platform={"os": "unknown", "architecture": "unknown"}),
    ]
    nested = index(*listed)
    for number, root in enumerate((nested, index(descriptor(nested, OCI_INDEX)))):
        files = layout() | blobs(other, nested) | {"index.json": root}
        contents = open_image(in_folder(files, tmp_path / str(number)))
        resolved = LocalRegistry(contents=contents).resolve(_reference(contents.root))
        assert isinstance(resolved, ResolvedIndex)
        assert [str(child.platform) for child in resolved.children] == [
            "linux/amd64",
            "linux/arm64",
        ]


def test_several_saved_images_are_all_looked_at(tmp_path: Path) -> None:
    """`docker save a b` has no order of importance."""
    files = saved()
    [entry] = json.loads(files["manifest.json"])
    files["d.json"] = config_of(PLAIN, author="another")
    files["manifest.json"] = json.dumps([entry, entry | {"Config": "d.json"}]).encode()
    contents = open_image(in_archive(files, tmp_path))
    resolved = LocalRegistry(contents=contents).resolve(_reference(contents.root))
    assert isinstance(resolved, ResolvedIndex)
    assert len(resolved.children) == 2


def test_what_is_no_image_is_not_applicable(tmp_path: Path) -> None:
    """A chart in a layout is a chart."""
    chart = json.dumps(
        {
            "schemaVersion": 2,
            "config": descriptor(b"{}", "application/vnd.cncf.helm.config.v1+json"),
            "layers": [],
        }
    ).encode()
    files = layout() | blobs(chart) | {"index.json": index(descriptor(chart, OCI_MANIFEST))}
    contents = open_image(in_folder(files, tmp_path))
    resolved = LocalRegistry(contents=contents).resolve(_reference(contents.root))
    assert isinstance(resolved, NotApplicable)


OTHER = gzip.compress(tar_of(etc=b"y" * 5000), mtime=0)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (layout(layer=BLOB[:-1] + b"x"), UnknownReason.CORRUPT_LAYER),
        (layout(layer=BLOB + b"x"), UnknownReason.CORRUPT_LAYER),
        (layout(layer=gzip.compress(PLAIN, mtime=1)), UnknownReason.CORRUPT_LAYER),
        (layout(manifest=MANIFEST.replace(b"amd64", b"arm64") + b" "), "malformed-manifest"),
        (layout(config=CONFIG.replace(b"linux", b"minix")), UnknownReason.MALFORMED_MANIFEST),
        (layout(config=CONFIG + b" "), UnknownReason.MALFORMED_MANIFEST),
        (saved(layer=tar_of(etc=b"z")), UnknownReason.CORRUPT_LAYER),
        (saved(config=config_of(PLAIN, PLAIN)), UnknownReason.MALFORMED_MANIFEST),
        (saved(config=b'{"os":"linux","os":"linux"}'), UnknownReason.MALFORMED_MANIFEST),
    ],
)
def test_bytes_that_are_not_those_of_their_digests_end_in_unknown(
    tmp_path: Path, files: Files, reason: str
) -> None:
    """Of manifest, config, layer and what the layer unpacks to."""
    (tmp_path / "source").mkdir()
    seen = _unpacked(in_archive(files, tmp_path / "source"), tmp_path / "into")
    assert isinstance(seen, Unexaminable)
    assert seen.reason == reason


def test_a_bomb_is_given_up(tmp_path: Path) -> None:
    """By the limits of a pull."""
    path = in_archive(layout(), tmp_path)
    seen = _unpacked(path, tmp_path / "into", uncompressed_bytes=1000)
    assert isinstance(seen, Unexaminable)
    assert seen.reason is UnknownReason.TOO_LARGE


def test_a_layer_that_is_not_there_is_the_images_fault(tmp_path: Path) -> None:
    """As after a copy that was broken off."""
    files = layout()
    [place] = blobs(BLOB)
    del files[place]
    seen = _unpacked(in_folder(files, tmp_path), tmp_path / "into")
    assert isinstance(seen, Unexaminable)
    assert "not there" in seen.detail


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"index.json": b"{}"},
        {"index.json": b"[" * 100_000},
        {"index.json": b'{"manifests":[{"digest":"sha256:../../etc/passwd"}]}'},
        {"index.json": b'{"manifests":[7]}'},
        {"index.json": b" " * (5 << 20)},
        {"manifest.json": b"[]"},
        {"manifest.json": b"[7]"},
        {"manifest.json": b'[{"Config":7,"Layers":[]}]'},
        {"manifest.json": b'[{"Config":"c","Layers":[[]]}]'},
        {"manifest.json": b'[{"Config":"../../../etc/passwd","Layers":[]}]'},
        {"manifest.json": b'[{"Config":"/etc/passwd","Layers":[]}]'},
        {"manifest.json": b'[{"Config":"a\\u0000b","Layers":[]}]'},
    ],
)
@pytest.mark.parametrize("write", [in_folder, in_archive])
def test_what_is_no_image_is_refused(
    tmp_path: Path, write: Callable[[Files, Path], Path], files: Files
) -> None:
    """And no name leads out of the folder or archive."""
    with pytest.raises(NoImageError):
        open_image(write(files, tmp_path))


def test_links_and_pipes_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    """A link may lead to any file of whoever checks; nobody writes to the pipe."""
    [place] = blobs(BLOB)
    secret = tmp_path / "secret"
    secret.write_bytes(BLOB)
    for kind in ("link", "pipe"):
        root = in_folder(layout(), tmp_path / kind)
        (root / place).unlink()
        if kind == "link":
            (root / place).symlink_to(secret)
        else:
            os.mkfifo(root / place)
        with pytest.raises(NoImageError):
            _unpacked(root, tmp_path / f"into-{kind}")


def test_links_of_an_archive_that_lead_in_a_circle_are_given_up(tmp_path: Path) -> None:
    """And those that lead out of it, too."""
    for links in ({"a": "b", "b": "a"}, {"a": "/etc/passwd"}, {"a": "../../../etc/passwd"}):
        files = saved(Layers=["a"])
        with pytest.raises(NoImageError, match="lacks a file"):
            open_image(in_archive(files, tmp_path, links))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "neither an OCI layout"),
        (b"x" * 700, "no tar archive"),
        (gzip.compress(PLAIN, mtime=0), "compressed: unpack it first"),
    ],
)
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """A compressed one too."""
    path = tmp_path / "image.tar"
    path.write_bytes(content)
    with pytest.raises(NoImageError, match=words):
        open_image(path)
