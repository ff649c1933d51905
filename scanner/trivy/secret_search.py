"""One layer -> where secrets lie in it: Trivy's rules for secrets, in a sandbox of their own run.

A run of its own, because with --debug, which the run for packages needs, this search writes ten
lines for each file. And what leaves the sandbox is a list without any text of a file: Trivy's own
report quotes the lines around a secret, where there may be a second one that it has not seen.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from scanner.model import (
    Digest,
    Severity,
    Unexaminable,
    UnknownReason,
    Weakness,
    WeaknessKind,
)
from scanner.sandbox import Exited, Limits, Sandbox
from scanner.text import visible
from scanner.trivy import argv
from scanner.trivy.binary import TrivyBinary
from scanner.trivy.fault import explain

MAX_SECRETS = 1000
"""Kept of a layer, and of an image; the first of these is reason enough to look at all of it."""
_MAX_LIST_BYTES = 8 << 20
_NAME_CHARACTERS = 256
_PATH_CHARACTERS = 1024
_TITLE_CHARACTERS = 300


class _Found(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One line of the list, see `argv.list_secrets`."""

    rule: str
    severity: Literal["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
    title: str
    path: str
    line: Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]


_decoder = msgspec.json.Decoder(_Found)


def find_secrets(
    layout: Path, diff_id: Digest, binary: TrivyBinary, sandbox: Sandbox, limits: Limits
) -> frozenset[Weakness] | Unexaminable:
    """Search the one layer of a layout.

    Raises SandboxUnavailableError: no sandbox can be built, or the layout cannot be read in it.
    """
    limits = replace(limits, stdout_bytes=min(limits.stdout_bytes, _MAX_LIST_BYTES))
    completed = sandbox.run(
        binary.path,
        argv.list_secrets(),
        read_only={f"/{argv.IMAGE}": layout},
        environment=argv.environment(limits),
        limits=limits,
    )
    if completed.exit != Exited(0):
        return explain(completed.exit, completed.untrusted_stderr)
    return parse_secrets(completed.untrusted_stdout, diff_id)


def parse_secrets(untrusted_list: bytes, diff_id: Digest) -> frozenset[Weakness] | Unexaminable:
    """Read Trivy's list. Two secrets that one rule finds in one line are one."""
    try:
        listed = _decoder.decode_lines(untrusted_list)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Unexaminable(
            reason=UnknownReason.SCANNER_CRASH,
            detail=f"the scanner's list of secrets cannot be read: {visible(str(error), 200)}",
        )
    return frozenset(
        Weakness(
            kind=WeaknessKind.SECRET,
            id=visible(found.rule, _NAME_CHARACTERS),
            severity=Severity[found.severity],
            title=visible(found.title, _TITLE_CHARACTERS),
            path=visible(found.path.removeprefix("/"), _PATH_CHARACTERS),
            line=found.line,
            layer_diff_id=str(diff_id),
        )
        for found in listed
    )


def keep(found: Iterable[Weakness]) -> tuple[tuple[Weakness, ...], tuple[str, ...]]:
    """Put secrets in order, each once, and say what is over the limit and left out."""
    distinct = sorted(set(found), key=_order)
    over = len(distinct) - MAX_SECRETS
    left_out = (f"secrets: {over} more than the {MAX_SECRETS} that are kept",) if over > 0 else ()
    return tuple(distinct[:MAX_SECRETS]), left_out


def _order(secret: Weakness) -> tuple[int, str, int, str, str, str]:
    """Worst first; every field takes part."""
    return (
        -secret.severity,
        secret.path,
        secret.line,
        secret.id,
        secret.layer_diff_id,
        secret.title,
    )
