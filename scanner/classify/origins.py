"""Who brought a finding: the base image, an earlier push, or this one. Never a guess."""

from collections.abc import Sequence

from scanner.model import Digest, Finding, Lineage, Origin, Report, Subject, Weakness

_Key = tuple[str, ...]


def origins(
    subjects: Sequence[Subject],
    layers: Sequence[Digest],
    lineage: Lineage,
    previous: Report | None,
) -> tuple[Origin, ...]:
    """Return who brought each subject into an image.

    Args:
        subjects: Findings, secrets and settings of the image.
        layers: Its diff_ids, bottom first.
        lineage: What is known of its base.
        previous: The report on what its tag named before; None where that is not known.
    """
    in_base = {str(layer) for layer in layers[: lineage.base_layers]}
    above = {str(layer) for layer in layers} - in_base
    known = {_key(subject) for subject in previous.subjects} if previous else None
    kept = {str(layer) for layer in previous.layers} if previous else set()
    return tuple(_origin(subject, in_base, above, known, kept) for subject in subjects)


def _origin(
    subject: Subject, in_base: set[str], above: set[str], known: set[_Key] | None, kept: set[str]
) -> Origin:
    if subject.layer_diff_id in in_base:
        return Origin.BASE
    if known is not None:
        # A layer that was there before, or the same fault in a layer that was built anew.
        was_there = subject.layer_diff_id in kept or _key(subject) in known
        return Origin.EARLIER if was_there else Origin.THIS_PUSH
    # The first push under this tag brought all that the base has not.
    return Origin.THIS_PUSH if in_base and subject.layer_diff_id in above else Origin.UNKNOWN


def _key(subject: Subject) -> _Key:
    """Name what two images have in common, wherever each has it."""
    match subject:
        case Finding():
            package = (subject.package_type, subject.package, subject.installed_version)
            return (subject.vulnerability, *package)
        case Weakness():
            return (subject.kind, subject.id, subject.path)
