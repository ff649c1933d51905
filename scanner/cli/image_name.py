"""What a person calls an image -> the digest that it stands for."""

import typer

from scanner.errors import InvalidMessageError, PushscanError
from scanner.model import Digest, ImageReference
from scanner.ports import ReportStore


def find(name: str, store: ReportStore) -> ImageReference:
    """Return the image that `registry/repository:tag` or `registry/repository@digest` means.

    A tag means what it was last pushed with, as the store has it; the registry is not asked. With
    both, the digest counts. Raises typer.BadParameter for what is no such name, and PushscanError
    for a tag that no judged push came with.
    """
    named, _, digest = name.partition("@")
    registry, _, path = named.partition("/")
    repository, _, tag = path.partition(":")
    if not digest and not tag:
        raise typer.BadParameter("say which: registry/repository:tag or registry/repository@digest")
    if digest:
        return _reference(registry, repository, digest, tag)
    # A placeholder, so that the name is checked before storage is asked.
    _reference(registry, repository, f"sha256:{'0' * 64}", tag)
    found = store.resolve_tag(registry, repository, tag)
    if found is None:
        raise PushscanError(
            f"no judged push came with the tag {named}; `pushscan list` says what is known"
        )
    return ImageReference(registry=registry, repository=repository, digest=found, tag=tag)


def _reference(registry: str, repository: str, digest: str, tag: str) -> ImageReference:
    try:
        return ImageReference(
            registry=registry, repository=repository, digest=Digest(digest), tag=tag or None
        )
    except InvalidMessageError as error:
        raise typer.BadParameter(str(error)) from error
