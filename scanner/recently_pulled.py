"""Pulls -> the manifests of ours that were pulled."""

from datetime import timedelta

from scanner.errors import InvalidMessageError, PullsUnknownError, RegistryNotOursError
from scanner.model import Digest, ImageReference, Registries
from scanner.ports import Pull, Pulls, ReportStore

PULLS_ARE_UNKNOWN = (
    "pulls are unknown: they stand in ContainerRegistryRepositoryEvents of a Log Analytics "
    "workspace, and PUSHSCAN_LOG_WORKSPACE names none"
)


def recently_pulled(
    pulls: Pulls | None, past: timedelta, *, store: ReportStore, registries: Registries
) -> frozenset[str]:
    """Return the manifests that were pulled, each as `registry/repository@digest`.

    What was pulled by tag alone is what the tag names now. Of an index also its platforms' images
    are among them, where their pulls were noted. Raises PullsUnknownError and StoreError.
    """
    if pulls is None:
        raise PullsUnknownError(PULLS_ARE_UNKNOWN)
    found = (_image(pull, store, registries) for pull in pulls.within(past))
    return frozenset(str(image) for image in found if image is not None)


def _image(pull: Pull, store: ReportStore, registries: Registries) -> ImageReference | None:
    try:
        registry = registries.find(pull.untrusted_host)
        named = ImageReference(
            registry=registry,
            repository=pull.untrusted_repository,
            digest=Digest(pull.untrusted_digest) if pull.untrusted_digest else Digest.of(b""),
            tag=pull.untrusted_tag or None,
        )
    except (InvalidMessageError, RegistryNotOursError):
        # Another registry's, or no manifest at all: nothing of ours was judged under such a name.
        return None
    if pull.untrusted_digest:
        return named
    digest = store.resolve_tag(registry, named.repository, named.tag) if named.tag else None
    return (
        None
        if digest is None
        else ImageReference(registry=registry, repository=named.repository, digest=digest)
    )
