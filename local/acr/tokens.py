"""JWTs: Entra tokens of the managed identity, ACR's refresh tokens and access tokens."""

import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from local.acr.rules import Rules

ACR_AUDIENCE = "https://containerregistry.azure.net"
IDENTITY_CLIENT_ID = "6d1f6a52-8f0b-4f0e-9d0a-3a7c5a1e2b44"
READ = frozenset({"pull", "metadata_read"})
EVERYTHING = READ | {"push", "delete", "metadata_write"}
_CATALOG = ("registry", "catalog")
_SCOPE_PARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One scope of a token: what may be done with one repository, or with the catalogue."""

    kind: str
    name: str
    actions: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `repository:NAME:ACTIONS`; None for anything else, as the service ignores it."""
        parts = text.split(":")
        if len(parts) < _SCOPE_PARTS:
            return None
        return cls(
            kind=parts[0], name=":".join(parts[1:-1]), actions=frozenset(parts[-1].split(","))
        )

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}:{','.join(sorted(self.actions))}"

    def within(self, allowed: frozenset[str]) -> Self | None:
        """Reduce it to the allowed actions; None when nothing is left."""
        if (self.kind, self.name) == _CATALOG:
            return self
        actions = self.actions & allowed
        return type(self)(kind=self.kind, name=self.name, actions=actions) if actions else None


def catalog_access() -> Access:
    """Name the right to list repositories."""
    return Access(kind=_CATALOG[0], name=_CATALOG[1], actions=frozenset({"*"}))


def _encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode("ascii")


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _signature(signed: str, key: bytes) -> str:
    return _encode(hmac.digest(key, signed.encode(), hashlib.sha256))


class TokenIssuer:
    """Issues and reads tokens; each kind has its own key, so none passes for another."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._keys: dict[str, bytes] = {}
        self.expire()

    def expire(self) -> None:
        """Make every refresh and access token issued so far worthless, as time would."""
        self._keys |= {kind: secrets.token_bytes(32) for kind in ("refresh", "access")}
        self._keys.setdefault("aad", secrets.token_bytes(32))

    def aad(self, audience: str) -> tuple[str, int]:
        """Issue the managed identity's Entra token; returns it with its expiry (epoch seconds)."""
        token = self._issue("aad", self._rules.aad_token_lifetime, {"aud": audience})
        return token, int(time.time() + self._rules.aad_token_lifetime.total_seconds())

    def exchange(self, aad_token: str) -> str | None:
        """Turn an Entra token into a refresh token; None when it is not for registries."""
        claims = self._read("aad", aad_token)
        if claims is None or str(claims.get("aud", "")).rstrip("/") != ACR_AUDIENCE:
            return None
        allowed = EVERYTHING if self._rules.identity_may_write else READ
        if not self._rules.identity_may_delete:
            allowed -= {"delete"}
        return self.refresh(allowed)

    def refresh(self, allowed: frozenset[str]) -> str:
        """Issue a refresh token that is good for access tokens with these actions."""
        claims = {"grant_type": "refresh_token", "allowed": sorted(allowed)}
        return self._issue("refresh", self._rules.refresh_token_lifetime, claims)

    def allowed_by_refresh(self, token: str) -> frozenset[str] | None:
        """Say which actions a refresh token is good for; None when it is forged or expired."""
        claims = self._read("refresh", token)
        return None if claims is None else frozenset(claims["allowed"])

    def access(self, accesses: Iterable[Access]) -> str:
        """Issue an access token for exactly these scopes."""
        claims = {"grant_type": "access_token", "access": [str(access) for access in accesses]}
        return self._issue("access", self._rules.access_token_lifetime, claims)

    def accesses(self, token: str) -> tuple[Access, ...] | None:
        """Read the scopes of an access token; None when it is forged or expired."""
        claims = self._read("access", token)
        if claims is None:
            return None
        parsed = (Access.parse(text) for text in claims["access"])
        return tuple(access for access in parsed if access is not None)

    def _issue(self, kind: str, lifetime: timedelta, claims: Mapping[str, object]) -> str:
        now = int(time.time())
        payload = {
            "jti": str(uuid.uuid4()),
            "sub": IDENTITY_CLIENT_ID,
            "iss": "Azure Container Registry" if kind != "aad" else "https://sts.windows.net/",
            "iat": now,
            "nbf": now,
            "exp": now + int(lifetime.total_seconds()),
            **claims,
        }
        parts = ({"alg": "HS256", "typ": "JWT"}, payload)
        signed = ".".join(_encode(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{_signature(signed, self._keys[kind])}"

    def _read(self, kind: str, token: str) -> dict[str, Any] | None:
        signed, _, signature = token.rpartition(".")
        expected = _signature(signed, self._keys[kind])
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            return None
        claims: dict[str, Any] = json.loads(_decode(signed.partition(".")[2]))
        return claims if claims["exp"] > time.time() else None
