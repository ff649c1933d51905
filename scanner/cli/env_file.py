"""Files of variables: one `KEY=value` a line, and nothing that a shell would make of it."""

import re
import shlex
from pathlib import Path

from scanner.errors import SettingsError

MAX_BYTES = 64 * 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read(path: Path) -> dict[str, str]:
    """Read a file of at most 64 KiB.

    A value is one shell word: quotes around it are taken off, so that a shell can read the same
    file, and nothing is expanded, because connection strings are full of semicolons and dollars.
    Empty lines and lines that begin with `#` are skipped. Raises SettingsError, which tells the
    line's number, never its text.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read as text") from error
    if len(content) > MAX_BYTES:
        raise SettingsError(f"{path} is larger than {MAX_BYTES} bytes")
    variables = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            name, equals, value = line.partition("=")
            words = _words(value)
            if not equals or not _NAME.fullmatch(name) or len(words) > 1 or "\0" in value:
                raise SettingsError(f"{path}: line {number} is not KEY=value")
            variables[name] = "".join(words)
    return variables


def _words(value: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError:
        return ["an unclosed quote", "is no word"]
