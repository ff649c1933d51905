"""The registries that are ours, under every name that an event may give them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from scanner.errors import RegistryNotOursError


@dataclass(frozen=True, slots=True)
class Registries:
    """Canonical login servers by alias; each canonical name is an alias of itself.

    One registry has several hosts: `name.azurecr.io`, `name.<region>.geo.azurecr.io`, a custom
    domain (Azure Container Registry docs, "Endpoint reference"). Only the canonical one is dialled.
    """

    by_alias: Mapping[str, str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_alias", MappingProxyType(dict(self.by_alias)))

    @property
    def canonical(self) -> frozenset[str]:
        """The login servers that may be contacted."""
        return frozenset(self.by_alias.values())

    def find(self, untrusted_host: str) -> str:
        """Return the canonical login server of a host. Raises RegistryNotOursError."""
        # Exact match only: anybody may own a name that ends in azurecr.io.
        if not untrusted_host.isascii():
            raise RegistryNotOursError("request.host: is not a registry of ours")
        try:
            return self.by_alias[untrusted_host.lower()]
        except KeyError:
            raise RegistryNotOursError("request.host: is not a registry of ours") from None
