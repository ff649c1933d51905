"""Any bytes become a type or the one error of their door, in bounded time and memory.

`make test` tries a few, `make fuzz` very many: see tests/conftest.py.
"""

import json
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scanner import jobs
from scanner.errors import AdvisoriesError, InvalidMessageError, RegistryNotOursError, StoreError
from scanner.events import parse_event
from scanner.model import ScanReport, Unexaminable
from scanner.notify import message
from scanner.ports import PullPlan
from scanner.registry.images import read_plan
from scanner.registry.limits import Limits
from scanner.store import report_json
from scanner.trivy.advisories import METADATA, read_updated_at
from scanner.trivy.report import parse_report
from tests.examples import REGISTRIES, job, push_event
from tests.image_samples import config_of, manifest_of
from tests.reports import unhealthy_report

_LIMITS = Limits()
_SECONDS = 5.0
_MEMORY_FACTOR = 40
"""Of the input's bytes: Python's objects for `[[],[],...]` take 64 bytes for each 3."""
_MEMORY_FLOOR = 8 << 20


def _event(untrusted: bytes) -> None:
    with suppress(InvalidMessageError, RegistryNotOursError):
        parse_event(untrusted, REGISTRIES)


def _job(untrusted: bytes) -> None:
    with suppress(InvalidMessageError):
        jobs.decode(untrusted)


def _notice(untrusted: bytes) -> None:
    with suppress(InvalidMessageError):
        message.decode(untrusted)


def _manifest(untrusted: bytes) -> None:
    assert isinstance(read_plan(untrusted, config_of(b""), _LIMITS), PullPlan | Unexaminable)


def _config(untrusted: bytes) -> None:
    manifest = json.dumps(manifest_of(untrusted, b"")).encode()
    assert isinstance(read_plan(manifest, untrusted, _LIMITS), PullPlan | Unexaminable)


def _stored(untrusted: bytes) -> None:
    with suppress(StoreError):
        report_json.decode(untrusted)


def _scan(untrusted: bytes) -> None:
    seen = parse_report(untrusted, untrusted)
    assert isinstance(seen, ScanReport | Unexaminable)
    if isinstance(seen, ScanReport):
        for finding in seen.findings:
            assert finding.package.isprintable()
            assert finding.title.isprintable()


_TRIVY_REPORT = {
    "SchemaVersion": 2,
    "Metadata": {"OS": {"Family": "debian", "Name": "12", "EOSL": False}},
    "Results": [
        {
            "Target": "Node.js",
            "Class": "lang-pkgs",
            "Type": "node-pkg",
            "Packages": [{"Name": "left-pad", "Version": "1.0.0"}],
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2099-1000",
                    "PkgName": "left-pad",
                    "InstalledVersion": "1.0.0",
                    "Status": "fixed",
                    "Layer": {"DiffID": "sha256:bb"},
                    "Severity": "HIGH",
                }
            ],
        }
    ],
}
_ADVISORY_METADATA = {"Version": 2, "UpdatedAt": "2026-11-20T06:00:00.123456789Z"}
_DOORS: dict[str, tuple[Callable[[bytes], None], object]] = {
    "event": (_event, push_event()),
    "job": (_job, json.loads(jobs.encode(job()))),
    "notice": (_notice, {"v": 1, "id": "0" * 64, "registry": "a", "report_id": "b"}),
    "manifest": (_manifest, manifest_of(config_of(b""), b"layer")),
    "config": (_config, json.loads(config_of(b"layer"))),
    "scan": (_scan, _TRIVY_REPORT),
    "stored report": (_stored, json.loads(report_json.encode(unhealthy_report()))),
}
_scalar = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["sha256:" + "a" * 64, "", "../..", "\u202e", "\x1b[2J", 2**63, -1, 1e308])
)
_json = st.recursive(
    _scalar,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def _paths(document: object, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the places of a document, each as the keys that lead to it."""
    inner: list[tuple[Any, object]] = []
    if isinstance(document, dict):
        inner = list(document.items())
    if isinstance(document, list):
        inner = list(enumerate(document))
    return [at, *(path for key, one in inner for path in _paths(one, (*at, key)))]


def _changed(document: Any, path: tuple[Any, ...], value: object) -> Any:  # noqa: ANN401 - JSON
    if not path:
        return value
    copy = document.copy()
    copy[path[0]] = _changed(document[path[0]], path[1:], value)
    return copy


@st.composite
def _bent(draw: st.DrawFn, document: object) -> bytes:
    """A document with a few of its places changed, and at times a few of its bytes."""
    for _ in range(draw(st.integers(1, 3))):
        document = _changed(document, draw(st.sampled_from(_paths(document))), draw(_json))
    content = bytearray(json.dumps(document).encode())
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, max(len(content) - 1, 0)))
        content[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(content)


@pytest.mark.parametrize("door", _DOORS)
@given(data=st.data())
def test_a_bent_document_is_read_or_refused(door: str, data: st.DataObject) -> None:
    """Close to what is right, so that the search comes past the first check."""
    parse, document = _DOORS[door]
    parse(data.draw(_bent(document)))


@pytest.mark.parametrize("door", _DOORS)
@given(untrusted=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(door: str, untrusted: bytes) -> None:
    """And end in nothing but the named error."""
    _DOORS[door][0](untrusted)


@example(untrusted=b'{"a":' + b"[" * 60_000)
@given(untrusted=st.binary(max_size=200) | _bent(_ADVISORY_METADATA))
def test_any_advisory_metadata_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, untrusted: bytes
) -> None:
    """It comes with a database from a mirror."""
    folder = tmp_path_factory.getbasetemp() / "metadata"
    path = folder / METADATA
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(untrusted)
    with suppress(AdvisoriesError):
        assert read_updated_at(folder).tzinfo is not None


@pytest.mark.parametrize("door", _DOORS)
@pytest.mark.parametrize(
    "untrusted",
    [
        pytest.param(b"[" * 200_000, id="deep list"),
        pytest.param(b'{"a":' * 100_000, id="deep object"),
        pytest.param(b'{"Results":' + b"[" * 100_000, id="deep member"),
        pytest.param(b"[" + b"[]," * 100_000 + b"[]]", id="wide list"),
        pytest.param(
            b"{" + b",".join(b'"%d":0' % n for n in range(40_000)) + b"}", id="wide object"
        ),
        pytest.param(b'{"a":' + b"9" * 200_000 + b"}", id="long number"),
        pytest.param(b'{"a":"' + b"\\u0000" * 60_000 + b'"}', id="long text"),
        pytest.param(b'{"Results":[' + b"{}," * 80_000 + b"{}]}", id="many results"),
        pytest.param(b"\n" * 200_000, id="many lines"),
    ],
)
def test_a_large_document_takes_bounded_time_and_memory(door: str, untrusted: bytes) -> None:
    """Some 300 KB of the worst is read or refused in seconds, in a few dozen times its size."""
    began = time.monotonic()
    _DOORS[door][0](untrusted)
    assert time.monotonic() - began < _SECONDS
    tracemalloc.start()
    try:
        _DOORS[door][0](untrusted)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < _MEMORY_FACTOR * len(untrusted) + _MEMORY_FLOOR
