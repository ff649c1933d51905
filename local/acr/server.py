"""The stand-in as a whole: three listeners, one catalogue, webhooks, faults and a journal."""

import secrets
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from starlette.types import ASGIApp

from local.acr.access import Credentials, Gate, TokenRoutes
from local.acr.app import ServiceHeaders, registry_application
from local.acr.blobs import BlobDirectory
from local.acr.catalogue import Catalogue
from local.acr.client import RegistryClient
from local.acr.faults import Fault, FaultScript, Faulty
from local.acr.identity import TOKEN_PATH, identity_application
from local.acr.journal import Journaled, RequestJournal
from local.acr.listener import Listener
from local.acr.manifests import ManifestRoutes
from local.acr.metadata import MetadataRoutes
from local.acr.rules import Ports, Rules
from local.acr.storage import SignedLinks, StorageHost
from local.acr.tokens import TokenIssuer
from local.acr.transfer import BlobRoutes
from local.acr.webhooks import Webhooks, WebhookTarget
from local.certificates import Certificates


class RegistryStandIn:
    """An Azure container registry on this machine, as far as its clients can tell.

    Registry and storage host speak TLS on `localhost`, each on a port of its own; the
    managed-identity endpoint speaks HTTP, as it does inside an App Service. Everything listens on
    127.0.0.1 only and lives in threads of this process.

    Args:
        root: Where blobs are kept as files; created when absent.
        certificates: The authority that clients must trust, and the server's certificate.
        webhook: Where events go; none are sent without.
        rules: What is permitted and how long tokens last.
        ports: Where to listen; free ports by default. They are taken at once.

    Raises:
        OSError: A port is in use.
    """

    def __init__(
        self,
        root: Path,
        certificates: Certificates,
        *,
        webhook: WebhookTarget | None = None,
        rules: Rules | None = None,
        ports: Ports | None = None,
    ) -> None:
        rules, ports = rules or Rules(), ports or Ports()
        self._listeners = _take(ports, certificates)
        registry, storage, identity = self._listeners
        self.login_server = registry.host
        """`localhost:PORT`: the registry's name in references, tokens and events."""
        self.blob_host = storage.host
        """`localhost:PORT` that blob downloads are redirected to."""
        self.identity_endpoint = (
            f"http://{identity.host.replace('localhost', '127.0.0.1')}{TOKEN_PATH}"
        )
        """Value for IDENTITY_ENDPOINT."""
        self.identity_header = secrets.token_urlsafe(24)
        """Value for IDENTITY_HEADER."""
        self.admin = Credentials(username="standin", password=secrets.token_urlsafe(24))
        self.ca_file = certificates.ca_file
        self.requests = RequestJournal()
        self.faults = FaultScript()
        self.webhooks = Webhooks(self.login_server, webhook)
        self._tokens = TokenIssuer(rules)
        self._blobs = BlobDirectory(root)
        links = SignedLinks(self.blob_host, rules.link_lifetime)
        self._storage = StorageHost(self._blobs, links)
        catalogue = Catalogue()
        token_routes = TokenRoutes(
            login_server=self.login_server, rules=rules, admin=self.admin, tokens=self._tokens
        )
        metadata = MetadataRoutes(self.login_server, catalogue, self._blobs, self.webhooks)
        self._routes = [
            *token_routes.routes(),
            *BlobRoutes(catalogue, self._blobs, links).routes(),
            *ManifestRoutes(catalogue, self.webhooks, rules).routes(),
            *metadata.routes(),
        ]

    def __enter__(self) -> Self:
        gated = Gate(
            registry_application(self._routes),
            login_server=self.login_server,
            admin=self.admin,
            tokens=self._tokens,
        )
        applications: tuple[ASGIApp, ...] = (
            ServiceHeaders(gated),
            self._storage.application(),
            identity_application(self._tokens, self.identity_header),
        )
        with ExitStack() as undo:
            undo.callback(self.stop)
            self.webhooks.start()
            for listener, application in zip(self._listeners, applications, strict=True):
                listener.start(self._observed(application, listener))
            undo.pop_all()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Drop all connections, send the events that wait, and free the ports."""
        for listener in self._listeners:
            listener.ask_to_stop()
        for listener in self._listeners:
            listener.stop()
        self.webhooks.stop()
        self._blobs.close()

    @property
    def authorization_leaks(self) -> tuple[str, ...]:
        """Paths at the storage host that were asked for with an Authorization header."""
        return tuple(self._storage.authorization_leaks)

    def fail_next(
        self,
        fault: Fault,
        *,
        method: str = ".*",
        path: str = ".*",
        host: str = ".*",
        times: int = 1,
    ) -> None:
        """Let the next requests that match go wrong.

        Args:
            fault: How.
            method: Regular expression for the whole method.
            path: Regular expression for the whole path, percent-decoded.
            host: Regular expression for the listener, e.g. `registry.blob_host`.
            times: How many requests.
        """
        self.faults.plan(fault, method=method, path=path, host=host, times=times)

    def expire_tokens(self) -> None:
        """Make every refresh and access token issued so far worthless, as time would."""
        self._tokens.expire()

    def client(self) -> RegistryClient:
        """Open a push client as the admin user; close it when done (a context manager)."""
        return RegistryClient(
            self.login_server,
            username=self.admin.username,
            password=self.admin.password,
            ca_file=self.ca_file,
        )

    def _observed(self, app: ASGIApp, listener: Listener) -> ASGIApp:
        return Journaled(Faulty(app, self.faults, listener.host), self.requests, listener.host)


def _take(ports: Ports, certificates: Certificates) -> tuple[Listener, Listener, Listener]:
    with ExitStack() as undo:
        registry = Listener(ports.registry, certificates)
        undo.callback(registry.stop)
        storage = Listener(ports.storage, certificates)
        undo.callback(storage.stop)
        identity = Listener(ports.identity)
        undo.pop_all()
    return registry, storage, identity
