"""Hands announcements to Apprise, which knows a hundred services more.

It is imported only where a route asks for it (`pip install pushscan[apprise]`). It judges what the
service says, so there is no status and no Retry-After here; its timeouts are its own. It cannot be
given a CA file: the system's authorities count.
"""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from scanner.errors import NoticeError
from scanner.model import TransitionKind
from scanner.notify.announcement import Announcement
from scanner.notify.channels import mail_text
from scanner.notify.channels.channel import Rate

_LEVELS = {
    TransitionKind.NEWLY_UNHEALTHY: "failure",
    TransitionKind.WORSE: "failure",
    TransitionKind.RESOLVED: "success",
    TransitionKind.BECAME_UNKNOWN: "warning",
    TransitionKind.EXEMPTION_EXPIRING: "warning",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Apprise:
    """A service by its Apprise URL, which is a secret. Raises ValueError for an unfit one."""

    route: str
    url: str = field(repr=False)

    def __post_init__(self) -> None:
        options = {name.lower(): values for name, values in parse_qs(_query(self.url)).items()}
        if "verify" in options:
            raise ValueError("the URL must not say whether certificates are verified")

    @property
    def rates(self) -> tuple[Rate, ...]:
        """Apprise keeps what each service asks for."""
        return ()

    def send(self, told: Announcement) -> str:
        """Send headline and plain text. Raises NoticeError."""
        try:
            import apprise  # noqa: PLC0415  an extra: only who has such a route
        except ImportError:
            raise NoticeError(
                f"route {self.route}: Apprise is not installed (pip install pushscan[apprise])"
            ) from None
        asset = apprise.AppriseAsset(secure_logging=True, async_mode=False)
        service = apprise.Apprise(asset=asset)
        with _silenced():
            if not service.add(self.url):
                raise NoticeError(f"route {self.route}: Apprise does not know this kind of URL")
            took = service.notify(
                title=mail_text.subject([told]),
                body=mail_text.text([told]),
                notify_type=apprise.NotifyType(_LEVELS[told.kind]),
                body_format=apprise.NotifyFormat.TEXT,
            )
        if not took:
            raise NoticeError(f"route {self.route}: Apprise could not deliver it")
        return "delivered"


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Keep what the libraries log away: they write down addresses, and those are secrets."""
    loggers = [logging.getLogger(name) for name in ("apprise", "urllib3.connectionpool")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _query(url: str) -> str:
    try:
        return urlsplit(url).query
    except ValueError:
        raise ValueError("the URL is not one") from None
