"""Tokens are asked for once, renewed in time, and only at the configured registry."""

import base64
import json
from collections.abc import Mapping

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from scanner.errors import RegistryError
from scanner.registry.tokens import AUDIENCE, Token, TokenCache, TokenRefusedError, expiry
from tests.registry_server import AAD_TOKEN, LocalCredential

REGISTRY = "acme.azurecr.io"
SCOPE = "repository:team/app:pull"


def _jwt(**claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2ln"


class Issuer:
    """The registry's token endpoints, with a clock."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.life = 3600
        self.posted: list[tuple[str, dict[str, str]]] = []
        self.revoked: set[str] = set()

    def post(self, path: str, form: Mapping[str, str]) -> bytes:
        """Answer as ACR does."""
        self.posted.append((path, dict(form)))
        if form.get("refresh_token") in self.revoked:
            raise TokenRefusedError("revoked")
        token = _jwt(exp=int(self.now) + self.life, n=len(self.posted))
        return json.dumps({"access_token": token, "refresh_token": token}).encode()

    @property
    def paths(self) -> list[str]:
        """Return what was asked, in order."""
        return [path for path, _ in self.posted]


EXCHANGE, ACCESS = "/oauth2/exchange", "/oauth2/token"


def _cache(issuer: Issuer) -> TokenCache:
    return TokenCache(credential=LocalCredential(), now=lambda: issuer.now)


def test_asks_with_the_registrys_own_audience_and_name() -> None:
    """Never take the service from a challenge, nor the audience of the resource manager."""
    issuer, credential = Issuer(), LocalCredential()
    TokenCache(credential=credential, now=lambda: issuer.now).access_token(
        REGISTRY, SCOPE, issuer.post
    )
    assert credential.scopes == [AUDIENCE]
    exchange, access = (form for _, form in issuer.posted)
    assert exchange == {
        "grant_type": "access_token",
        "service": REGISTRY,
        "access_token": AAD_TOKEN,
    }
    assert (access["service"], access["scope"]) == (REGISTRY, SCOPE)


def test_keeps_a_token_until_five_minutes_before_its_end() -> None:
    """Use one token for 55 minutes, then get another before the old one ends."""
    issuer = Issuer()
    cache = _cache(issuer)
    first = cache.access_token(REGISTRY, SCOPE, issuer.post)
    issuer.now += 3299
    assert cache.access_token(REGISTRY, SCOPE, issuer.post) == first
    assert issuer.paths == [EXCHANGE, ACCESS]
    issuer.now += 2
    assert cache.access_token(REGISTRY, SCOPE, issuer.post) != first
    assert issuer.paths == [EXCHANGE, ACCESS] * 2


def test_uses_one_refresh_token_for_all_repositories() -> None:
    """Keep access tokens by scope and the refresh token by registry."""
    issuer = Issuer()
    cache = _cache(issuer)
    for name in ("a", "b", "a"):
        cache.access_token(REGISTRY, f"repository:{name}:pull", issuer.post)
    cache.access_token("other.azurecr.io", SCOPE, issuer.post)
    assert issuer.paths == [EXCHANGE, ACCESS, ACCESS, EXCHANGE, ACCESS]


def test_starts_again_when_the_refresh_token_was_revoked() -> None:
    """Exchange anew once, when the registry refuses the refresh token that is kept."""
    issuer = Issuer()
    cache = _cache(issuer)
    first = cache.access_token(REGISTRY, SCOPE, issuer.post)
    issuer.revoked.add(issuer.posted[1][1]["refresh_token"])
    cache.forget(REGISTRY, SCOPE, first)
    assert cache.access_token(REGISTRY, SCOPE, issuer.post) != first
    assert issuer.paths == [EXCHANGE, ACCESS, ACCESS, EXCHANGE, ACCESS]


def test_forgets_only_the_token_that_was_refused() -> None:
    """Keep the token that another thread has fetched in the meantime."""
    issuer = Issuer()
    cache = _cache(issuer)
    token = cache.access_token(REGISTRY, SCOPE, issuer.post)
    cache.forget(REGISTRY, SCOPE, "an older one")
    cache.forget(REGISTRY, "repository:other:pull", token)
    assert cache.access_token(REGISTRY, SCOPE, issuer.post) == token


def test_uses_a_short_lived_token_for_half_its_life() -> None:
    """Do not ask for a token with every request when the registry's live for seconds only."""
    issuer = Issuer()
    issuer.life = 4
    cache = _cache(issuer)
    first = cache.access_token(REGISTRY, SCOPE, issuer.post)
    issuer.now += 1
    assert cache.access_token(REGISTRY, SCOPE, issuer.post) == first
    issuer.now += 2
    assert cache.access_token(REGISTRY, SCOPE, issuer.post) != first


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"refresh_token": 5}',
        b'{"refresh_token": ""}',
        b'{"refresh_token": "a\\r\\nX-Evil: 1"}',
        b'{"refresh_token": "a b"}',
        b'{"refresh_token": "\\ud800"}',
        b'{"refresh_token": "' + b"a" * 40_000 + b'"}',
    ],
)
def test_refuses_an_answer_without_a_usable_token(body: bytes) -> None:
    """Put nothing into a header that is not a token."""
    with pytest.raises(RegistryError):
        _cache(Issuer()).access_token(REGISTRY, SCOPE, lambda _path, _form: body)


def test_says_what_to_mend_when_there_is_no_identity() -> None:
    """Turn a failing credential into the error that the queue retries."""

    class NoIdentity:
        def get_token(self, *_scopes: str, **_: object) -> AccessToken:
            raise ClientAuthenticationError("secret detail")

    cache = TokenCache(credential=NoIdentity(), now=lambda: 0.0)
    with pytest.raises(RegistryError, match="managed identity") as caught:
        cache.access_token(REGISTRY, SCOPE, Issuer().post)
    assert "secret detail" not in str(caught.value)


@pytest.mark.parametrize(
    "token",
    ["", "a.b", "a.!!!.c", "a.e30.c", "a.W10.c", _jwt(exp="soon"), _jwt(exp=-1), _jwt(exp=True)],
)
def test_a_token_without_a_readable_end_has_the_default(token: str) -> None:
    """Take the end of a token as a hint that may be missing."""
    assert expiry(token, default=7.0) in {7.0, 1.0}


def test_reads_the_url_safe_alphabet() -> None:
    """Decode claims whose base64 holds `-` and `_` and lacks its padding."""
    token = _jwt(exp=1234567890, name="~~~???>>>ÿ")
    assert expiry(token, default=0.0) == 1234567890.0


def test_shows_no_token_in_its_repr() -> None:
    """Keep tokens out of logs."""
    assert "secret" not in repr(Token(text="secret", stale_at=0.0))
