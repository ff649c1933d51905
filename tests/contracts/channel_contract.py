"""What every channel over HTTPS does; run on each against the same stand-in."""

import logging
from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import ClassVar

import pytest

from local.certificates import Certificates
from local.channel_sink import Answer, ChannelSink
from scanner.errors import NoticeError
from scanner.notify.announcement import Announcement
from scanner.notify.channels.channel import Channel
from tests import announcements
from tests.announcements import NEWLY_UNHEALTHY

SECRET = "wp8fZq3LrT6yVn1K"  # noqa: S105  of this test
"""Stands in every URL, key and token."""


class ChannelContract(ABC):
    """Subclasses say how to build the channel on an endpoint."""

    accepts: ClassVar[Answer] = Answer(status=202)
    """What the service says when it takes a notice."""
    largest: ClassVar[int] = 64 * 1024
    """What it takes, in bytes."""

    @abstractmethod
    def channel(self, url: str, ca_file: Path | None) -> Channel:
        """Return the channel under test."""

    @pytest.fixture
    def sink(self, certificates: Certificates) -> "ChannelSink":
        """Return the stand-in, which is not started yet."""
        return ChannelSink(certificates.cert_file, certificates.key_file, answer=self.accepts)

    def _send(self, sink: ChannelSink, certificates: Certificates) -> str:
        return self.channel(sink.url, certificates.ca_file).send(NEWLY_UNHEALTHY)

    @pytest.mark.parametrize("told", announcements.ALL, ids=lambda told: told.kind.value)
    def test_an_announcement_arrives_once(
        self, sink: ChannelSink, certificates: Certificates, told: Announcement
    ) -> None:
        """Whole, in one request, whatever kind it is."""
        with sink:
            answer = self.channel(sink.url, certificates.ca_file).send(told)
            [request] = sink.accepted
        assert "shop/cart" in request.body.decode()
        assert answer

    @pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 410, 429, 500, 503])
    def test_anything_but_2xx_is_a_refusal(
        self, sink: ChannelSink, certificates: Certificates, status: int
    ) -> None:
        """It names route and status; no redirect is followed, and nothing is tried again."""
        with sink:
            elsewhere = {"location": f"{sink.url}/elsewhere"}
            sink.answer_next(Answer(status=status, headers=elsewhere))
            with pytest.raises(NoticeError, match=rf"^route shop: answered {status}"):
                self._send(sink, certificates)
            assert sink.accepted == ()

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize("value", ["90", "86400", "date", "soon", None])
    def test_what_retry_after_says_is_passed_on(
        self, sink: ChannelSink, certificates: Certificates, status: int, value: str | None
    ) -> None:
        """In seconds or as a date, an hour at most; nonsense is nothing."""
        if value == "date":
            value = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
        headers = {"retry-after": value} if value is not None else {}
        with sink:
            sink.answer_next(Answer(status=status, headers=headers))
            with pytest.raises(NoticeError) as refusal:
                self._send(sink, certificates)
        expected = {"90": 90.0, "86400": 3600.0, "soon": None, None: None}.get(value, 85.0)
        assert refusal.value.retry_after == (
            pytest.approx(expected, abs=10) if expected is not None else None
        )

    @pytest.mark.parametrize("status", [200, 400])
    def test_a_huge_answer_is_not_read_to_its_end(
        self, sink: ChannelSink, certificates: Certificates, status: int
    ) -> None:
        """What is told of it stays a line."""
        huge = Answer(status=status, body=b'"' + b"x" * (32 * 1024 * 1024))
        with sink:
            sink.answer_next(huge)
            try:
                said = self._send(sink, certificates)
            except NoticeError as refusal:
                said = str(refusal)
        assert len(said) < 300

    def test_an_endpoint_that_we_have_no_reason_to_trust_gets_nothing(
        self, sink: ChannelSink
    ) -> None:
        """The certificate is checked."""
        with sink:
            with pytest.raises(NoticeError, match="route shop: "):
                self.channel(sink.url, None).send(NEWLY_UNHEALTHY)
            assert sink.accepted == ()

    def test_an_endpoint_that_is_gone_is_a_refusal(
        self, sink: ChannelSink, certificates: Certificates
    ) -> None:
        """The queue tries again."""
        with sink:
            url = sink.url
        with pytest.raises(NoticeError, match="route shop: "):
            self.channel(url, certificates.ca_file).send(NEWLY_UNHEALTHY)

    @pytest.mark.parametrize("status", [200, 404, 503])
    def test_no_secret_is_seen(
        self,
        sink: ChannelSink,
        certificates: Certificates,
        caplog: pytest.LogCaptureFixture,
        status: int,
    ) -> None:
        """Neither in logs, libraries' included, nor in answers, refusals and reprs."""
        caplog.set_level(logging.DEBUG)
        with sink:
            echo = f'"no workflow at /hooks/{SECRET}/{SECRET}"'.encode()
            sink.answer_next(Answer(status=status, body=echo))
            channel = self.channel(sink.url, certificates.ca_file)
            try:
                said = channel.send(NEWLY_UNHEALTHY)
            except NoticeError as refusal:
                said = f"{refusal} {refusal!r} {refusal.__cause__}"
        assert SECRET not in said
        assert SECRET not in repr(channel)
        assert SECRET not in caplog.text

    def test_the_longest_message_is_taken(
        self, sink: ChannelSink, certificates: Certificates
    ) -> None:
        """A wall of hostile text is cut to what the service takes."""
        told = replace(announcements.hostile("🔥<&>" * 5_000), kind=NEWLY_UNHEALTHY.kind)
        with sink:
            self.channel(sink.url, certificates.ca_file).send(told)
            [request] = sink.accepted
        assert len(request.body) <= self.largest
