"""The stand-in's challenges, and the tokens that it gives for what."""

import base64
import json

import pytest
import urllib3

from local.acr import RegistryClient, RegistryStandIn
from tests.integration.acr_asked import (
    Ask,
    ask,
    basic_authorization,
    certificates,
    client,
    registry,
)
from tests.integration.acr_images import digest_of, small_image

pytestmark = pytest.mark.integration
__all__ = ["ask", "certificates", "client", "registry"]


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
    token = ask("GET", asked, headers=basic_authorization(registry)).json()["access_token"]
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
    token = ask("GET", asked, headers=basic_authorization(registry)).json()["access_token"]

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
    token = ask("GET", asked, headers=basic_authorization(registry)).json()["access_token"]

    registry.expire_tokens()

    url = f"{host}/v2/app/blobs/{digest_of(b'one')}"
    refused = ask("GET", url, headers={"Authorization": f"Bearer {token}"})
    assert refused.status == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert client.push_blob("app", b"two") == digest_of(b"two")
