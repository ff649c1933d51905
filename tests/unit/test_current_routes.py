from collections.abc import Callable

import pytest

from scanner.errors import NoticeError, SettingsError, StoreError
from scanner.notify.channels.channel import Channel
from scanner.notify.routes.current import LOOK_SECONDS, CurrentRoutes
from scanner.notify.routes.route import Route, RouteTable


class Kept:
    """Keeps one text."""

    def __init__(self) -> None:
        """Begin with none."""
        self.text: bytes | None = None
        self.fault = ""
        self.outage: StoreError | None = None

    def keep(self, text: bytes) -> None:
        """Keep a text."""
        self.text, self.fault = text, ""

    def note_fault(self, fault: str) -> None:
        """Keep a fault beside it."""
        if self.outage is not None:
            raise self.outage
        self.fault = fault

    def last(self) -> bytes | None:
        """Return it."""
        return self.text


class File:
    """A file whose every line names a route, `broken` excepted; and a clock."""

    def __init__(self) -> None:
        """Begin with one route."""
        self.text: bytes | Exception = b"shop"
        self.now = 0.0
        self.kept = Kept()
        self.built = 0

    def read(self) -> bytes:
        """Return the text."""
        if isinstance(self.text, Exception):
            raise self.text
        return self.text

    def build(self, text: bytes) -> RouteTable:
        """Return a route a line."""
        self.built += 1
        if text == b"broken":
            raise SettingsError("routes: routes.yaml:3: is wrong")
        return RouteTable(
            routes=tuple(
                Route(name=name, open_channel=_no_channel) for name in text.decode().split()
            )
        )

    def routes(self) -> Callable[[], list[str]]:
        """Return a process's routes, as names."""
        current = CurrentRoutes(
            read=self.read, build=self.build, kept=self.kept, monotonic=lambda: self.now
        )
        return lambda: [route.name for route in current().routes]


def _no_channel() -> Channel:
    raise AssertionError("nothing is sent here")


@pytest.fixture
def file() -> File:
    """Return a file."""
    return File()


def test_a_change_is_in_force_within_a_minute(file: File) -> None:
    """And what has not changed is not built anew: channels remember what they sent."""
    routes = file.routes()
    assert routes() == ["shop"]
    file.now += LOOK_SECONDS
    assert (routes(), file.built) == (["shop"], 1)
    file.text = b"shop chat"
    assert routes() == ["shop"]
    file.now += LOOK_SECONDS
    assert routes() == ["shop", "chat"]
    assert LOOK_SECONDS < 60


def test_a_broken_file_leaves_the_last_good_one_in_force(
    file: File, caplog: pytest.LogCaptureFixture
) -> None:
    """Loudly, and at each look."""
    routes = file.routes()
    routes()
    file.text = b"broken"
    for _ in range(2):
        file.now += LOOK_SECONDS
        assert routes() == ["shop"]
    said = [record for record in caplog.records if record.message.startswith("routes.refused")]
    assert [record.levelname for record in said] == ["ERROR", "ERROR"]
    assert "routes.yaml:3" in said[0].message
    file.text = b"chat"
    file.now += LOOK_SECONDS
    assert routes() == ["chat"]


def test_who_starts_while_it_is_broken_has_what_was_in_force(file: File) -> None:
    """Kept in storage."""
    file.routes()()
    file.text = b"broken"
    assert file.routes()() == ["shop"]


def test_where_none_ever_were_in_force_nothing_is_told_for_now(file: File) -> None:
    """An error and not an empty table: what is to be told stays pending."""
    file.text = b"broken"
    with pytest.raises(NoticeError, match=r"no routes are in force: .*routes\.yaml:3"):
        file.routes()()


def test_storage_that_is_out_of_reach_changes_nothing(file: File) -> None:
    """But for who has no routes yet."""
    routes = file.routes()
    routes()
    file.text = StoreError("policies.read: lost")
    file.now += LOOK_SECONDS
    assert routes() == ["shop"]
    with pytest.raises(StoreError):
        file.routes()()


def test_a_fault_is_noted_until_it_is_mended(file: File) -> None:
    """For who asks from outside; also where it is mended by taking the change back."""
    routes, others = file.routes(), file.routes()
    routes(), others()
    file.text = b"broken"
    file.now += LOOK_SECONDS
    routes()
    assert "routes.yaml:3" in file.kept.fault
    file.text = b"shop"
    file.now += LOOK_SECONDS
    assert (others(), file.kept.fault) == (["shop"], "")


def test_a_fault_that_cannot_be_noted_breaks_nothing(
    file: File, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has it."""
    routes = file.routes()
    routes()
    file.text, file.kept.outage = b"broken", StoreError("policies.change: lost")
    file.now += LOOK_SECONDS
    assert routes() == ["shop"]
    assert "routes.refused" in caplog.text
