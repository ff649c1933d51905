"""The stand-in as skopeo sees it: a client in Go that nobody here wrote."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.acr import RegistryStandIn
from local.certificates import Certificates
from tests.integration.acr_images import small_image, write_layout

pytestmark = pytest.mark.integration

Skopeo = Callable[..., str]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RegistryStandIn]:
    """An empty registry."""
    certificates = Certificates.create(tmp_path / "certificates")
    with RegistryStandIn(tmp_path / "registry", certificates) as running:
        yield running


@pytest.fixture
def skopeo(tmp_path: Path, registry: RegistryStandIn) -> Skopeo:
    """Run skopeo with the admin user's password, given in a file; returns what it prints."""
    program = shutil.which("skopeo")
    if program is None and os.environ.get("CI") != "true":
        pytest.skip("skopeo is not installed")
    admin = registry.admin
    basic = base64.b64encode(f"{admin.username}:{admin.password}".encode()).decode()
    authfile = tmp_path / "auth.json"
    authfile.write_text(json.dumps({"auths": {registry.login_server: {"auth": basic}}}))

    def run(*arguments: str) -> str:
        assert program is not None, "skopeo is not installed"
        done = subprocess.run(  # noqa: S603 - our own arguments, no shell
            [program, "--insecure-policy", *arguments],
            env={"HOME": str(tmp_path), "REGISTRY_AUTH_FILE": str(authfile)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_an_image_goes_in_and_comes_out_unchanged(
    tmp_path: Path, registry: RegistryStandIn, skopeo: Skopeo
) -> None:
    """`skopeo copy` to the registry and back keeps every byte."""
    digest = write_layout(tmp_path / "in", small_image())
    image = f"docker://{registry.login_server}/team/app:1.0"
    certificates = str(registry.ca_file.parent)

    skopeo(
        "copy", "--preserve-digests", f"--dest-cert-dir={certificates}", f"oci:{tmp_path}/in", image
    )
    skopeo(
        "copy", "--preserve-digests", f"--src-cert-dir={certificates}", image, f"oci:{tmp_path}/out"
    )

    out = json.loads((tmp_path / "out" / "index.json").read_bytes())
    assert out["manifests"][0]["digest"] == digest
    assert registry.authorization_leaks == ()


def test_an_index_goes_in_with_all_its_images(
    tmp_path: Path, registry: RegistryStandIn, skopeo: Skopeo
) -> None:
    """`skopeo copy --all` pushes the children by digest, then the index by tag."""
    images = (small_image(layer=b"a"), small_image(layer=b"b", architecture="arm64"))
    digest = write_layout(tmp_path / "in", *images)
    image = f"docker://{registry.login_server}/team/app:multi"
    certificates = f"--dest-cert-dir={registry.ca_file.parent}"

    skopeo("copy", "--all", "--preserve-digests", certificates, f"oci:{tmp_path}/in", image)

    put = registry.requests.matching("PUT", "/v2/team/app/manifests/.*")
    references = [r.path.rpartition("/")[2] for r in put if r.status == 201]
    assert references == [images[0].digest, images[1].digest, "multi"]
    inspected = skopeo("inspect", "--raw", f"--cert-dir={registry.ca_file.parent}", image)
    assert json.loads(inspected)["manifests"][1]["digest"] == images[1].digest
    assert digest.startswith("sha256:")


def test_tags_are_listed_by_inspect(
    tmp_path: Path, registry: RegistryStandIn, skopeo: Skopeo
) -> None:
    """`skopeo inspect` reads manifest, config and tags of what our own client pushed."""
    digest = write_layout(tmp_path / "in", small_image())
    with registry.client() as client:
        for tag in ("1.0", "1.1"):
            client.push_layout(tmp_path / "in", to=f"team/app:{tag}")

    image = f"docker://{registry.login_server}/team/app:1.0"
    inspected = json.loads(skopeo("inspect", f"--cert-dir={registry.ca_file.parent}", image))

    assert inspected["Digest"] == digest
    assert inspected["RepoTags"] == ["1.0", "1.1"]
    assert inspected["Architecture"] == "amd64"
