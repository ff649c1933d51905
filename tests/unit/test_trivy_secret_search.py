"""What comes out of the sandbox of the secrets in a layer: a list of places, or a reason."""

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.model import Severity, Unexaminable, UnknownReason, Weakness, WeaknessKind
from scanner.sandbox import Completed, Exit, Exited, Limits, Service, Stopped
from scanner.trivy import argv, secret_search
from scanner.trivy.binary import TrivyBinary
from scanner.trivy.secret_search import find_secrets, keep, parse_secrets
from tests.contracts.inventory_store_contract import digest_of

_LAYER = digest_of("layer")
_LINE = ["github-pat", "CRITICAL", "GitHub Personal Access Token", "/app/.env", 7]


def _list(*lines: object) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _parsed(untrusted: bytes) -> frozenset[Weakness]:
    found = parse_secrets(untrusted, _LAYER)
    assert not isinstance(found, Unexaminable), found
    return found


def test_a_secret_is_known_by_its_place() -> None:
    """Nothing of what it is."""
    assert _parsed(_list(_LINE)) == {
        Weakness(
            kind=WeaknessKind.SECRET,
            id="github-pat",
            severity=Severity.CRITICAL,
            title="GitHub Personal Access Token",
            path="app/.env",
            line=7,
            layer_diff_id=str(_LAYER),
        )
    }


def test_there_is_no_place_for_its_text() -> None:
    """Nor for a hash of it, which for a short one is as good as the text."""
    assert {field.name for field in fields(Weakness)} == {
        *("kind", "id", "severity", "title", "path", "line", "layer_diff_id"),
    }


def test_two_in_one_line_are_one() -> None:
    """Fifteen thousand in one line likewise."""
    assert len(_parsed(_list(*[_LINE] * 15_000))) == 1
    assert len(_parsed(_list(_LINE, [*_LINE[:4], 8]))) == 2


def test_no_secrets_are_an_empty_list() -> None:
    """Trivy's template then writes nothing at all."""
    assert _parsed(b"") == frozenset()


@pytest.mark.parametrize(
    "untrusted",
    [
        b"{}",
        b"null",
        b"\xff",
        b"[" * 100_000,
        _list(_LINE)[:-3],
        _list(_LINE[:4]),
        _list([*_LINE, "the secret itself"]),
        _list(["github-pat", "AWFUL", "", "", 1]),
        _list([*_LINE[:4], -1]),
        _list([*_LINE[:4], 1 << 40]),
        _list([*_LINE[:4], "1"]),
    ],
    ids=lambda untrusted: repr(untrusted)[:40],
)
def test_a_list_that_cannot_be_read_is_no_evidence(untrusted: bytes) -> None:
    """It is neither an error of ours nor a layer without secrets."""
    found = parse_secrets(untrusted, _LAYER)
    assert isinstance(found, Unexaminable)
    assert found.reason is UnknownReason.SCANNER_CRASH


@given(st.binary(max_size=300))
def test_any_bytes_become_a_list_or_a_reason(untrusted: bytes) -> None:
    """And never an exception."""
    parse_secrets(untrusted, _LAYER)


@given(st.text(), st.text(), st.text())
def test_hostile_text_is_kept_printable_and_short(rule: str, title: str, path: str) -> None:
    """A path is an image's own choice."""
    for secret in _parsed(_list([rule, "LOW", title, path, 0])):
        assert all(text.isprintable() for text in (secret.id, secret.title, secret.path))
        assert len(secret.path) <= 10 * 1024


def _secrets(count: int) -> frozenset[Weakness]:
    return _parsed(_list(*([*_LINE[:4], number] for number in range(count))))


def test_what_is_over_the_limit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worst are kept, and the image counts as examined in part."""
    monkeypatch.setattr(secret_search, "MAX_SECRETS", 3)
    assert keep(_secrets(3))[1] == ()
    worst = _parsed(_list(["z", "CRITICAL", "", "z", 1]))
    kept, left_out = keep({*_parsed(_list(*(["a", "LOW", "", "a", n] for n in range(9)))), *worst})
    assert len(kept) == 3
    assert kept[0] in worst
    assert left_out == ("secrets: 7 more than the 3 that are kept",)


def test_the_order_does_not_depend_on_who_found_it_first() -> None:
    """Equal images give equal reports."""
    found = list(_secrets(20))
    assert keep(found) == keep(reversed(found)) == keep([*found, *found])


@dataclass(frozen=True)
class _Sandbox:
    """A sandbox that ends every run as it was told."""

    end: Exit
    written: bytes = b""
    uid = None
    isolation = ""

    def run(self, *arguments: object, limits: Limits, **named: object) -> Completed:
        assert arguments == (Path("trivy"), argv.list_secrets())
        assert named["read_only"] == {"/image": Path("layout")}
        assert "writable" not in named
        assert limits.stdout_bytes <= 8 << 20
        return Completed(exit=self.end, untrusted_stdout=self.written, untrusted_stderr=b"")

    def serving(self, *_arguments: object, **_named: object) -> AbstractContextManager[Service]:
        raise AssertionError


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (Stopped.MEMORY_LIMIT, UnknownReason.MEMORY_LIMIT),
        (Stopped.OUTPUT_LIMIT, UnknownReason.OUTPUT_LIMIT),
        (Stopped.TIMEOUT, UnknownReason.TIMEOUT),
        (Exited(2), UnknownReason.SCANNER_CRASH),
    ],
)
def test_a_search_that_did_not_end_by_itself_found_nothing(
    end: Exit, reason: UnknownReason
) -> None:
    """What it had written by then is no list of all secrets."""
    binary = TrivyBinary(path=Path("trivy"), version="0.76.0", digest=digest_of("trivy"))
    sandbox = _Sandbox(end, _list(_LINE))
    found = find_secrets(Path("layout"), _LAYER, binary, sandbox, Limits(wall_seconds=1.0))
    assert isinstance(found, Unexaminable)
    assert found.reason is reason
