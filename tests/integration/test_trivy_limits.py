"""Images that bring the real Trivy to its limits."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from scanner.model import Unexaminable, UnknownReason
from scanner.sandbox import Limits
from scanner.trivy import TrivyScanner
from tests.image_samples import tar_of
from tests.integration.trivy_layouts import WriteLayout, directory, scanner, write_layout
from tests.layered import scan

pytestmark = pytest.mark.integration
__all__ = ["directory", "scanner", "write_layout"]

_STATUS = (
    b"Package: bash\nStatus: install ok installed\nVersion: 5.2.15-2+b7\nArchitecture: amd64\n\n"
)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda blob: blob[: len(blob) // 4], UnknownReason.CORRUPT_LAYER),
        (lambda _: b"this is no tar" * 100, UnknownReason.CORRUPT_LAYER),
    ],
    ids=["truncated", "garbage"],
)
def test_a_damaged_layer_is_the_images_fault(
    scanner: TrivyScanner,
    write_layout: WriteLayout,
    damage: Callable[[bytes], bytes],
    reason: UnknownReason,
) -> None:
    """It is told, not retried."""
    layout = write_layout(tar_of(**{"var/lib/dpkg/status": _STATUS * 50}), damage=damage)
    seen = scan(scanner, layout)
    assert isinstance(seen, Unexaminable)
    assert seen.reason is reason


def test_a_layer_that_fills_the_disk_meets_its_limit(
    scanner: TrivyScanner, write_layout: WriteLayout
) -> None:
    """200 MB of zeros that pass for a package."""
    limits = Limits(wall_seconds=60.0, temporary_bytes=32 << 20)
    layout = write_layout(tar_of(**{"package.json": bytes(200 << 20)}))
    seen = scan(replace(scanner, limits=limits), layout)
    assert isinstance(seen, Unexaminable)
    assert seen.reason is UnknownReason.DISK_LIMIT


def test_too_little_memory_meets_its_limit(
    scanner: TrivyScanner, write_layout: WriteLayout
) -> None:
    """Go says so, in its own way."""
    limits = Limits(wall_seconds=60.0, memory_bytes=60 << 20)
    seen = scan(replace(scanner, limits=limits), write_layout(tar_of(a=b"")))
    assert isinstance(seen, Unexaminable)
    assert seen.reason is UnknownReason.MEMORY_LIMIT


def test_a_scan_that_takes_too_long_is_ended(
    scanner: TrivyScanner, write_layout: WriteLayout
) -> None:
    """Trivy is quadratic in Debian packages: 100,000 would take minutes."""
    status = b"".join(_STATUS.replace(b"bash", b"p%d" % n) for n in range(100_000))
    release = b'ID=debian\nVERSION_ID="12"\n'
    layout = write_layout(tar_of(**{"etc/os-release": release, "var/lib/dpkg/status": status}))
    began = time.monotonic()
    seen = scan(replace(scanner, limits=Limits(wall_seconds=2.0)), layout)
    assert isinstance(seen, Unexaminable)
    assert seen.reason is UnknownReason.TIMEOUT
    assert time.monotonic() - began < 8.0


def test_a_report_over_its_limit_is_not_read(
    scanner: TrivyScanner, write_layout: WriteLayout
) -> None:
    """A cut report would be a smaller one."""
    limits = Limits(wall_seconds=60.0, stdout_bytes=500)
    seen = scan(replace(scanner, limits=limits), write_layout(tar_of(a=b"")))
    assert isinstance(seen, Unexaminable)
    assert seen.reason is UnknownReason.OUTPUT_LIMIT
