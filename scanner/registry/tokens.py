"""Tokens for the registry: AAD token -> refresh token -> access token, kept until they age.

The flow is that of docs/AAD-OAuth.md in github.com/Azure/acr. The realm of a challenge is not
read at all: tokens are asked for at the configured login server and nowhere else.
"""

import base64
import binascii
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeGuard

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError

from scanner.errors import RegistryError

AUDIENCE = "https://containerregistry.azure.net/.default"
RENEW_BEFORE_EXPIRY_SECONDS = 300.0
ASSUMED_LIFE_SECONDS = 600.0
MAX_TOKEN_CHARACTERS = 32 * 1024

PostForm = Callable[[str, Mapping[str, str]], bytes]
"""Posts a form to a path of the registry and returns the body of the 200 answer.

Raises TokenRefusedError on 401 and RegistryError on anything else.
"""


class TokenRefusedError(RegistryError):
    """Raised when the registry does not accept the token that a new one is asked for with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A bearer token and the time from which it is not used any more."""

    text: str
    stale_at: float

    def __repr__(self) -> str:
        return "Token(...)"


class TokenCache:
    """Access tokens by (registry, scope), shared by all threads and jobs of a worker."""

    def __init__(self, *, credential: TokenCredential, now: Callable[[], float]) -> None:
        self._credential = credential
        self._now = now
        self._lock = threading.Lock()
        self._refresh: dict[str, Token] = {}
        self._access: dict[tuple[str, str], Token] = {}

    def access_token(self, registry: str, scope: str, post: PostForm) -> str:
        """Return a token for a scope such as `repository:NAME:pull`, renewed if need be.

        Raises RegistryError.
        """
        with self._lock:
            kept = self._access.get((registry, scope))
            if kept is None or kept.stale_at <= self._now():
                kept = self._renew(registry, scope, post)
                self._access[registry, scope] = kept
            return kept.text

    def forget(self, registry: str, scope: str, text: str) -> None:
        """Drop a token that the registry refused, unless another thread has renewed it."""
        with self._lock:
            kept = self._access.get((registry, scope))
            if kept is not None and kept.text == text:
                del self._access[registry, scope]

    def _renew(self, registry: str, scope: str, post: PostForm) -> Token:
        refresh = self._refresh.get(registry)
        if refresh is not None and refresh.stale_at > self._now():
            try:
                return self._access_from(refresh, registry, scope, post)
            except TokenRefusedError:
                # It was revoked before its time: once more, from the start.
                del self._refresh[registry]
        self._refresh[registry] = refresh = self._exchange(registry, post)
        return self._access_from(refresh, registry, scope, post)

    def _exchange(self, registry: str, post: PostForm) -> Token:
        try:
            aad = self._credential.get_token(AUDIENCE).token
        except AzureError as error:
            raise RegistryError(
                "No Microsoft Entra token for the registry: check the app's managed identity, "
                "or sign in with `az login`."
            ) from error
        form = {"grant_type": "access_token", "service": registry, "access_token": aad}
        return self._read(post("/oauth2/exchange", form), "refresh_token")

    def _access_from(self, refresh: Token, registry: str, scope: str, post: PostForm) -> Token:
        form = {
            "grant_type": "refresh_token",
            "service": registry,
            "scope": scope,
            "refresh_token": refresh.text,
        }
        return self._read(post("/oauth2/token", form), "access_token")

    def _read(self, untrusted_body: bytes, member: str) -> Token:
        try:
            answer = json.loads(untrusted_body)
        except (ValueError, RecursionError) as error:
            raise RegistryError("The registry's answer to a token request is no JSON.") from error
        text = answer.get(member) if isinstance(answer, dict) else None
        if not _is_token(text):
            raise RegistryError("The registry's answer to a token request has no token.")
        now = self._now()
        life = max(0.0, expiry(text, default=now + ASSUMED_LIFE_SECONDS) - now)
        # A token that lives for less than twice the margin is used for half its life.
        return Token(text=text, stale_at=now + life - min(RENEW_BEFORE_EXPIRY_SECONDS, life / 2))


def _is_token(untrusted: object) -> TypeGuard[str]:
    # Visible ASCII only: it becomes a header line.
    return (
        isinstance(untrusted, str)
        and 0 < len(untrusted) <= MAX_TOKEN_CHARACTERS
        and untrusted.isascii()
        and untrusted.isprintable()
        and " " not in untrusted
    )


def expiry(untrusted_jwt: str, *, default: float) -> float:
    """Read `exp` (RFC 7519, 4.1.4; seconds since 1970) from a JWT, unverified.

    The registry verifies its tokens itself; here it is only a hint when to ask for the next.
    """
    parts = untrusted_jwt.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, payload, signature (RFC 7519, 3.1)
        return default
    try:
        payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return default
    exp = payload.get("exp") if isinstance(payload, dict) else None
    return float(exp) if isinstance(exp, int) and 0 < exp < 2**53 else default
