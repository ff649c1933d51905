"""Routes from the settings: the two short ones, and those of the file."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from scanner.errors import SettingsError
from scanner.model import TransitionKind
from scanner.notify.channels.https import Endpoint
from scanner.notify.channels.pace import Paced
from scanner.notify.channels.webhook import Webhook
from scanner.notify.route import Route as WebhookRoute
from scanner.notify.routes.opening import Surroundings
from scanner.notify.routes.route import DEFAULT_KINDS, Route, RouteTable
from scanner.policy.nodes import MAX_BYTES
from scanner.route_settings import NoticeSettings, RouteSettings
from scanner.storage import StorageConnection
from scanner.wiring.parts import credential

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
_CONTAINER = "policies"
_OPERATORS_KINDS = frozenset({TransitionKind.BECAME_UNKNOWN, TransitionKind.RESOLVED})


def route_table(settings: NoticeSettings, storage: Callable[[], StorageConnection]) -> RouteTable:
    """Return all routes; storage is asked for only where the file is a blob.

    Raises SettingsError with every fault of the file, and StoreError when storage is out of reach.
    """
    short = [
        _short(route, kinds)
        for route, kinds in (
            (settings.routes.images, DEFAULT_KINDS),
            (settings.routes.operators, _OPERATORS_KINDS),
        )
        if route is not None
    ]
    written = _of_file(settings, storage)
    for route in written:
        if route.name in {taken.name for taken in short}:
            raise SettingsError(f"routes: the name {route.name} is taken by a setting")
    return RouteTable(routes=(*short, *written))


def _of_file(
    settings: NoticeSettings, storage: Callable[[], StorageConnection]
) -> tuple[Route, ...]:
    from scanner.notify.routes.file import read_routes  # noqa: PLC0415  YAML: only who has a file

    name, text = _text(settings.route_file, storage)
    if text is None:
        return ()
    surroundings = Surroundings(
        settings=settings.route_file.secrets,
        credential=lambda: _credential(settings),
        ca_file=settings.ca_file,
    )
    return read_routes(name, text, surroundings).routes


def _credential(settings: NoticeSettings) -> "TokenCredential":
    return credential(settings.identity_client_id, in_azure=settings.in_azure)


def _text(
    settings: RouteSettings, storage: Callable[[], StorageConnection]
) -> tuple[str, bytes | None]:
    if settings.path is not None:
        try:
            with settings.path.open("rb") as file:
                return settings.path.name, file.read(MAX_BYTES + 1)
        except OSError as error:
            raise SettingsError(f"PUSHSCAN_ROUTES cannot be read: {error.strerror}") from error
    if settings.blob is None:
        return "", None
    from scanner.storage.blobs import BlobFolder  # noqa: PLC0415  only where the file is one

    folder = BlobFolder(storage().blob_service().get_container_client(_CONTAINER))
    text = folder.read(settings.blob, max_bytes=MAX_BYTES)
    if text is None:
        raise SettingsError(f"PUSHSCAN_ROUTES: no blob {settings.blob} in container {_CONTAINER}")
    return settings.blob, text


def _short(webhook: WebhookRoute, kinds: frozenset[TransitionKind]) -> Route:
    endpoint = Endpoint(route=webhook.name, url=webhook.url, ca_file=webhook.ca_file)
    channel = Paced(channel=Webhook(endpoint=endpoint, secret=webhook.secret))
    return Route(name=webhook.name, open_channel=lambda: channel, kinds=kinds)
