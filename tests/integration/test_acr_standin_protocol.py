"""The stand-in's own words on the wire: redirects, errors, manifests, listings."""

import json
from pathlib import Path

import pytest

from local.acr import Ports, PushError, RegistryClient, RegistryStandIn
from local.certificates import Certificates
from tests.integration.acr_asked import (
    Ask,
    ask,
    basic_authorization,
    certificates,
    client,
    registry,
)
from tests.integration.acr_images import (
    CONFIG,
    LAYER,
    MANIFEST,
    descriptor,
    small_image,
    write_layout,
)

pytestmark = pytest.mark.integration
__all__ = ["ask", "certificates", "client", "registry"]

ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"


def test_a_manifest_needs_its_blobs_but_not_foreign_ones(client: RegistryClient) -> None:
    """A layer that is missing is an error; one with URLs of its own lies elsewhere."""
    image = small_image()
    with pytest.raises(PushError, match="MANIFEST_BLOB_UNKNOWN"):
        client.push_manifest("app", image.manifest, media_type=MANIFEST, tag="1")

    foreign = descriptor(LAYER, b"elsewhere", urls=["https://example.com/layer"])
    outside = small_image(layers=[foreign])
    client.push_blob("app", outside.config)
    client.push_manifest("app", outside.manifest, media_type=MANIFEST, tag="1")


def test_a_manifest_over_four_mebibytes_is_refused(client: RegistryClient) -> None:
    """The limit of the service holds here too."""
    padded = small_image(annotations={"padding": "x" * 4 * 1024 * 1024})
    with pytest.raises(PushError, match="413"):
        padded.push(client, "app", "1")


@pytest.mark.parametrize("content", [b"[]", b"{", b"[" * 100_000, b'{"layers": [1]}'])
def test_what_is_no_manifest_is_refused(client: RegistryClient, content: bytes) -> None:
    """Neither another JSON value, nor broken or bottomless JSON, nor malformed descriptors."""
    with pytest.raises(PushError, match="MANIFEST_INVALID"):
        client.push_manifest("app", content, media_type=MANIFEST, tag="1")


def test_an_oci_type_must_be_accepted(
    registry: RegistryStandIn, client: RegistryClient, ask: Ask
) -> None:
    """A client that accepts Docker's types alone is told that it misses OCI's."""
    small_image().push(client, "app", "1")
    url = f"{registry.login_server}/v2/app/manifests/1"
    docker = "application/vnd.docker.distribution.manifest.v2+json"

    refused = ask("GET", url, headers=basic_authorization(registry) | {"Accept": docker})
    answer = ask(
        "GET", url, headers=basic_authorization(registry) | {"Accept": f"{docker}, {MANIFEST}"}
    )

    assert refused.status == 404
    assert "accept header" in refused.json()["errors"][0]["message"]
    assert (answer.status, answer.headers["Content-Type"]) == (200, MANIFEST)
    assert answer.headers["Content-Length"] == str(len(small_image().manifest))


def test_referrers_are_found_by_subject(
    registry: RegistryStandIn, client: RegistryClient, ask: Ask
) -> None:
    """A signature names its image; the image's referrers list the signature, filtered by type."""
    image = small_image()
    subject = image.push(client, "app", "1")
    named = descriptor(MANIFEST, image.manifest)
    signature = small_image(subject=named, artifactType="application/x.sign").push(client, "app")
    sbom = {"artifactType": "application/x.sbom", "blobs": []}
    artifact = {"mediaType": ARTIFACT, "subject": named, **sbom}
    client.push_manifest("app", json.dumps(artifact).encode(), media_type=ARTIFACT)

    url = f"{registry.login_server}/v2/app/referrers/{subject}"
    found = ask("GET", url, headers=basic_authorization(registry)).json()["manifests"]
    signed = ask(
        "GET", f"{url}?artifactType=application/x.sign", headers=basic_authorization(registry)
    )

    assert {entry["artifactType"] for entry in found} == {
        "application/x.sign",
        "application/x.sbom",
    }
    assert {entry["mediaType"] for entry in found} == {MANIFEST, ARTIFACT}
    assert [entry["digest"] for entry in signed.json()["manifests"]] == [signature]
    assert signed.headers["OCI-Filters-Applied"] == "artifactType"


def test_the_link_to_the_next_page_is_as_recorded(
    registry: RegistryStandIn, client: RegistryClient, ask: Ask
) -> None:
    """It keeps the quoted name and an empty orderby, and drops api-version."""
    for tag in ("1", "2"):
        small_image().push(client, "team/app", tag)
    small_image(layer=b"other").push(client, "team/app")
    base = f"{registry.login_server}/acr/v1/team%2Fapp"

    tags = ask(
        "GET", f"{base}/_tags?api-version=2021-07-01&n=1", headers=basic_authorization(registry)
    )
    manifests = ask("GET", f"{base}/_manifests?n=1", headers=basic_authorization(registry))
    first = manifests.json()["manifests"][0]["digest"].replace(":", "%3A")

    assert tags.headers["Link"] == '</acr/v1/team%2Fapp/_tags?last=1&n=1&orderby=>; rel="next"'
    assert manifests.headers["Link"] == (
        f'</acr/v1/team%2Fapp/_manifests?last={first}&n=1&orderby=>; rel="next"'
    )


def test_a_scanner_writes_the_quarantine_state(
    registry: RegistryStandIn, client: RegistryClient, ask: Ask
) -> None:
    """State and details are kept among the changeable attributes, unlike unknown members."""
    digest = small_image().push(client, "app", "1")
    url = f"{registry.login_server}/acr/v1/app/_manifests/{digest}"
    body = json.dumps({"quarantineState": "Failed", "quarantineDetails": "{}", "other": 1})

    changed = ask("PATCH", url, body=body, headers=basic_authorization(registry))
    manifest = ask("GET", url, headers=basic_authorization(registry)).json()["manifest"]

    assert changed.status == 200
    assert manifest["mediaType"] == MANIFEST
    assert manifest["configMediaType"] == CONFIG
    assert manifest["changeableAttributes"] == {
        "deleteEnabled": True,
        "writeEnabled": True,
        "readEnabled": True,
        "listEnabled": True,
        "quarantineDetails": "{}",
        "quarantineState": "Failed",
    }


def test_a_port_in_use_is_named(
    tmp_path: Path, registry: RegistryStandIn, certificates: Certificates
) -> None:
    """The second registry on a port says which, and keeps no other port."""
    port = int(registry.blob_host.partition(":")[2])
    with pytest.raises(OSError, match=f"port {port} "):
        RegistryStandIn(tmp_path / "second", certificates, ports=Ports(storage=port))


def test_a_layout_is_pushed_children_first(
    tmp_path: Path, registry: RegistryStandIn, client: RegistryClient
) -> None:
    """As buildx does: each platform's manifest by digest, then the index by tag."""
    images = (small_image(layer=b"a"), small_image(layer=b"b", architecture="arm64"))
    digest = write_layout(tmp_path / "layout", *images)

    assert client.push_layout(tmp_path / "layout", to="team/app:2") == digest

    put = registry.requests.matching("PUT", "/v2/team/app/manifests/.*")
    references = [request.path.rpartition("/")[2] for request in put if request.status == 201]
    assert references == [images[0].digest, images[1].digest, "2"]
