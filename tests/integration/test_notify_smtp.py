import email
import logging
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from email.policy import default

import pytest

from local.certificates import Certificates
from local.mail_sink import MailSink
from scanner.errors import NoticeError
from scanner.notify.channels.smtp import Security, Smtp
from tests import announcements
from tests.announcements import NEWLY_UNHEALTHY, hostile

pytestmark = [
    pytest.mark.integration,
    # aiosmtpd does not know that it stands behind TLS from the first byte on.
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning"),
]

PASSWORD = "wp8fZq3LrT6yVn1K"  # noqa: S105  of this test
WRONG = "Xk2mQ9wLsE4rTz7V"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Write a throw-away authority and a certificate for this machine."""
    return Certificates.create(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=Security)
def security(request: pytest.FixtureRequest) -> Security:
    """Return each way to TLS."""
    return Security(request.param)


@pytest.fixture
def sink(certificates: Certificates, security: Security) -> Iterator[MailSink]:
    """Run a mail server that asks for a login."""
    is_implicit = security is Security.TLS
    with MailSink(
        certificates.cert_file, certificates.key_file, PASSWORD, implicit_tls=is_implicit
    ) as running:
        yield running


@pytest.fixture
def channel(sink: MailSink, certificates: Certificates, security: Security) -> Smtp:
    """Return a route to that server."""
    return Smtp(
        route="shop",
        host="localhost",
        port=sink.port,
        security=security,
        sender="Pushscan <pushscan@contoso.com>",
        recipients=("team@contoso.com", "lead@contoso.com"),
        user="pushscan",
        password=PASSWORD,
        ca_file=certificates.ca_file,
    )


def _parsed(sink: MailSink) -> EmailMessage:
    [envelope] = sink.mails
    assert isinstance(envelope.content, bytes)
    message = email.message_from_bytes(envelope.content, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def test_a_mail_arrives_once_in_both_forms(sink: MailSink, channel: Smtp) -> None:
    """To everybody, marked so that no absence notice answers."""
    assert channel.send(NEWLY_UNHEALTHY) == "250: 2 of 2 recipients"
    message = _parsed(sink)
    assert sink.mails[0].rcpt_tos == ["team@contoso.com", "lead@contoso.com"]
    assert message["subject"].startswith("shop/cart:v7 is unhealthy since 2026-11-22 12:00 UTC")
    assert message["auto-submitted"] == "auto-generated"
    plain, page = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert page is not None
    assert "What to change:" in plain.get_content()
    assert "<h2 " in page.get_content()


def test_a_digest_is_one_mail(sink: MailSink, channel: Smtp) -> None:
    """However many announcements there are; a repeat can be told by its id."""
    channel.send_digest(announcements.ALL)
    first = _parsed(sink)
    sink.mails.clear()
    channel.send_digest(announcements.ALL)
    assert first["subject"].startswith("5 changes in your images: ")
    assert first["message-id"] == _parsed(sink)["message-id"]


def test_no_text_becomes_a_header(sink: MailSink, channel: Smtp) -> None:
    """Line breaks in names end in the subject line, as blanks."""
    channel.send(hostile("x\r\nBcc: mallory@evil.example\r\n\r\nbody"))
    message = _parsed(sink)
    assert message["bcc"] is None
    assert "mallory" in message["subject"]
    assert sink.mails[0].rcpt_tos == ["team@contoso.com", "lead@contoso.com"]


@pytest.mark.parametrize("answer", ["421 later", "451 later", "550 no", "554 never"])
def test_a_refusal_names_route_and_code(sink: MailSink, channel: Smtp, answer: str) -> None:
    """And nothing of what the server adds."""
    sink.answer = answer
    with pytest.raises(NoticeError, match=rf"^route shop: answered {answer[:3]}$"):
        channel.send(NEWLY_UNHEALTHY)
    assert sink.mails == []


def test_a_wrong_password_is_a_refusal_that_keeps_it(
    channel: Smtp, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither log nor message nor repr holds it."""
    caplog.set_level(logging.DEBUG)
    wrong = replace(channel, password=WRONG)
    with pytest.raises(NoticeError, match=r"^route shop: answered 535$") as refusal:
        wrong.send(NEWLY_UNHEALTHY)
    for seen in (repr(wrong), repr(refusal.value), caplog.text):
        assert WRONG not in seen


def test_a_server_that_we_have_no_reason_to_trust_gets_nothing(
    sink: MailSink, channel: Smtp
) -> None:
    """Neither mail nor password."""
    with pytest.raises(NoticeError, match=r"^route shop: SSLCertVerificationError$"):
        replace(channel, ca_file=None).send(NEWLY_UNHEALTHY)
    assert sink.mails == []


def test_a_server_without_tls_gets_nothing(channel: Smtp) -> None:
    """STARTTLS that is not offered is a refusal, not a reason to go on without."""
    heard: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"220 localhost\r\n")
            while line := peer.recv(1024):
                heard.append(line)
                peer.sendall(b"250 localhost\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        bare = replace(channel, port=listener.getsockname()[1], security=Security.STARTTLS, user="")
        with pytest.raises(NoticeError, match="route shop: "):
            bare.send(NEWLY_UNHEALTHY)
        server.join(timeout=30)
    assert heard
    assert not any(b"MAIL" in line.upper() for line in heard)


def test_a_server_that_stalls_is_cut_off(channel: Smtp, security: Security) -> None:
    """One deadline over all of it, however often a byte comes."""
    done = threading.Event()

    def serve(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer:
            try:
                # A greeting that never ends; over TLS a handshake that is none.
                while not done.wait(0.05):
                    peer.sendall(b"2" if security is Security.STARTTLS else b"")
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        slow = replace(channel, port=listener.getsockname()[1], send_seconds=0.5)
        began = time.monotonic()
        with pytest.raises(NoticeError, match="route shop: "):
            slow.send(NEWLY_UNHEALTHY)
        took = time.monotonic() - began
        done.set()
        server.join(timeout=30)
    assert 0.4 < took < 5
