"""Trivy by itself over stored images, one process an image, as its own documentation has it."""

import time
from pathlib import Path
from typing import Final

from bench.fleet import Fleet
from bench.trivy_program import run_trivy
from scanner.trivy import AdvisoryDirectory, argv
from scanner.trivy.layout import write_layout
from scanner.trivy.record import CACHE_FILE, write_records

_QUIET: Final = (
    *("--skip-db-update", "--skip-java-db-update", "--skip-vex-repo-update"),
    *("--skip-version-check", "--disable-telemetry", "--offline-scan", "--no-progress", "--quiet"),
    *("--scanners", "vuln"),
)


def by_sbom(made: Fleet, home: Path, directory: AdvisoryDirectory, count: int) -> float:
    """Return images a second of `trivy sbom`, over the SBOMs of the first images."""
    _, databases = directory.current()
    boms = [_sbom(made, number, home / str(number), databases) for number in range(count)]
    cache = _cache(home / "cache", databases)
    _trivy(cache, "sbom", *_QUIET, "--format", "json", str(boms[0]))
    began = time.monotonic()
    for bom in boms:
        _trivy(cache, "sbom", *_QUIET, "--format", "json", str(bom))
    return count / (time.monotonic() - began)


def by_image(made: Fleet, home: Path, directory: AdvisoryDirectory) -> float:
    """Return images a second of `trivy image` on layouts that have their layers."""
    _, databases = directory.current()
    cache = _cache(home, databases)

    def scan(layout: Path) -> None:
        options = ("--skip-check-update", "--cache-backend", "memory", "--format", "json")
        _trivy(cache, "image", *_QUIET, *options, "--input", str(layout))

    scan(made.layouts[0])
    began = time.monotonic()
    for layout in made.layouts:
        scan(layout)
    return len(made.layouts) / (time.monotonic() - began)


def _sbom(made: Fleet, number: int, home: Path, databases: Path) -> Path:
    """Have Trivy write the SBOM of an image out of the records of its layers."""
    layers = [*made.images(number + 1)][number].layers
    cache = _cache(home / argv.CACHE, databases)
    write_layout(home / argv.IMAGE, diff_ids=[layer.diff_id for layer in layers])
    (cache / CACHE_FILE).parent.mkdir()
    write_records(cache / CACHE_FILE, {layer.key: layer.untrusted_record for layer in layers})
    report, out = home / "report.json", home / "bom.json"
    report.write_bytes(run_trivy(argv.scan(backend="fs"), home))
    run_trivy(["convert", "--format", "cyclonedx", "--output", str(out), str(report)], home)
    return out


def _cache(home: Path, databases: Path) -> Path:
    home.mkdir(parents=True)
    for name in ("db", "java-db"):
        (home / name).symlink_to(databases / name)
    return home


def _trivy(cache: Path, *arguments: str) -> None:
    run_trivy(["--config", "", "--cache-dir", str(cache), *arguments], cache)
