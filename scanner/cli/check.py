"""`pushscan check`: a gate for pipelines. One image, examined here and judged by the policy."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from scanner.cli.check_page import print_check, write_check
from scanner.cli.screen import Screen, complain, progress
from scanner.cli.surroundings import Surroundings, surroundings
from scanner.errors import AdvisoriesError, InvalidMessageError, NoImageError, PushscanError
from scanner.exports import Exported, sarif, workflow_commands
from scanner.model import Digest, ImageReference, Status

if TYPE_CHECKING:
    from scanner.checking import Checker
    from scanner.wiring.checking import Checking

EXIT_UNHEALTHY: Final = 1
EXIT_ERROR: Final = 2
EXIT_UNKNOWN: Final = 3
_EXITS: Final = {
    Status.HEALTHY: 0,
    Status.UNHEALTHY: EXIT_UNHEALTHY,
    Status.UNKNOWN: EXIT_UNKNOWN,
    # Somebody expected an image: that nothing is known of it must not pass for healthy.
    Status.NOT_APPLICABLE: EXIT_UNKNOWN,
}
_UNNAMED: Final = "image"


class Format(StrEnum):
    """How the result is written."""

    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


def check(
    context: typer.Context,
    image: Annotated[
        str,
        typer.Argument(
            help="An OCI layout, an archive of one or of `docker save`, or registry/repository:tag."
        ),
    ],
    *,
    form: Annotated[
        Format, typer.Option("--format", help="How to print; github: workflow commands.")
    ] = Format.TABLE,
    named: Annotated[
        str,
        typer.Option(
            "--as", metavar="NAME", help="Judge it as registry/repository:tag, e.g. before a push."
        ),
    ] = "",
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Judge by this policy, with the exemptions and VEX documents beside it.",
        ),
    ] = None,
    platform: Annotated[
        str, typer.Option(metavar="OS/ARCH", help="Judge this platform of several only.")
    ] = "",
) -> None:
    """Examine an image here and judge it by the policy; nothing is stored, nobody is told.

    Needs Trivy, a sandbox and advisories (`pushscan advisories update`), and no storage; for an
    image in a registry the sign-in of `az login`. Rules on EPSS and known exploits use the tables
    at PUSHSCAN_EPSS_SOURCE and PUSHSCAN_KEV_SOURCE, as in the app; unset, they ask in vain.

    Exit status 0: healthy; 1: unhealthy; 2: an error; 3: unknown, as when advisories are missing
    or too old, or a part of the image could not be examined.
    """
    around = surroundings(context)
    with _explained(), progress("examining the image"):
        checking = around.checking()
        checker, reference = _found(image, named, checking.by(policy) if policy else checking)
        about = checker.check(reference, platform=platform)
    _print(form, about, around)
    advisories = about.report.advisories
    if form is not Format.TABLE and advisories is not None and advisories.is_sample:
        complain("sample advisories, which know the sample images only, were used")
    raise typer.Exit(_EXITS[about.report.verdict.status])


@contextmanager
def _explained() -> Iterator[None]:
    """Let errors have the exit statuses of a gate."""
    try:
        yield
    except AdvisoriesError as error:
        complain(str(error))
        raise typer.Exit(EXIT_UNKNOWN) from error
    except PushscanError as error:
        complain(str(error))
        raise typer.Exit(EXIT_ERROR) from error


def _found(image: str, named: str, checking: "Checking") -> "tuple[Checker, ImageReference]":
    """Find out what is to be checked, and under what name."""
    from scanner.local_images import (  # noqa: PLC0415  brings an SDK that --help does not need
        REGISTRY,
        LocalRegistry,
        open_image,
    )

    path = Path(image)
    if path.exists():
        contents = open_image(path)
        reference = _named(named or f"{REGISTRY}/{_UNNAMED}", contents.root)
        return checking.checker(LocalRegistry(contents=contents)), reference
    wanted = _named(image, None)
    registry = checking.registry(wanted.registry)
    digest: Digest | None = wanted.digest
    if wanted.tag and "@" not in image:
        digest = registry.digest_of(wanted.registry, wanted.repository, wanted.tag)
    if digest is None:
        raise NoImageError(f"{wanted.registry}/{wanted.repository} has no tag {wanted.tag}")
    return checking.checker(registry), _named(image, digest)


def _named(name: str, digest: Digest | None) -> ImageReference:
    """Read `registry/repository`, with a tag or digest or both. Raises NoImageError."""
    place, _, written_digest = name.partition("@")
    registry, _, path = place.partition("/")
    repository, _, tag = path.partition(":")
    try:
        reference = ImageReference(
            registry=registry,
            repository=repository,
            digest=digest or Digest(written_digest or str(Digest.of(b""))),
            tag=tag or None,
        )
    except InvalidMessageError as error:
        raise NoImageError(
            f"{name} is neither a file or folder nor registry/repository:tag: {error}"
        ) from error
    if digest is None and not tag and not written_digest:
        raise NoImageError(f"say which of {name}: registry/repository:tag or ...@sha256:...")
    return reference


def _print(form: Format, about: Exported, around: Surroundings) -> None:
    match form:
        case Format.TABLE:
            print_check(Screen(), about, now=around.now())
        case Format.JSON:
            typer.echo(write_check(about).decode("ascii"))
        case Format.SARIF:
            typer.echo(sarif(about).decode("ascii"))
        case Format.GITHUB:
            for line in workflow_commands(about):
                typer.echo(line)
