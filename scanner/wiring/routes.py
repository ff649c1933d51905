"""Routes from the settings: the two short ones, and those of the file."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.errors import SettingsError
from scanner.model import TransitionKind
from scanner.notify.channels.https import Endpoint
from scanner.notify.channels.pace import Paced
from scanner.notify.channels.webhook import Webhook
from scanner.notify.route import Route as WebhookRoute
from scanner.notify.routes.route import DEFAULT_KINDS, Route, RouteTable
from scanner.route_settings import NoticeSettings
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
    file = settings.route_file
    written = _of_file(settings, storage) if file.path or file.blob else ()
    for route in written:
        if route.name in {taken.name for taken in short}:
            raise SettingsError(f"routes: the name {route.name} is taken by a setting")
    return RouteTable(routes=(*short, *written))


def _of_file(
    settings: NoticeSettings, storage: Callable[[], StorageConnection]
) -> tuple[Route, ...]:
    from scanner.notify.routes.file import (  # noqa: PLC0415  YAML: only who has a file
        MAX_FILE_BYTES,
        read_routes,
    )
    from scanner.notify.routes.opening import Surroundings  # noqa: PLC0415  all channels come with it

    file = settings.route_file
    if file.path is not None:
        name, text = file.path.name, _from_path(file.path, max_bytes=MAX_FILE_BYTES)
    else:
        name, text = (
            file.blob or "",
            _from_blob(file.blob or "", storage(), max_bytes=MAX_FILE_BYTES),
        )
    surroundings = Surroundings(
        settings=file.secrets, credential=lambda: _credential(settings), ca_file=settings.ca_file
    )
    return read_routes(name, text, surroundings).routes


def _credential(settings: NoticeSettings) -> "TokenCredential":
    return credential(settings.identity_client_id, in_azure=settings.in_azure)


def _from_path(path: Path, *, max_bytes: int) -> bytes:
    # One byte more than allowed is enough to know.
    try:
        with path.open("rb") as file:
            return file.read(max_bytes + 1)
    except OSError as error:
        raise SettingsError(f"PUSHSCAN_ROUTES cannot be read: {error.strerror}") from error


def _from_blob(name: str, storage: StorageConnection, *, max_bytes: int) -> bytes:
    from scanner.storage.blobs import BlobFolder  # noqa: PLC0415  only where the file is one

    folder = BlobFolder(storage.blob_service().get_container_client(_CONTAINER))
    text = folder.read(name, max_bytes=max_bytes)
    if text is None:
        raise SettingsError(f"PUSHSCAN_ROUTES: no blob {name} in container {_CONTAINER}")
    return text


def _short(webhook: WebhookRoute, kinds: frozenset[TransitionKind]) -> Route:
    endpoint = Endpoint(route=webhook.name, url=webhook.url, ca_file=webhook.ca_file)
    channel = Paced(channel=Webhook(endpoint=endpoint, secret=webhook.secret))
    return Route(name=webhook.name, open_channel=lambda: channel, kinds=kinds)
