"""Hostile names come out inert wherever people or their tools read them."""

import json
import logging
import re

import pytest

from scanner.notify.channels.event import compose
from scanner.notify.composer import Composer
from scanner.store.report_json import decode, encode
from tests.command_line import pushscan
from tests.fakes import InMemoryReportStore
from tests.hostile.images import Hostile, Judge
from tests.hostile.images_names import NAMES
from tests.reports import transition_by

pytestmark = pytest.mark.integration

_LONGEST_LINE = 4000
"""Of a log or a terminal, in characters: a name of 10,000 is cut."""
_LONGEST_TEXT = 1024
"""Of one text in a notice."""
_FALSE_LINE = re.compile(r"^\d{4}-\d\d-\d\dT\S+\tINFO", re.MULTILINE)


@pytest.mark.parametrize("hostile", NAMES, ids=lambda hostile: str(hostile.name))
def test_a_hostile_name_is_inert(
    judge: Judge, hostile: Hostile, caplog: pytest.LogCaptureFixture
) -> None:
    """In the log, on a terminal, in JSON and in a notice: no controls, no overrides, no floods."""
    caplog.set_level(logging.DEBUG, logger="scanner")
    report = judge.report(hostile.put)
    store = judge.pipeline.publisher.store
    assert isinstance(store, InMemoryReportStore)
    for record in caplog.records:
        _require_line(record.getMessage())
    for shown in (
        pushscan("show", str(report.image), store=store).stdout,
        pushscan("list", store=store).stdout,
    ):
        for line in shown.split("\n"):
            _require_line(line)
        assert not _FALSE_LINE.search(shown)
    for output in (
        pushscan("show", str(report.image), "--json", store=store).stdout,
        pushscan("list", "--json", store=store).stdout,
    ):
        assert output.isascii()
        assert output.replace("\n", "").isprintable()
        json.loads(output)
    stored = encode(report)
    assert decode(stored) == report
    composer = Composer(store=store)
    notice = compose(composer.compose(transition_by(report), notice_id="1"))
    texts = list(_texts(json.loads(notice)))
    assert texts
    for text in texts:
        assert text.isprintable()
        assert len(text) <= _LONGEST_TEXT


def _require_line(text: str) -> None:
    assert text.isprintable(), text
    assert len(text) <= _LONGEST_LINE


def _texts(document: object) -> list[str]:
    if isinstance(document, dict):
        document = list(document.values())
    if isinstance(document, list):
        return [text for one in document for text in _texts(one)]
    return [document] if isinstance(document, str) else []
