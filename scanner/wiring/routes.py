"""Routes from the settings: the two short ones, and those of the file."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.errors import SettingsError
from scanner.model import TransitionKind
from scanner.notify.channels.pace import Paced
from scanner.notify.routes.current import CurrentRoutes
from scanner.notify.routes.route import DEFAULT_KINDS, Route, RouteTable
from scanner.route_settings import NoticeSettings, WebhookSettings
from scanner.storage import StorageConnection
from scanner.wiring.parts import credential

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
_CONTAINER = "policies"
_SHORT_KINDS = {
    "images": DEFAULT_KINDS,
    "operators": frozenset({TransitionKind.BECAME_UNKNOWN, TransitionKind.RESOLVED}),
}


def route_table(settings: NoticeSettings, storage: Callable[[], StorageConnection]) -> RouteTable:
    """Return all routes; storage is asked for only where the file is a blob.

    Raises SettingsError with every fault of the file, and StoreError when storage is out of reach.
    """
    return _table(settings, _text(settings, storage))


def current_routes(settings: NoticeSettings, storage: StorageConnection) -> CurrentRoutes:
    """Return the routes of a process that goes on; nothing is read before the first notice."""
    from scanner.notify.routes.kept import KeptRoutes  # noqa: PLC0415  the command line keeps none

    return CurrentRoutes(
        read=lambda: _text(settings, lambda: storage),
        build=lambda text: _table(settings, text),
        kept=KeptRoutes(storage.blob_service(), storage.table_service()),
    )


def _table(settings: NoticeSettings, untrusted_text: bytes) -> RouteTable:
    short = [_short(webhook) for webhook in settings.webhooks]
    written = _written(settings, untrusted_text) if untrusted_text else ()
    for route in written:
        if route.name in {taken.name for taken in short}:
            raise SettingsError(f"routes: the name {route.name} is taken by a setting")
    return RouteTable(routes=(*short, *written))


def _text(settings: NoticeSettings, storage: Callable[[], StorageConnection]) -> bytes:
    """Return what the file says; empty where there is no file."""
    from scanner.notify.routes.file import MAX_FILE_BYTES  # noqa: PLC0415  YAML: only who has a file

    file = settings.route_file
    if file.path is not None:
        return _from_path(file.path, max_bytes=MAX_FILE_BYTES)
    if file.blob is not None:
        return _from_blob(file.blob, storage(), max_bytes=MAX_FILE_BYTES)
    return b""


def _written(settings: NoticeSettings, untrusted_text: bytes) -> tuple[Route, ...]:
    from scanner.notify.routes.file import read_routes  # noqa: PLC0415  likewise
    from scanner.notify.routes.opening import Surroundings  # noqa: PLC0415  all channels come with it

    file = settings.route_file
    surroundings = Surroundings(
        settings=file.secrets, credential=lambda: _credential(settings), ca_file=settings.ca_file
    )
    name = file.path.name if file.path else file.blob or ""
    return read_routes(name, untrusted_text, surroundings).routes


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
    if not text:
        raise SettingsError(f"PUSHSCAN_ROUTES: the blob {name} is empty")
    return text


def _short(webhook: WebhookSettings) -> Route:
    channel = Paced(channel=webhook.channel())
    return Route(name=webhook.name, open_channel=lambda: channel, kinds=_SHORT_KINDS[webhook.name])
