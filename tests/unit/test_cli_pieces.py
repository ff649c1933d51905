import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from scanner.cli import env_file, mend
from scanner.cli.screen import age, json_text, shown
from scanner.errors import SettingsError
from scanner.model import UnknownReason
from tests.command_line import HOSTILE
from tests.examples import NOW

_HEAVY = ("azure", "urllib3", "requests", "cryptography", "aiohttp")


def test_every_unknown_reason_has_a_remedy() -> None:
    """Nobody is left with `unknown` and nothing to do."""
    assert set(mend.REMEDIES) == set(UnknownReason)


@pytest.mark.parametrize(
    ("ago", "text"),
    [(-5, "0 s"), (119, "119 s"), (120, "2 min"), (7_200, "2 h"), (200_000, "2 d")],
)
def test_an_age_has_one_unit(ago: int, text: str) -> None:
    """A clock that runs ahead of ours gives none below zero."""
    assert age(NOW - timedelta(seconds=ago), NOW) == text


def test_shown_text_is_cut_and_says_so() -> None:
    """An advisory's title may be megabytes long."""
    assert shown("x" * 1_000_000, 5) == "xxxxx…"
    assert shown(HOSTILE).isascii()


def test_json_is_ascii_without_controls() -> None:
    """C1 and DEL are as good as escapes to some terminals."""
    assert json_text({"a": "\x7f\x9b"}, indent=None) == '{"a": "\\u007f\\u009b"}'


def test_an_env_file_is_read_without_a_shell(tmp_path: Path) -> None:
    """Dollars, semicolons and equal signs belong to the value; quotes are a shell's."""
    path = tmp_path / "env"
    path.write_text("# comment\n\nA=b=c;d\nB='$HOME'\nC=\n")
    assert env_file.read(path) == {"A": "b=c;d", "B": "$HOME", "C": ""}


@pytest.mark.parametrize(
    "content",
    [
        b"no equals",
        b"export A=b",
        b" A=b",
        b"A=\xff",
        b"A=\0",
        b"1A=b",
        b"A='b",
        b"A=b c",
        b"A=" + b"x" * 65_536,
    ],
)
def test_an_env_file_with_anything_else_is_refused(tmp_path: Path, content: bytes) -> None:
    """Without a word of its content: it holds secrets."""
    path = tmp_path / "env"
    path.write_bytes(b"SECRET=hush\n" + content)
    with pytest.raises(SettingsError) as caught:
        env_file.read(path)
    assert "hush" not in str(caught.value)


def test_help_loads_no_sdk() -> None:
    """What a command needs is imported when it is run."""
    program = (
        "import sys, contextlib\n"
        "from scanner.cli import app\n"
        "with contextlib.suppress(SystemExit): app(['--help'])\n"
        f"print([name for name in {_HEAVY} if name in sys.modules])"
    )
    answer = subprocess.run(  # noqa: S603 - an argv of our own
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert answer.stdout.endswith("\n[]\n")
    assert "doctor" in answer.stdout
