"""The stand-in's own words on the wire: challenges, tokens, redirects, errors, listings."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from local.acr import Ports, PushError, RegistryClient, RegistryStandIn, Rules
from local.certificates import Certificates
from tests.integration.acr_images import (
    CONFIG,
    LAYER,
    MANIFEST,
    descriptor,
    digest_of,
    small_image,
    write_layout,
)

pytestmark = pytest.mark.integration

Ask = Callable[..., urllib3.BaseHTTPResponse]
ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """One authority for all tests here."""
    return Certificates.create(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def registry(tmp_path: Path, certificates: Certificates) -> Iterator[RegistryStandIn]:
    """An empty registry."""
    with RegistryStandIn(tmp_path / "registry", certificates) as running:
        yield running


@pytest.fixture
def client(registry: RegistryStandIn) -> Iterator[RegistryClient]:
    """A push client as the admin user."""
    with registry.client() as opened:
        yield opened


@pytest.fixture
def ask(certificates: Certificates) -> Iterator[Ask]:
    """Plain HTTPS that follows no redirect and repeats nothing."""
    with urllib3.PoolManager(ca_certs=str(certificates.ca_file), retries=False) as pool:

        def call(method: str, url: str, **kwargs: Any) -> urllib3.BaseHTTPResponse:  # noqa: ANN401 - as urllib3 takes
            return pool.request(method, f"https://{url}", redirect=False, **kwargs)

        yield call


def _basic(registry: RegistryStandIn) -> dict[str, str]:
    admin = registry.admin
    return urllib3.make_headers(basic_auth=f"{admin.username}:{admin.password}")


def test_the_challenge_names_realm_service_and_scope(registry: RegistryStandIn, ask: Ask) -> None:
    """Without a token the answer is a 401 in the very form of the service."""
    host = registry.login_server
    answer = ask("GET", f"{host}/acr/v1/library%2Fhello/_tags")

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == (
        f'Bearer realm="https://{host}/oauth2/token",service="{host}"'
        ',scope="repository:library/hello:metadata_read"'
    )
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["X-Ms-Correlation-Request-Id"]
    assert answer.json() == {
        "errors": [
            {
                "code": "UNAUTHORIZED",
                "message": "authentication required, "
                "visit https://aka.ms/acr/authorization for more information.",
                "detail": [
                    {"Type": "repository", "Name": "library/hello", "Action": "metadata_read"}
                ],
            }
        ]
    }


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v2/a/b/manifests/1", "repository:a/b:pull"),
        ("HEAD", "/v2/a/b/blobs/sha256:0", "repository:a/b:pull"),
        ("GET", "/v2/a/b/referrers/sha256:0", "repository:a/b:pull"),
        ("PUT", "/v2/a/b/manifests/1", "repository:a/b:pull,push"),
        ("POST", "/v2/a/b/blobs/uploads/", "repository:a/b:pull,push"),
        ("DELETE", "/v2/a/b/manifests/1", "repository:a/b:delete"),
        ("GET", "/v2/a/b/tags/list", "repository:a/b:metadata_read"),
        ("GET", "/acr/v1/_catalog", "registry:catalog:*"),
        ("GET", "/acr/v1/a%2Fb", "repository:a/b:metadata_read"),
        ("PATCH", "/acr/v1/a%2Fb/_manifests/sha256%3A0", "repository:a/b:metadata_write"),
        ("DELETE", "/acr/v1/a%2Fb/_tags/1", "repository:a/b:delete"),
    ],
)
def test_each_path_asks_for_its_own_scope(
    registry: RegistryStandIn, ask: Ask, method: str, path: str, scope: str
) -> None:
    """The scope follows from method and path, however the name is quoted."""
    answer = ask(method, registry.login_server + path)

    assert answer.status == 401
    assert f'scope="{scope}"' in answer.headers["WWW-Authenticate"]


def test_a_token_is_good_for_its_scope_only(
    registry: RegistryStandIn, client: RegistryClient, ask: Ask
) -> None:
    """A token to pull one repository neither pushes there nor pulls elsewhere."""
    host = registry.login_server
    for repository in ("mine", "other"):
        small_image().push(client, repository, "1")
    asked = f"{host}/oauth2/token?service={host}&scope=repository:mine:pull"
    token = ask("GET", asked, headers=_basic(registry)).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}

    assert ask("GET", f"{host}/v2/mine/manifests/1", headers=bearer).status == 200
    assert ask("GET", f"{host}/v2/mine/tags/list", headers=bearer).status == 200
    assert ask("POST", f"{host}/v2/mine/blobs/uploads/", headers=bearer).status == 401
    refused = ask("GET", f"{host}/v2/other/manifests/1", headers=bearer)
    assert refused.status == 401
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]


def test_a_token_has_three_parts_and_says_when_it_expires(
    registry: RegistryStandIn, ask: Ask
) -> None:
    """Clients read `exp` from the middle part to know how long they may keep a token."""
    host = registry.login_server
    asked = f"{host}/oauth2/token?service={host}&scope=registry:catalog:*"
    token = ask("GET", asked, headers=_basic(registry)).json()["access_token"]

    _, claims, _ = token.split(".")
    lifetime = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert lifetime["exp"] - lifetime["iat"] == 75 * 60


def test_a_wrong_password_gets_no_token(registry: RegistryStandIn, ask: Ask) -> None:
    """Neither at the token endpoint nor at the API itself."""
    host = registry.login_server
    wrong = urllib3.make_headers(basic_auth=f"{registry.admin.username}:guess")

    for path in (f"/oauth2/token?service={host}&scope=registry:catalog:*", "/acr/v1/_catalog"):
        assert ask("GET", host + path, headers=wrong).status == 401


def test_only_a_token_for_registries_is_exchanged(registry: RegistryStandIn, ask: Ask) -> None:
    """An Entra token for another resource, such as storage, buys nothing here."""
    host = registry.login_server
    statuses = []
    with urllib3.PoolManager(retries=False) as pool:
        for resource in ("https://containerregistry.azure.net", "https://storage.azure.com"):
            issued = pool.request(
                "GET",
                registry.identity_endpoint,
                fields={"resource": resource, "api-version": "2019-08-01"},
                headers={"X-IDENTITY-HEADER": registry.identity_header},
            ).json()
            form = {
                "grant_type": "access_token",
                "service": host,
                "access_token": issued["access_token"],
            }
            answer = ask("POST", f"{host}/oauth2/exchange", fields=form, encode_multipart=False)
            statuses.append(answer.status)

    assert statuses == [200, 401]


def test_the_identity_endpoint_wants_its_header(registry: RegistryStandIn) -> None:
    """What runs beside the app without its environment gets no token."""
    asked = {"resource": "https://containerregistry.azure.net", "api-version": "2019-08-01"}
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request("GET", registry.identity_endpoint, fields=asked)

    assert answer.status == 401


def test_expired_tokens_are_challenged_and_replaced(
    registry: RegistryStandIn, client: RegistryClient, ask: Ask
) -> None:
    """A client that holds an old token is told so, and gets on with a new one."""
    host = registry.login_server
    client.push_blob("app", b"one")
    asked = f"{host}/oauth2/token?service={host}&scope=repository:app:pull"
    token = ask("GET", asked, headers=_basic(registry)).json()["access_token"]

    registry.expire_tokens()

    url = f"{host}/v2/app/blobs/{digest_of(b'one')}"
    refused = ask("GET", url, headers={"Authorization": f"Bearer {token}"})
    assert refused.status == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert client.push_blob("app", b"two") == digest_of(b"two")


def test_a_blob_is_redirected_to_a_signed_link_elsewhere(
    registry: RegistryStandIn, client: RegistryClient, ask: Ask
) -> None:
    """GET redirects, HEAD answers; the link is served in parts and refuses a token."""
    digest = client.push_blob("app", b"0123456789")
    url = f"{registry.login_server}/v2/app/blobs/{digest}"

    redirect = ask("GET", url, headers=_basic(registry))
    head = ask("HEAD", url, headers=_basic(registry))
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
        redirect = ask("GET", url, headers=_basic(registry))
        answer = ask("GET", redirect.headers["Location"].removeprefix("https://"))

    assert answer.status == 403
    assert b"AuthenticationFailed" in answer.data


def test_a_manifest_needs_its_blobs_but_not_foreign_ones(client: RegistryClient) -> None:
    """A layer that is missing is an error; one with URLs of its own lies elsewhere."""
    image = small_image()
    with pytest.raises(PushError, match="MANIFEST_BLOB_UNKNOWN"):
        client.push_manifest("app", image.manifest, media_type=MANIFEST, tag="1")

    foreign = descriptor(LAYER, b"elsewhere", urls=["https://example.com/layer"])
    outside = small_image(layers=[foreign])
    client.push_blob("app", outside.config)
    client.push_manifest("app", outside.manifest, media_type=MANIFEST, tag="1")


def test_content_must_match_its_digest(
    registry: RegistryStandIn, client: RegistryClient, ask: Ask
) -> None:
    """A manifest or a blob under a wrong digest is refused, and nothing is kept."""
    host, wrong = registry.login_server, digest_of(b"something else")
    image = small_image()
    image.push(client, "app")

    headers = _basic(registry) | {"Content-Type": MANIFEST}
    manifest = ask("PUT", f"{host}/v2/app/manifests/{wrong}", body=image.manifest, headers=headers)
    url = f"{host}/v2/app/blobs/uploads/?digest={wrong}"
    blob = ask("POST", url, body=b"content", headers=_basic(registry))

    for answer in (manifest, blob):
        assert answer.status == 400
        assert answer.json()["errors"][0]["code"] == "DIGEST_INVALID"
    assert ask("HEAD", f"{host}/v2/app/blobs/{wrong}", headers=_basic(registry)).status == 404


def test_a_blob_goes_in_at_once_in_chunks_or_by_mount(registry: RegistryStandIn, ask: Ask) -> None:
    """The three ways of the specification; a chunk out of order is refused."""
    host, basic = registry.login_server, _basic(registry)
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

    refused = ask("GET", url, headers=_basic(registry) | {"Accept": docker})
    answer = ask("GET", url, headers=_basic(registry) | {"Accept": f"{docker}, {MANIFEST}"})

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
    found = ask("GET", url, headers=_basic(registry)).json()["manifests"]
    signed = ask("GET", f"{url}?artifactType=application/x.sign", headers=_basic(registry))

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

    tags = ask("GET", f"{base}/_tags?api-version=2021-07-01&n=1", headers=_basic(registry))
    manifests = ask("GET", f"{base}/_manifests?n=1", headers=_basic(registry))
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

    changed = ask("PATCH", url, body=body, headers=_basic(registry))
    manifest = ask("GET", url, headers=_basic(registry)).json()["manifest"]

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
