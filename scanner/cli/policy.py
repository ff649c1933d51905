"""`pushscan policy`: policies, exemptions and VEX documents before they are put in force."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from scanner.cli.policy_words import exemption_lines, policy_lines, statement_lines
from scanner.cli.screen import Screen, complain, print_json, shown
from scanner.errors import PolicyError, PolicyFault
from scanner.policy import default_policy, read_policy
from scanner.policy.exemption_file import NAME as EXEMPTIONS
from scanner.policy.exemption_file import read_exemptions
from scanner.policy.nodes import MAX_BYTES
from scanner.policy.openvex import read_openvex

commands = typer.Typer(no_args_is_help=True, help="Policies, exemptions and VEX documents.")


@commands.callback()
def policy() -> None:
    """Keep `check` a command of its own: typer would fold a single one into the group."""


@commands.command()
def check(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="A policy; exemptions, where the name begins with `exemptions`; or *.json, VEX.",
        ),
    ],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Read files as the app would, and print every fault in them, or what they say.

    Exemptions are held against the first policy among the files, or the shipped one. Nothing is
    put in force. Exit status 1 for a fault.
    """
    faults: list[PolicyFault] = []
    read: dict[str, list[str]] = {}
    decides = default_policy()
    for path in sorted(files, key=_rank):
        try:
            untrusted_text = _bytes(path)
            if _rank(path) == 0:
                decides = read_policy(str(path), untrusted_text)
                read[str(path)] = policy_lines(decides)
            elif path.suffix == ".json":
                read[str(path)] = statement_lines(read_openvex(str(path), untrusted_text))
            else:
                now = datetime.now(UTC)
                known = read_exemptions(str(path), untrusted_text, decides, now=now)
                read[str(path)] = exemption_lines(known, now)
        except PolicyError as error:
            faults += error.faults
    if json:
        print_json({"ok": not faults, "faults": list(map(str, faults)), "read": read})
    else:
        _print(read)
        for fault in faults:
            complain(str(fault))
    if faults:
        raise typer.Exit(1)


def _print(read: dict[str, list[str]]) -> None:
    screen = Screen()
    for name, lines in read.items():
        screen.line((shown(name), "bold"))
        for line in lines:
            screen.line(shown(line, 2000), indent=2)


def _rank(path: Path) -> int:
    """Put policies first, because exemptions are held against them."""
    is_aside = path.suffix == ".json" or path.name.startswith(EXEMPTIONS.partition(".")[0])
    return int(is_aside)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise PolicyError(
            [PolicyFault(file=str(path), line=1, field="", problem=problem)]
        ) from error
