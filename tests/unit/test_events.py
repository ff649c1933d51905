import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import InvalidMessageError, RegistryNotOursError
from scanner.events import MAX_BODY_BYTES, DeleteEvent, Event, PushEvent, QuietEvent, parse_event
from tests.examples import DIGEST, REGISTRIES, REGISTRY, body, push_event


def parse(event: dict[str, Any]) -> Event:
    """Parse an event as the webhook does."""
    return parse_event(body(event), REGISTRIES)


def test_a_push_becomes_an_event_with_the_image_it_names() -> None:
    """The members that matter are read; the nine-digit fraction is cut to microseconds."""
    event = parse(push_event(timestamp="2026-11-22T11:59:58.123456789Z"))
    assert isinstance(event, PushEvent)
    assert str(event.image) == f"{REGISTRY}/shop/cart@{DIGEST}"
    assert event.image.tag == "v7"
    assert event.pushed_at == datetime(2026, 11, 22, 11, 59, 58, 123456, tzinfo=UTC)


@pytest.mark.parametrize("tag", [None, ""])
def test_a_push_by_digest_has_no_tag(tag: str | None) -> None:
    """ACR leaves the member out; others send null or an empty string."""
    event = parse(push_event(target_tag=tag))
    assert isinstance(event, PushEvent)
    assert event.image.tag is None
    without = push_event()
    del without["target"]["tag"]
    assert parse(without) == event


def test_an_alias_is_replaced_by_the_canonical_login_server() -> None:
    """What is contacted later is the configured name, never the payload's."""
    event = parse(push_event(request_host="contoso.WestEurope.geo.azurecr.io"))
    assert isinstance(event, PushEvent)
    assert event.image.registry == REGISTRY


def test_a_quarantined_image_is_scanned() -> None:
    """With quarantine on, `push` comes only after the scan has passed the image."""
    event = push_event(action="quarantine")
    del event["target"]["mediaType"]
    assert isinstance(parse(event), PushEvent)


@pytest.mark.parametrize("action", ["ping", "chart_push", "chart_delete"])
def test_other_actions_ask_for_no_scan(action: str) -> None:
    """A ping has neither target nor request."""
    event = {"id": "826b111c", "timestamp": "2026-11-22T11:00:00Z", "action": action}
    assert parse(event) == QuietEvent(action=action)


def test_a_deletion_becomes_an_event_with_what_it_names() -> None:
    """A manifest by its digest, or a whole repository."""
    manifest = parse(push_event(action="delete", target_tag=None))
    repository = parse(push_event(action="delete", target={"repository": "shop/cart"}))
    assert isinstance(manifest, DeleteEvent)
    assert isinstance(repository, DeleteEvent)
    assert (manifest.deletion.digest, repository.deletion.digest) == (DIGEST, None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"target_digest": 7}, "target.digest"),
        ({"target_digest": "sha256:x"}, "target.digest"),
        ({"target_repository": ""}, "target.repository"),
        ({"target_tag": "a b"}, "target.tag"),
        ({"timestamp": None}, "timestamp"),
    ],
)
def test_a_deletion_is_read_as_strictly_as_a_push(change: dict[str, object], field: str) -> None:
    """What has no digest must at least not have a wrong one."""
    with pytest.raises(InvalidMessageError) as caught:
        parse(push_event(**({"action": "delete"} | change)))
    assert caught.value.field == field


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "127.0.0.1:10001",
        "[::1]",
        "0x7f.1",
        "localhost.",
        "metadata.google.internal",
        "168.63.129.16",
        "user:pw@contoso.azurecr.io",
        "contoso.azurecr.io@evil.example",
        "contoso.azurecr.io#evil.example",
        "contoso.azurecr.io:443/x",
        "contoso.azurecr.io.",
        "c\u043entoso.azurecr.io",
        "\uff43ontoso.azurecr.io",
        "evil.azurecr.io.attacker.example",
        "contoso.azurecr.io.attacker.example",
        "someoneelse.azurecr.io",
        "",
        "contoso.azurecr.io\n",
    ],
)
def test_a_host_that_the_settings_do_not_name_is_refused(host: str) -> None:
    """Exact names only: a suffix proves nothing, since anybody may own it."""
    with pytest.raises(RegistryNotOursError, match=r"request\.host"):
        parse(push_event(request_host=host))


@pytest.mark.parametrize("host", ["CONTOSO.azurecr.io", "contoso.azurecr.io", "localhost:5443"])
def test_a_configured_host_is_found_whatever_its_case(host: str) -> None:
    """Host names have no case (RFC 4343)."""
    assert isinstance(parse(push_event(request_host=host)), PushEvent)


@pytest.mark.parametrize(
    "repository",
    ["../../x", "a//b", "a/../b", "-rf", "--config=/x", "a%2fb", "a" * 300, "a\0", "a\n", "A", "",
     "a/", "/a", "a..b", "\uff41"],
)  # fmt: skip
def test_a_repository_outside_the_grammar_is_refused(repository: str) -> None:
    """The message names the field."""
    with pytest.raises(InvalidMessageError, match=r"^target\.repository: "):
        parse(push_event(target_repository=repository))


@pytest.mark.parametrize("tag", ["latest\n", "--input", "..", "t" * 129, "\uff11", " ", "a b", 7])
def test_a_tag_outside_the_grammar_is_refused(tag: object) -> None:
    """The message names the field."""
    with pytest.raises(InvalidMessageError, match=r"^target\.tag: "):
        parse(push_event(target_tag=tag))


@pytest.mark.parametrize(
    "digest",
    ["sha256:../../../../etc/passwd", "sha256:" + "A" * 64, "sha256:" + "a" * 63, "a" * 64,
     "sha512:" + "a" * 128, "sha256:" + "a" * 64 + "\n", None, 7],
)  # fmt: skip
def test_a_digest_outside_the_grammar_is_refused(digest: object) -> None:
    """The message names the field."""
    with pytest.raises(InvalidMessageError, match=r"^target\.digest: "):
        parse(push_event(target_digest=digest))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": None}, "id"),
        ({"id": "two words"}, "id"),
        ({"action": 3}, "action"),
        ({"action": "explode"}, "action"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": "2026-11-22T11:00:00"}, "timestamp"),
        ({"timestamp": 1}, "timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp"),
        ({"timestamp": "2026-W47-7T11:00:00Z"}, "timestamp"),
        ({"timestamp": "2026-02-30T11:00:00Z"}, "timestamp"),
        ({"target": []}, "target"),
        ({"request": None}, "request"),
        ({"request_host": 1}, "request.host"),
        ({"target_repository": None}, "target.repository"),
    ],
)
def test_a_fault_names_its_field(change: dict[str, object], field: str) -> None:
    """Whoever configured the webhook sees what to mend."""
    with pytest.raises(InvalidMessageError) as caught:
        parse(push_event(**change))
    assert caught.value.field == field


@pytest.mark.parametrize(
    "untrusted_body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"digest":1,"digest":2}',
        b'{"size":1e999}',
        b'{"size":NaN}',
        b'{"size":-Infinity}',
        b'{"size":' + b"9" * 5_000 + b"}",
        b'{"id":"\\ud800","action":"ping"}',
        b"\xef\xbb\xbf{}",
        '{"action":"ping"}'.encode("utf-16"),
        b'{"action":"\xff"}',
        b"{} {}",
        b"x" * (MAX_BODY_BYTES + 1),
    ],
)
def test_a_body_that_is_no_event_is_refused(untrusted_body: bytes) -> None:
    """Deep, doubled, infinite, mis-encoded: each ends in the one error."""
    with pytest.raises(InvalidMessageError):
        parse_event(untrusted_body, REGISTRIES)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(push_event(), _json)))
def test_any_json_ends_in_an_event_or_the_error(event: dict[str, Any]) -> None:
    """Nothing else escapes the parser, whatever the members hold."""
    try:
        result = parse_event(json.dumps(event).encode(), REGISTRIES)
    except (InvalidMessageError, RegistryNotOursError):
        return
    assert isinstance(result, Event)
