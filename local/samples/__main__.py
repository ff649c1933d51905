"""Prepares the sample images: `python -m local.samples --into DIR`."""

import argparse
import sys
from pathlib import Path

from local.samples.expected import EXPECTED
from local.samples.images import SAMPLES, build
from local.samples.packages import PackageCache, PackageUnavailableError


def main() -> int:
    """List or build the samples; return 1 when a package cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m local.samples", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--list", action="store_true", help="print each sample and its verdict")
    what.add_argument("--into", type=Path, metavar="DIR", help="build all samples in DIR")
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        default=Path(".local/cache/packages"),
        help="where downloaded packages are kept (default: %(default)s)",
    )
    arguments = parser.parse_args()
    if arguments.list:
        _list()
        return 0
    try:
        _build_all(arguments.into, PackageCache(arguments.cache))
    except PackageUnavailableError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _list() -> None:
    for name, sample in SAMPLES.items():
        expected = EXPECTED[name]
        reason = f" ({expected.reason})" if expected.reason else ""
        print(
            f"{name:<15} {sample.kind:<9} {expected.status}{reason}, "
            f"{len(expected.findings)} findings"
        )


def _build_all(into: Path, packages: PackageCache) -> None:
    for number, name in enumerate(SAMPLES, start=1):
        image = build(name, into, packages)
        print(f"[{number}/{len(SAMPLES)}] {name} {image.digest}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
