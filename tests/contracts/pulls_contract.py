"""What every Pulls does; run on the fake and on the real one."""

from abc import ABC, abstractmethod
from datetime import timedelta

import pytest

from scanner.ports import Pull, Pulls
from tests.examples import REGISTRY

DIGEST = "sha256:" + "ab" * 32
DAY = timedelta(days=1)


class PullsContract(ABC):
    """Subclasses say how to get one, and how something comes to be written down."""

    @abstractmethod
    def pulls(self) -> Pulls:
        """Return the one under test."""

    @abstractmethod
    def log(
        self,
        repository: str,
        *,
        tag: str = "",
        digest: str = "",
        operation: str = "Pull",
        identity: str = "somebody",
        result: str = "200",
        before: timedelta = timedelta(hours=1),
    ) -> None:
        """Write down what somebody did so long ago."""

    @abstractmethod
    def own_identities(self) -> list[str]:
        """Return the names that our own pulls may have."""

    def _within(self, past: timedelta = 30 * DAY) -> list[Pull]:
        return sorted(self.pulls().within(past), key=str)

    def _names(self, past: timedelta = 30 * DAY) -> list[str]:
        return [pull.untrusted_repository for pull in self._within(past)]

    def test_a_pull_is_told_with_all_that_is_known_of_it(self) -> None:
        """By tag, by digest, or both; each once however often it was pulled."""
        for _ in range(3):
            self.log("shop/cart", tag="v1", digest=DIGEST)
        self.log("shop/cart", tag="v1", digest=DIGEST, identity="somebody else")
        self.log("base", tag="latest")
        self.log("web", digest=DIGEST)
        assert self._within() == [
            Pull(
                untrusted_host=REGISTRY,
                untrusted_repository=repository,
                untrusted_tag=tag,
                untrusted_digest=digest,
            )
            for repository, tag, digest in (
                ("base", "latest", ""),
                ("shop/cart", "v1", DIGEST),
                ("web", "", DIGEST),
            )
        ]

    def test_only_so_much_of_the_past_counts(self) -> None:
        """As was asked for."""
        self.log("new", digest=DIGEST, before=29 * DAY)
        self.log("old", digest=DIGEST, before=31 * DAY)
        assert self._names() == ["new"]
        assert self._names(40 * DAY) == ["new", "old"]

    def test_other_operations_are_no_pulls(self) -> None:
        """A push is judged anyway."""
        for operation in ("Push", "Delete", "Untag", "Purge tag"):
            self.log("shop", digest=DIGEST, operation=operation)
        assert self._names() == []

    @pytest.mark.parametrize("result", ["401", "403", "404 Not Found", "500", "Failed", "failure"])
    def test_a_pull_that_failed_is_none(self, result: str) -> None:
        """Whoever asks for what is not there has not got it."""
        self.log("shop", digest=DIGEST, result=result)
        assert self._names() == []

    @pytest.mark.parametrize("result", ["200", "206", "", "Succeeded", "0"])
    def test_a_pull_of_which_no_failure_is_told_is_one(self, result: str) -> None:
        """An image too many is looked at rather than one too few."""
        self.log("shop", digest=DIGEST, result=result)
        assert self._names() == ["shop"]

    def test_our_own_pulls_do_not_count(self) -> None:
        """Or whatever was scanned once would be scanned for ever."""
        for number, identity in enumerate(self.own_identities()):
            self.log(f"own-{number}", digest=DIGEST, identity=identity)
            self.log(f"own-{number}", digest=DIGEST, identity=identity.upper())
        self.log("shop", digest=DIGEST)
        assert self._names() == ["shop"]

    def test_nothing_was_pulled(self) -> None:
        """An empty answer is an answer."""
        assert self._within() == []
