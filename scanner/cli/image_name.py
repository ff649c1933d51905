"""What a person calls an image on the command line."""

import typer

from scanner import naming
from scanner.errors import InvalidMessageError, PushscanError
from scanner.model import ImageReference
from scanner.ports import ReportStore


def find(name: str, store: ReportStore) -> ImageReference:
    """Return the image that `registry/repository:tag` or `registry/repository@digest` means.

    Raises typer.BadParameter for what is no such name, and PushscanError for a tag that no judged
    push came with.
    """
    try:
        found = naming.find(name, store)
    except InvalidMessageError as error:
        raise typer.BadParameter(str(error)) from error
    if found is None:
        raise PushscanError(
            f"no judged push came with the tag {name}; `pushscan list` says what is known"
        )
    return found
