"""Bicep's functions, as far as `infra/` calls them; what needs Azure is not among them."""

import hashlib
import ipaddress
import json
import uuid
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000000"
TENANT = "11111111-1111-1111-1111-111111111111"


class Symbol(str):
    """What only a deployment would know, written as ARM would ask for it: `[reference(...)]`."""

    __slots__ = ()

    def member(self, path: str) -> "Symbol":
        """Return a part of the unknown."""
        return Symbol(f"{self[:-1]}{path}]")


def _is_empty(value: object) -> bool:
    return not isinstance(value, Symbol) and value in (None, "", [], {})


def _unique(*parts: object) -> str:
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    return "".join(
        "abcdefghijklmnopqrstuvwxyz234567"[int(pair, 16) % 32] for pair in _pairs(digest)
    )


def _pairs(digest: str) -> list[str]:
    return [digest[start : start + 2] for start in range(0, 26, 2)]


def _union(first: Any, *others: Any) -> Any:  # noqa: ANN401  objects or arrays
    if isinstance(first, list):
        merged = chain(first, *others)
        return list({json.dumps(one, sort_keys=True): one for one in merged}.values())
    together = dict(first)
    for other in others:
        together |= other
    return together


def _subnet(network: str, prefix: int, index: int) -> str:
    return str(list(ipaddress.ip_network(network).subnets(new_prefix=prefix))[index])


def _items(value: Mapping[str, object]) -> list[dict[str, object]]:
    return [{"key": key, "value": value[key]} for key in sorted(value, key=str.lower)]


def _provider_id(scope: str) -> Callable[..., str]:
    def identify(kind: str, *names: str) -> str:
        provider, *types = kind.split("/")
        pairs = (f"{type_}/{name}" for type_, name in zip(types, names, strict=True))
        return f"{scope}/providers/{provider}/{'/'.join(pairs)}"

    return identify


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "cidrSubnet": _subnet,
    "concat": lambda *parts: list(chain(*parts)) if isinstance(parts[0], list) else "".join(parts),
    "contains": lambda whole, part: part in whole,
    "empty": _is_empty,
    "environment": lambda: {
        "suffixes": {
            "acrLoginServer": ".azurecr.io",
            "keyvaultDns": ".vault.azure.net",
            "storage": "core.windows.net",
        }
    },
    "guid": lambda *parts: str(uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(parts))),
    "items": _items,
    "length": len,
    "max": max,
    "min": min,
    "replace": lambda text, old, new: text.replace(old, new),
    "subscription": lambda: {"id": SUBSCRIPTION, "subscriptionId": SUBSCRIPTION.rpartition("/")[2]},
    "subscriptionResourceId": _provider_id(SUBSCRIPTION),
    "take": lambda whole, count: whole[:count],
    "tenant": lambda: {"tenantId": TENANT},
    "tenantResourceId": _provider_id(""),
    "toLower": lambda text: text.lower(),
    "toUpper": lambda text: text.upper(),
    "union": _union,
    "uniqueString": _unique,
}
