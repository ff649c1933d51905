"""The routes in force: what is written now, or what was while that cannot be read.

A route remembers what it sent, to keep its rate, so a table is built anew only where the file has
changed.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from scanner.errors import NoticeError, SettingsError, StoreError
from scanner.notify.routes.route import RouteTable

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 45.0
"""Between two looks at the file: what changes is in force within a minute."""


class RoutesArchive(Protocol):
    """Keeps one text."""

    def keep(self, text: bytes) -> None:
        """Keep a text in place of the one before, and forget the fault; cheap to repeat.

        Raises StoreError.
        """

    def note_fault(self, fault: str) -> None:
        """Note why what was written since is not in force. Safe to repeat. Raises StoreError."""

    def last(self) -> bytes | None:
        """Return the text that was kept last, or None. Raises StoreError."""


@dataclass(kw_only=True)
class CurrentRoutes:
    """Gives the table when it is called. Safe to use from several threads."""

    read: Callable[[], bytes]
    """Returns the file; empty where there is none. Raises SettingsError and StoreError."""
    build: Callable[[bytes], RouteTable]
    """Reads it. Raises SettingsError."""
    kept: RoutesArchive
    monotonic: Callable[[], float] = time.monotonic
    _table: RouteTable | None = field(init=False, default=None)
    _text: bytes = field(init=False, default=b"")
    _next_look: float = field(init=False, default=0.0)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)

    def __call__(self) -> RouteTable:
        """Return the routes in force. Raises NoticeError where none ever were, and StoreError."""
        with self._lock:
            if self._table is None or self.monotonic() >= self._next_look:
                self._table = self._look(self._table)
                self._next_look = self.monotonic() + LOOK_SECONDS
            return self._table

    def _look(self, standing: RouteTable | None) -> RouteTable:
        try:
            text = self.read()
            is_known = text == self._text
            table = standing if standing is not None and is_known else self.build(text)
            # Also what has not changed: another process may have seen a fault that is mended.
            self.kept.keep(text)
        except SettingsError as error:
            logger.error("routes.refused why=%s", error)  # noqa: TRY400  its text says it all
            self._note(error)
            return standing or self._restored(error)
        except StoreError as error:
            if standing is None:
                raise
            logger.warning("routes.unread why=%s", error)
            return standing
        if table is not standing:
            self._text = text
            logger.info("routes.in_force routes=%d", len(table.routes))
        return table

    def _note(self, fault: SettingsError) -> None:
        try:
            self.kept.note_fault(str(fault))
        except StoreError as error:
            # The log has said it, and the next look says it again.
            logger.warning("routes.unnoted why=%s", error)

    def _restored(self, fault: SettingsError) -> RouteTable:
        """Return what was in force before this process began."""
        text = self.kept.last()
        if text is None:
            raise NoticeError(f"no routes are in force: {fault}") from fault
        try:
            table = self.build(text)
        except SettingsError as error:
            raise NoticeError(f"no routes are in force: {error}") from error
        self._text = text
        return table
