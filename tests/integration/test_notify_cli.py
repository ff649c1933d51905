import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.certificates import Certificates
from local.channel_sink import Answer, ChannelSink
from tests.command_line import pushscan
from tests.fakes import InMemoryReportStore

pytestmark = pytest.mark.integration

FILE = """
version: 1
routes:
  - name: shop
    teams: {url: {setting: PUSHSCAN_ROUTE_SHOP_URL}}
    quiet: {from: 00:00, until: 23:59}
  - name: chat
    slack: {url: {setting: PUSHSCAN_ROUTE_SHOP_URL}}
"""


@pytest.fixture
def sink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChannelSink]:
    """Run a service, and name it in the settings: twice in the file, once beside it."""
    certificates = Certificates.create(tmp_path)
    path = tmp_path / "routes.yaml"
    path.write_text(FILE)
    with ChannelSink(certificates.cert_file, certificates.key_file) as running:
        for name, value in {
            "PUSHSCAN_CA_FILE": str(certificates.ca_file),
            "PUSHSCAN_ROUTES": str(path),
            "PUSHSCAN_ROUTE_SHOP_URL": f"{running.url}/hooks/wp8fZq3LrT6yVn1K",
            "PUSHSCAN_NOTICE_URL": f"{running.url}/notices",
            "PUSHSCAN_NOTICE_SECRET": "s" * 32,
        }.items():
            monkeypatch.setenv(name, value)
        yield running


def _test(*arguments: str) -> tuple[int, str, str]:
    result = pushscan("notify", "test", *arguments, store=InMemoryReportStore())
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("route", ["shop", "chat", "images"])
def test_a_sample_is_sent_and_says_that_it_is_one(sink: ChannelSink, route: str) -> None:
    """At once, whatever the route's hours; the screen tells what was answered."""
    sink.answer_next(Answer(status=202, body=b"taken"))
    assert _test(route) == (0, f"sent  {route} answered 202: taken\n", "")
    [request] = sink.accepted
    assert "this-is-a-test/no-real-image" in request.body.decode()
    assert "This is a test of the route" in request.body.decode()


def test_two_samples_are_two_notices(sink: ChannelSink) -> None:
    """Who drops repeats must not drop the second."""
    codes = [_test("images", "--json")[0] for _ in range(2)]
    first, second = sink.accepted
    assert codes == [0, 0]
    assert first.json["id"] != second.json["id"]


def test_the_answer_comes_as_json(sink: ChannelSink) -> None:
    """One object."""
    code, output, _ = _test("shop", "--json")
    assert code == 0
    assert json.loads(output)["answer"] == "202"
    assert len(sink.accepted) == 1


def test_a_refusal_is_told_in_a_line(sink: ChannelSink) -> None:
    """With what the service says, and without the URL."""
    sink.answer_next(Answer(status=404, body=b"no_team"))
    code, _, complaint = _test("chat")
    assert (code, complaint) == (1, "pushscan: route chat: answered 404: no_team\n")


@pytest.mark.parametrize("route", ["shop", "chat", "images"])
def test_a_service_that_asks_for_time_is_not_asked_again(sink: ChannelSink, route: str) -> None:
    """Who tries a route decides when to try again; one answer is one line."""
    sink.answer_next(Answer(status=429, headers={"retry-after": "30"}, body=b"slow down"))
    code, output, complaint = _test(route)
    assert (code, output) == (1, "")
    assert (
        complaint
        == f"pushscan: route {route}: answered 429: slow down; asks to be tried again after 30 s\n"
    )
    assert sink.accepted == ()
    assert _test(route)[0] == 0


def test_a_route_that_is_not_there_names_those_that_are(sink: ChannelSink) -> None:
    """Nothing is sent."""
    code, _, complaint = _test("\x1b[31mshop")
    assert code == 1
    assert "\\x1b[31mshop; there are: images, shop, chat" in complaint
    assert sink.accepted == ()


def test_a_name_is_given_once(
    sink: ChannelSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A route of the file cannot take the place of one of the settings."""
    path = tmp_path / "taken.yaml"
    path.write_text(FILE.replace("name: chat", "name: images"))
    monkeypatch.setenv("PUSHSCAN_ROUTES", str(path))
    code, _, complaint = _test("shop")
    assert (code, sink.accepted) == (1, ())
    assert "the name images is taken by a setting" in complaint
