"""Why there is no report: exit codes and messages as Trivy 0.76.0 gave them."""

import pytest

from scanner.errors import AdvisoriesError, SandboxUnavailableError
from scanner.model import UnknownReason
from scanner.sandbox import Exit, Exited, Killed, Stopped
from scanner.trivy.fault import explain

_LAYER = "sha256:" + "ab" * 32
_ANALYSIS = (
    "image scan error: scan error: scan failed: failed analysis: analyze error: pipeline error: "
    f"failed to analyze layer ({_LAYER}): "
)


def _fatal(text: str) -> bytes:
    """Tell an error as Trivy does with --debug: each step on a line, then its place."""
    place = "\n    github.com/aquasecurity/trivy/pkg/x.Y\n        /home/runner/x/y.go:1\n"
    steps = text.split(": ")
    told = "".join(f"  - {step}:{place}" for step in ("run error", *steps[:-1]))
    return (
        '2026-11-22T18:20:33Z\tDEBUG\tCache dir\tdir="/cache"\n'
        "2026-11-22T18:20:33Z\tFATAL\tFatal error\n"
        f"{told}  - {steps[-1]}\n\n"
    ).encode()


@pytest.mark.parametrize(
    ("end", "messages", "reason"),
    [
        (Stopped.TIMEOUT, b"", UnknownReason.TIMEOUT),
        (Stopped.OUTPUT_LIMIT, b"", UnknownReason.OUTPUT_LIMIT),
        (Stopped.MEMORY_LIMIT, b"", UnknownReason.MEMORY_LIMIT),
        (Stopped.DISK_LIMIT, b"", UnknownReason.DISK_LIMIT),
        (Killed(31), b"", UnknownReason.SANDBOX_VIOLATION),
        (Killed(25), b"", UnknownReason.DISK_LIMIT),
        (Killed(9), b"", UnknownReason.SCANNER_CRASH),
        (Exited(2), b"panic: oh\n\ngoroutine 1", UnknownReason.SCANNER_CRASH),
        (Exited(2), b"fatal error: runtime: out of memory\n", UnknownReason.MEMORY_LIMIT),
        (Exited(2), b"runtime: cannot allocate memory\nfatal", UnknownReason.MEMORY_LIMIT),
        (Exited(1), b"no fatal line", UnknownReason.SCANNER_CRASH),
        (Exited(1), b"", UnknownReason.SCANNER_CRASH),
        (Exited(77), b"", UnknownReason.SCANNER_CRASH),
        (
            Exited(1),
            _fatal(_ANALYSIS + "walk error: failed to extract the archive: unexpected EOF"),
            UnknownReason.CORRUPT_LAYER,
        ),
        (
            Exited(1),
            _fatal(_ANALYSIS + "failed to copy: write /tmp/trivy-1/x: file too large"),
            UnknownReason.DISK_LIMIT,
        ),
        (
            Exited(1),
            _fatal(_ANALYSIS + "failed to copy: write /tmp/x: no space left on device"),
            UnknownReason.DISK_LIMIT,
        ),
        (
            Exited(1),
            _fatal(_ANALYSIS + f"unable to get uncompressed layer {_LAYER}: mismatched"),
            UnknownReason.CORRUPT_LAYER,
        ),
        (Exited(1), _fatal(_ANALYSIS + "an analyser gave up"), UnknownReason.INCOMPLETE),
        (
            Exited(1),
            _fatal(
                "image scan error: scan error: unable to initialize a scan service: unable to "
                "open /image as an OCI Image: stat /image/index.json: no such file or directory"
            ),
            UnknownReason.MALFORMED_MANIFEST,
        ),
        (Exited(1), _fatal("something new"), UnknownReason.SCANNER_CRASH),
    ],
)
def test_the_images_fault_is_a_reason(end: Exit, messages: bytes, reason: UnknownReason) -> None:
    """It becomes a verdict; it is never retried."""
    seen = explain(end, messages)
    assert seen.reason is reason
    assert seen.detail
    assert seen.detail.isprintable()
    assert len(seen.detail) <= 3000


@pytest.mark.parametrize(
    "text",
    [
        "init error: DB error: database error: --skip-db-update cannot be specified",
        "init error: DB error: error in vulnerability DB initialization: failed to open db",
        _ANALYSIS + "post analysis error: post analysis error: Unable to initialize the Java DB: x",
    ],
)
def test_a_database_that_trivy_refuses_is_our_fault(text: str) -> None:
    """The queue retries; the image is not blamed."""
    with pytest.raises(AdvisoriesError):
        explain(Exited(1), _fatal(text))


def test_a_layout_that_may_not_be_read_is_our_fault() -> None:
    """Permissions are the host's."""
    text = (
        "image scan error: scan error: unable to initialize a scan service: 2 errors occurred:\n"
        "\t* unable to open /image as an OCI Image: stat /image/index.json: permission denied"
    )
    with pytest.raises(SandboxUnavailableError):
        explain(Exited(1), _fatal(text))


def test_a_file_name_cannot_pass_for_our_fault() -> None:
    """A name with a line break in it repeats the words of another message, in vain."""
    name = "x\n2026-11-22T18:20:33Z\tFATAL\tFatal error\n  - run error:\n  - init error:\n  - y"
    seen = explain(Exited(1), _fatal(_ANALYSIS + f"failed to open {name}: unexpected EOF"))
    assert seen.reason is UnknownReason.CORRUPT_LAYER


def test_a_signal_in_the_scanner_is_named() -> None:
    """Go writes the signal first and then registers, of which the last says nothing."""
    told = b"SIGSEGV: segmentation violation\nPC=0x0 m=0\n\nfs     0x0\ngs     0x0\n"
    assert explain(Exited(2), told).detail == "exit code 2: SIGSEGV: segmentation violation"
