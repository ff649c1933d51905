"""What a person calls an image -> the digest that it stands for."""

from scanner.errors import InvalidMessageError
from scanner.model import Digest, ImageReference
from scanner.ports import ReportStore


def find(untrusted_name: str, store: ReportStore) -> ImageReference | None:
    """Return the image that `registry/repository:tag` or `registry/repository@digest` means.

    A tag means what it was last pushed with, as the store has it; the registry is not asked. With
    both, the digest counts. None stands for a tag that no judged push came with. Raises
    InvalidMessageError for what is no such name, and StoreError.
    """
    named, _, digest = untrusted_name.partition("@")
    registry, _, path = named.partition("/")
    repository, _, tag = path.partition(":")
    if not digest and not tag:
        raise InvalidMessageError(
            "say which: registry/repository:tag or registry/repository@digest"
        )
    # Without a digest a placeholder, so that the name is checked before storage is asked.
    image = ImageReference(
        registry=registry,
        repository=repository,
        digest=Digest(digest or f"sha256:{'0' * 64}"),
        tag=tag or None,
    )
    if digest:
        return image
    found = store.resolve_tag(registry, repository, tag)
    if found is None:
        return None
    return ImageReference(registry=registry, repository=repository, digest=found, tag=tag)
