"""What others have pulled, as far as somebody writes it down."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """Somebody other than we pulled a manifest, by tag, by digest, or both are known."""

    untrusted_host: str
    untrusted_repository: str
    untrusted_tag: str
    untrusted_digest: str


class Pulls(Protocol):
    """Who pulled what. Whoever pulls writes the names, so they are not trusted."""

    def within(self, past: timedelta) -> Iterable[Pull]:
        """Return the pulls of so long that did not fail, each thing once.

        Raises PullsUnknownError rather than leave one out.
        """
