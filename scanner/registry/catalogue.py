"""What a registry lists, by ACR's own API: repositories, and the manifests of each.

`/acr/v1/_catalog` and `/acr/v1/NAME/_manifests` list by name and by digest, `n` at a time, after
`last` (recorded traffic in Azure/azure-sdk-for-js, sdk/containerregistry). The SDK's pages drop
nothing that is needed but follow whatever `Link` says; here the next page is always asked for by
the last entry of the one before, at the configured registry.
"""

import logging
import ssl
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from azure.core.credentials import TokenCredential

from scanner.errors import InvalidMessageError, RegistryError, RegistryNotOursError
from scanner.model import Digest, ImageReference
from scanner.ports import ListedManifest, ManifestPage
from scanner.registry.retries import PassingTroubleError, Timing, persist
from scanner.registry.session import RegistrySession, read_capped
from scanner.registry.tokens import TokenCache
from scanner.strict_json import parse_object, parse_time

logger = logging.getLogger(__name__)

_MAX_ERROR_BYTES = 64 * 1024
MAX_PAGE_BYTES = 8 * 1024 * 1024
"""A manifest takes some 600 bytes of a page, and much more with hundreds of tags."""


@dataclass(slots=True, kw_only=True)
class _ListingSession(RegistrySession):
    registry: str
    repository: str = ""

    @property
    def host(self) -> str:
        return self.registry

    @property
    def scope(self) -> str:
        if self.repository:
            return f"repository:{self.repository}:metadata_read"
        return "registry:catalog:*"

    @property
    def refusal(self) -> str:
        what = self.repository or "its repositories"
        return (
            f"{self.registry} does not let us list {what}: give the identity the role AcrPull, or "
            "where the registry uses ABAC Container Registry Repository Reader and Catalog Lister "
            "(or name each repository in PUSHSCAN_RECONCILE_ALLOW)."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AcrCatalogue:
    """The Catalogue port on the registries of the settings; it dials no other."""

    credential: TokenCredential = field(repr=False)
    registries: frozenset[str]
    """Canonical login servers, `host` or `host:port`."""
    ca_file: Path | None = None
    page_size: int = 100
    requests_per_second: float = 5.0
    """ACR lets one identity read 5,000 times a minute ("Service tiers"); this is 6 % of it."""
    page_deadline_seconds: float = 60.0
    timing: Timing = field(default_factory=Timing)
    _tokens: TokenCache = field(init=False, repr=False)
    _tls: ssl.SSLContext = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # How a frozen dataclass fills its own fields (dataclasses documentation).
        tokens = TokenCache(credential=self.credential, now=self.timing.now)
        object.__setattr__(self, "_tokens", tokens)
        object.__setattr__(self, "_tls", ssl.create_default_context(cafile=self.ca_file))

    def repositories(self, registry: str, *, after: str = "") -> Iterator[tuple[str, ...]]:
        """Yield the repositories that come after a name, in pages.

        Names that are not by the OCI grammar are logged and left out. Raises RegistryError, and
        RegistryNotOursError, without dialling, for a registry that is not in the settings.
        """
        for untrusted_names in self._pages(registry, "", "repositories", after):
            names = (_name(registry, untrusted_name) for untrusted_name in untrusted_names)
            yield tuple(name for name in names if name)

    def manifests(
        self, registry: str, repository: str, *, after: str = ""
    ) -> Iterator[ManifestPage]:
        """Yield the manifests that come after a digest; none of a repository that is not there.

        Raises RegistryError and RegistryNotOursError as `repositories` does.
        """
        for untrusted_entries in self._pages(registry, repository, "manifests", after):
            listed = tuple(_manifest(registry, repository, entry) for entry in untrusted_entries)
            yield ManifestPage(manifests=listed, after=str(listed[-1].image.digest))

    def has_repository(self, registry: str, repository: str) -> bool:
        """Ask for one repository. False only for a 404 with the code NAME_UNKNOWN.

        Raises RegistryError for every other answer, and RegistryNotOursError.
        """
        self._require_ours(registry)
        path = f"/acr/v1/{quote(repository, safe='')}"
        with self._session(registry, repository) as session:
            is_there = persist(
                lambda _: _is_there(session, path), deadline=session.deadline, timing=self.timing
            )
        self.timing.sleep(1 / self.requests_per_second)
        return is_there

    def _require_ours(self, registry: str) -> None:
        if registry not in self.registries:
            raise RegistryNotOursError(f"{registry} is not one of the configured registries.")

    def _session(self, registry: str, repository: str) -> _ListingSession:
        return _ListingSession(
            registry=registry,
            repository=repository,
            tokens=self._tokens,
            tls=self._tls,
            deadline=self.timing.deadline(self.page_deadline_seconds),
            timing=self.timing,
        )

    def _pages(
        self, registry: str, repository: str, member: str, after: str
    ) -> Iterator[list[Any]]:
        self._require_ours(registry)
        while True:
            untrusted_entries, has_more = self._page(registry, repository, member, after)
            if untrusted_entries:
                yield untrusted_entries
            if not has_more:
                return
            last = _key(untrusted_entries[-1]) if untrusted_entries else after
            if last == after:
                raise RegistryError(f"{registry} lists {member} without an end.")
            after = last
            self.timing.sleep(1 / self.requests_per_second)

    def _page(
        self, registry: str, repository: str, member: str, after: str
    ) -> tuple[list[Any], bool]:
        path = (
            f"/acr/v1/{quote(repository, safe='')}/_manifests" if repository else "/acr/v1/_catalog"
        )
        query = {"n": str(self.page_size), **({"last": after} if after else {})}
        with self._session(registry, repository) as session:
            return persist(
                lambda _: _fetch(session, f"{path}?{urlencode(query, quote_via=quote)}", member),
                deadline=session.deadline,
                timing=self.timing,
            )


def _fetch(session: _ListingSession, path: str, member: str) -> tuple[list[Any], bool]:
    with closing(session.get(path, {"Accept": "application/json"})) as response:
        if response.status == 404 and session.repository:  # noqa: PLR2004 - Not Found
            return [], False
        if response.status != 200:  # noqa: PLR2004 - OK
            raise RegistryError(f"{session.registry} lists no {member} (HTTP {response.status}).")
        untrusted_body = read_capped(response, MAX_PAGE_BYTES)
        has_more = 'rel="next"' in (response.headers.get("Link") or "")
    try:
        document = parse_object(untrusted_body, max_bytes=MAX_PAGE_BYTES)
    except InvalidMessageError as error:
        # A broken connection may have cut it.
        raise PassingTroubleError(f"A list of {member} is not JSON.") from error
    # ACR writes null for an empty list.
    untrusted_entries = document.get(member) or []
    if not isinstance(untrusted_entries, list):
        raise RegistryError(f"A list of {member} from {session.registry} is no list.")
    return untrusted_entries, has_more


def _is_there(session: _ListingSession, path: str) -> bool:
    with closing(session.get(path, {"Accept": "application/json"})) as response:
        if response.status == 200:  # noqa: PLR2004 - OK
            return True
        if response.status == 404:  # noqa: PLR2004 - Not Found
            untrusted_body = read_capped(response, _MAX_ERROR_BYTES)
            if _says_unknown(untrusted_body):
                return False
    raise RegistryError(
        f"{session.registry} does not say whether it has {session.repository} "
        f"(HTTP {response.status})."
    )


def _says_unknown(untrusted_body: bytes) -> bool:
    """Whether these are the registry's own words, and not those of something on the way."""
    try:
        errors = parse_object(untrusted_body, max_bytes=_MAX_ERROR_BYTES).get("errors")
    except InvalidMessageError:
        return False
    return isinstance(errors, list) and any(
        isinstance(one, dict) and one.get("code") == "NAME_UNKNOWN" for one in errors
    )


def _key(untrusted_entry: object) -> str:
    name = untrusted_entry.get("digest") if isinstance(untrusted_entry, dict) else untrusted_entry
    return name if isinstance(name, str) else ""


def _name(registry: str, untrusted_name: object) -> str:
    try:
        image = ImageReference(
            registry=registry,
            repository=untrusted_name if isinstance(untrusted_name, str) else "",
            digest=Digest(f"sha256:{'0' * 64}"),
        )
    except InvalidMessageError:
        logger.warning(
            "repository.unreadable registry=%s name=%s", registry, ascii(untrusted_name)[:100]
        )
        return ""
    return image.repository


def _manifest(registry: str, repository: str, untrusted_entry: object) -> ListedManifest:
    members = untrusted_entry if isinstance(untrusted_entry, dict) else {}
    try:
        image = ImageReference(
            registry=registry, repository=repository, digest=Digest(str(members.get("digest")))
        )
        # Each of them by the grammar: they become jobs.
        named = [
            replace(image, tag=untrusted_tag)
            for untrusted_tag in members.get("tags") or ()
            if isinstance(untrusted_tag, str)
        ]
        tags = tuple(sorted(one.tag for one in named if one.tag))
        return ListedManifest(
            image=replace(image, tag=max(tags, default=None)),
            tags=tags,
            updated_at=parse_time(str(members.get("lastUpdateTime")), field="lastUpdateTime"),
        )
    except (InvalidMessageError, TypeError) as error:
        raise RegistryError(f"{registry} lists a manifest of {repository} that is none.") from error
