"""Commands of the Azure CLI with names that came from outside, quoted for a shell."""

import shlex
from collections.abc import Iterable

from scanner.posture.snapshot import Snapshot


def az(snapshot: Snapshot, *words: str, name: str = "--name") -> str:
    """Write `az ... --name REGISTRY ...`; the words come after the name but the command's own.

    The command's words are those before the first that begins with a dash.
    """
    flags = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    command = ["az", *words[:flags], name, snapshot.name, *words[flags:]]
    return shlex.join(command)


def all_of(commands: Iterable[str]) -> str:
    """Join commands; the first that fails ends them."""
    return " && ".join(commands)


def az_update(snapshot: Snapshot, *flags: str) -> str:
    """Write `az acr update --name REGISTRY ...`."""
    return az(snapshot, "acr", "update", *flags)


def az_set(snapshot: Snapshot, assignment: str) -> str:
    """Write the generic update, for properties that `az acr` has no flag for."""
    which = shlex.join(["--ids", snapshot.resource_id or "REGISTRY_ID"])
    return f"az resource update {which} --set {shlex.quote(assignment)}"


def az_scoped(snapshot: Snapshot, command: str, scope: str = "--scope") -> str:
    """Write a command about a resource that names it by its id."""
    return f"{command} {scope} {shlex.quote(snapshot.resource_id or 'REGISTRY_ID')}"
