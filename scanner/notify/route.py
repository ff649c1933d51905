"""Where notices go, and which transition goes where."""

import base64
import binascii
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from scanner.model import Transition, TransitionKind

_MINIMUM_KEY_BYTES = 24
"""Standard Webhooks, "Signature scheme": between 24 and 64 bytes."""
_ENCODED_SECRET = "whsec_"  # noqa: S105  a prefix, not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An HTTPS endpoint that takes notices, and the secret that signs them.

    The URL often holds a token, so it is kept out of reprs, logs and messages; `name` stands for
    it. The secret is either `whsec_` and base64, as Standard Webhooks writes it, or plain text
    of which the UTF-8 bytes are the key. Raises ValueError for an unfit URL or a short secret.
    """

    name: str
    url: str = field(repr=False)
    secret: str = field(repr=False)
    ca_file: Path | None = None
    """CA certificates to trust instead of the system's, as PEM."""

    def __post_init__(self) -> None:
        if not self.url.isascii() or not self.url.isprintable() or " " in self.url:
            raise ValueError(f"route {self.name}: the URL has blanks or is not ASCII")
        parts = urlsplit(self.url)
        if not _has_port_number(parts):
            raise ValueError(f"route {self.name}: the URL's port is not a number up to 65535")
        if parts.scheme != "https" or not parts.hostname or parts.username or parts.fragment:
            raise ValueError(f"route {self.name}: needs an https URL without user or fragment")
        if len(self.key()) < _MINIMUM_KEY_BYTES:
            raise ValueError(f"route {self.name}: needs a secret of {_MINIMUM_KEY_BYTES} bytes")

    def key(self) -> bytes:
        """Return the bytes that sign. Raises ValueError for a `whsec_` that is not base64."""
        if not self.secret.startswith(_ENCODED_SECRET):
            return self.secret.encode()
        try:
            return base64.b64decode(self.secret.removeprefix(_ENCODED_SECRET), validate=True)
        except binascii.Error:
            # No cause: it might quote the secret.
            raise ValueError(f"route {self.name}: the secret is not whsec_ and base64") from None


def _has_port_number(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """The two audiences: who owns the images, and who runs Pushscan."""

    images: Route | None = None
    operators: Route | None = None

    def find(self, name: str) -> Route | None:
        """Return the route of a name, or None where no one listens."""
        return {"images": self.images, "operators": self.operators}.get(name)

    def of(self, transition: Transition) -> tuple[Route, ...]:
        """Return who is told: what is unknown is about the service, all else about the image."""
        is_unknown = transition.kind is TransitionKind.BECAME_UNKNOWN
        route = self.operators if is_unknown else self.images
        return (route,) if route else ()
