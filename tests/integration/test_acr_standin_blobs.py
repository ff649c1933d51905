"""How blobs go into the stand-in, and come out of it."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from local.acr import RegistryClient, RegistryStandIn, Rules
from local.certificates import Certificates
from tests.integration.acr_asked import (
    Ask,
    ask,
    basic_authorization,
    certificates,
    client,
    registry,
)
from tests.integration.acr_images import MANIFEST, digest_of, small_image

pytestmark = pytest.mark.integration
__all__ = ["ask", "certificates", "client", "registry"]


def test_a_blob_is_redirected_to_a_signed_link_elsewhere(
    registry: RegistryStandIn, client: RegistryClient, ask: Ask
) -> None:
    """GET redirects, HEAD answers; the link is served in parts and refuses a token."""
    digest = client.push_blob("app", b"0123456789")
    url = f"{registry.login_server}/v2/app/blobs/{digest}"

    redirect = ask("GET", url, headers=basic_authorization(registry))
    head = ask("HEAD", url, headers=basic_authorization(registry))
    link = redirect.headers["Location"].removeprefix("https://")

    assert redirect.status == 307
    assert redirect.headers["Docker-Content-Digest"] == digest
    assert urlsplit(f"//{link}").netloc == registry.blob_host != registry.login_server
    assert {"se", "sig", "sp", "sr", "sv"} <= parse_qs(urlsplit(link).query).keys()
    assert (head.status, head.headers["Content-Length"]) == (200, "10")

    assert ask("GET", link).data == b"0123456789"
    part = ask("GET", link, headers={"Range": "bytes=2-4"})
    assert (part.status, part.headers["Content-Range"], part.data) == (206, "bytes 2-4/10", b"234")
    rest = ask("GET", link, headers={"Range": "bytes=7-99"})
    assert (rest.headers["Content-Range"], rest.data) == ("bytes 7-9/10", b"789")
    assert ask("GET", link, headers={"Range": "bytes=10-"}).status == 416
    assert ask("GET", link.replace("sig=", "sig=x")).status == 403

    assert ask("GET", link, headers={"Authorization": "Bearer x"}).status == 400
    assert registry.authorization_leaks == (urlsplit(f"//{link}").path,)


def test_a_link_to_storage_expires(tmp_path: Path, certificates: Certificates, ask: Ask) -> None:
    """An old link is refused, as storage refuses an expired SAS."""
    rules = Rules(link_lifetime=timedelta(seconds=-1))
    with RegistryStandIn(tmp_path, certificates, rules=rules) as registry:
        with registry.client() as client:
            digest = client.push_blob("app", b"content")
        url = f"{registry.login_server}/v2/app/blobs/{digest}"
        redirect = ask("GET", url, headers=basic_authorization(registry))
        answer = ask("GET", redirect.headers["Location"].removeprefix("https://"))

    assert answer.status == 403
    assert b"AuthenticationFailed" in answer.data


def test_content_must_match_its_digest(
    registry: RegistryStandIn, client: RegistryClient, ask: Ask
) -> None:
    """A manifest or a blob under a wrong digest is refused, and nothing is kept."""
    host, wrong = registry.login_server, digest_of(b"something else")
    image = small_image()
    image.push(client, "app")

    headers = basic_authorization(registry) | {"Content-Type": MANIFEST}
    manifest = ask("PUT", f"{host}/v2/app/manifests/{wrong}", body=image.manifest, headers=headers)
    url = f"{host}/v2/app/blobs/uploads/?digest={wrong}"
    blob = ask("POST", url, body=b"content", headers=basic_authorization(registry))

    for answer in (manifest, blob):
        assert answer.status == 400
        assert answer.json()["errors"][0]["code"] == "DIGEST_INVALID"
    assert (
        ask("HEAD", f"{host}/v2/app/blobs/{wrong}", headers=basic_authorization(registry)).status
        == 404
    )


def test_a_blob_goes_in_at_once_in_chunks_or_by_mount(registry: RegistryStandIn, ask: Ask) -> None:
    """The three ways of the specification; a chunk out of order is refused."""
    host, basic = registry.login_server, basic_authorization(registry)
    digest = digest_of(b"content")
    url = f"{host}/v2/app/blobs/uploads/"
    assert ask("POST", f"{url}?digest={digest}", body=b"content", headers=basic).status == 201
    assert (
        ask("POST", f"{host}/v2/b/blobs/uploads/?mount={digest}&from=app", headers=basic).status
        == 201
    )
    assert (
        ask("POST", f"{host}/v2/b/blobs/uploads/?mount={digest}&from=no", headers=basic).status
        == 202
    )

    absent = f"{host}/v2/b/blobs/uploads/?mount={digest_of(b'absent')}&from=app"
    assert ask("POST", absent, headers=basic).status == 202

    begun = ask("POST", url, headers=basic)
    location = begun.headers["Location"]
    assert location.startswith("/v2/app/blobs/uploads/")
    late = basic | {"Content-Range": "5-9"}
    assert ask("PATCH", host + location, body=b"01234", headers=late).status == 416
    chunk = ask("PATCH", host + location, body=b"01234", headers=basic | {"Content-Range": "0-4"})
    assert (chunk.status, chunk.headers["Range"]) == (202, "0-4")
    last = f"{host}{chunk.headers['Location']}&digest={digest_of(b'0123456789')}"
    assert ask("PUT", last, body=b"56789", headers=basic).status == 201
