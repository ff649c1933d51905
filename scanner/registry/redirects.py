"""Where a registry may send us for a blob: to its own storage, over https, and nowhere else."""

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from scanner.registry.retries import PassingTroubleError
from scanner.registry.session import HTTPS_PORT

MAX_URL_CHARACTERS = 8 * 1024

# Registry suffix -> storage suffix of the same cloud (Azure docs "Data endpoints", "Azure
# Government endpoints", "Azure China endpoints").
_STORAGE_SUFFIXES = {
    ".azurecr.io": "blob.core.windows.net",
    ".azurecr.us": "blob.core.usgovcloudapi.net",
    ".azurecr.cn": "blob.core.chinacloudapi.cn",
}
_STORAGE_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_REGION = re.compile(r"[a-z0-9]{2,32}")
# Azure's platform address: public by the registries of addresses, yet inside every network.
_WIRE_SERVER = ipaddress.ip_address("168.63.129.16")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

ResolveHost = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host, as text. Raises OSError."""


class RedirectRefusedError(Exception):
    """Raised for a redirect to where this registry's blobs cannot be; ends in a verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A place that a redirect may lead to, with the addresses that were checked."""

    host: str
    port: int
    path: str
    """Path and query; the query holds a signature and is not logged."""
    addresses: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Destination({self.host}:{self.port})"

    @property
    def host_header(self) -> str:
        """What the storage expects as `Host`, since the connection goes to an address."""
        return self.host if self.port == HTTPS_PORT else f"{self.host}:{self.port}"


def addresses_of(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver, IPv4 first."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return tuple(str(entry[4][0]) for entry in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedirectRules:
    """The hosts that one registry's blobs may come from."""

    registry: str
    blob_hosts: frozenset[str]
    resolve_host: ResolveHost = addresses_of

    def check(self, untrusted_location: str) -> Destination:
        """Return where the redirect leads, its addresses checked.

        Raises RedirectRefusedError, and PassingTroubleError when the name does not resolve.
        """
        host, port, path = _split(untrusted_location)
        trusts_address = self._is_named(host, port) or self._is_data_endpoint(host, port)
        if not trusts_address and not self._is_storage(host, port):
            raise RedirectRefusedError("the blob's redirect leads to a host that is not known")
        try:
            addresses = tuple(self.resolve_host(host, port))
        except OSError as error:
            raise PassingTroubleError("The host of a blob does not resolve.") from error
        if not addresses:
            raise PassingTroubleError("The host of a blob has no address.")
        # Behind a private endpoint the registry's own names resolve to private addresses.
        if not trusts_address and not all(is_public(address) for address in addresses):
            raise RedirectRefusedError("the blob's redirect leads to an address that is not public")
        return Destination(host=host, port=port, path=path, addresses=addresses)

    def _is_named(self, host: str, port: int) -> bool:
        return f"{host}:{port}" in self.blob_hosts or (
            port == HTTPS_PORT and host in self.blob_hosts
        )

    def _is_storage(self, host: str, port: int) -> bool:
        account, _, suffix = host.partition(".")
        mine = next(
            (s for r, s in _STORAGE_SUFFIXES.items() if self.registry.endswith(r)),
            _STORAGE_SUFFIXES[".azurecr.io"],
        )
        return (
            port == HTTPS_PORT
            and suffix == mine
            and _STORAGE_ACCOUNT.fullmatch(account) is not None
        )

    def _is_data_endpoint(self, host: str, port: int) -> bool:
        # <name>.<region>.data.azurecr.io (Azure docs "Dedicated data endpoints").
        name, _, suffix = self.registry.partition(".")
        if port != HTTPS_PORT or f".{suffix}" not in _STORAGE_SUFFIXES:
            return False
        region = host.removeprefix(f"{name}.").removesuffix(f".data.{suffix}")
        is_region = _REGION.fullmatch(region) is not None
        return is_region and host == f"{name}.{region}.data.{suffix}"


def _split(untrusted_location: str) -> tuple[str, int, str]:
    if len(untrusted_location) > MAX_URL_CHARACTERS or not untrusted_location.isascii():
        raise RedirectRefusedError("the blob's redirect is no URL")
    if not untrusted_location.isprintable() or " " in untrusted_location:
        raise RedirectRefusedError("the blob's redirect is no URL")
    try:
        url = urlsplit(untrusted_location)
        port = url.port or HTTPS_PORT
    except ValueError as error:
        raise RedirectRefusedError("the blob's redirect is no URL") from error
    if url.scheme != "https" or url.username is not None or "\\" in untrusted_location:
        raise RedirectRefusedError("the blob's redirect is not a plain https URL")
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    return (url.hostname or "").lower(), port, path


def is_public(address: str) -> bool:
    """Say whether an address lies on the open internet and not inside some network."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip.teredo is not None:
            return False
    return ip.is_global and not ip.is_multicast and ip != _WIRE_SERVER
