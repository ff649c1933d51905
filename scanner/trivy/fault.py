"""Why Trivy wrote no report: the image's fault, or ours.

Exit codes and messages were seen with Trivy 0.76.0. A hostile image can put text of its choice into
a message. What it can gain by that is another kind of "unknown", never a report.
"""

import re
from signal import Signals

from scanner.errors import AdvisoriesError, SandboxUnavailableError
from scanner.model import Unexaminable, UnknownReason
from scanner.sandbox import Exit, Exited, Killed, Stopped
from scanner.text import visible

_DETAIL_CHARACTERS = 300
_ERROR, _PANIC = 1, 2
# The first such line is Trivy's own; later ones could be file names with line breaks in them.
_FATAL = re.compile(r"^\S+\tFATAL\tFatal error\n  - run error:", re.MULTILINE)
# With --debug the error is told a step at a time, each but the last with the place in the source.
_STEP = re.compile(r"^  - (.*)$", re.MULTILINE)
_CRASH = re.compile(r"^(?:panic|fatal error|runtime|SIG[A-Z]+): .*$", re.MULTILINE)
_OUR_DATABASE = re.compile(
    r"init error: |image scan error: scan error: scan failed: failed analysis: analyze error: "
    r"pipeline error: failed to analyze layer \(sha256:[0-9a-f]{64}\): "
    r"post analysis error: post analysis error: Unable to initialize the Java DB"
)
_OUR_LAYOUT = re.compile(r"image scan error: scan error: unable to initialize")
_OUT_OF_MEMORY = re.compile(r"out of memory|cannot allocate memory|failed to reserve page summary")
_SIGNALS: dict[int, tuple[UnknownReason, str]] = {
    Signals.SIGSYS: (
        UnknownReason.SANDBOX_VIOLATION,
        "the scanner made a system call that is forbidden",
    ),
    Signals.SIGXFSZ: (UnknownReason.DISK_LIMIT, "the scanner wrote too large a file"),
}
_IMAGE_FAULTS = (
    (UnknownReason.DISK_LIMIT, re.compile(r"no space left on device|file too large")),
    (UnknownReason.MEMORY_LIMIT, _OUT_OF_MEMORY),
    (
        UnknownReason.CORRUPT_LAYER,
        re.compile(
            r"unexpected EOF|failed to extract the archive|unable to get uncompressed layer"
            r"|gzip: |flate: |zlib: |archive/tar: |invalid checksum"
        ),
    ),
    (UnknownReason.INCOMPLETE, re.compile(r"failed analysis")),
    (UnknownReason.MALFORMED_MANIFEST, re.compile(r"unable to initialize")),
)


def explain(end: Exit, untrusted_messages: bytes) -> Unexaminable:
    """Say why a run that did not exit with 0 gave no report.

    Raises:
        AdvisoriesError: Trivy could not use its databases.
        SandboxUnavailableError: Trivy was not allowed to read the layout.
    """
    messages = untrusted_messages.decode("utf-8", "backslashreplace")
    match end:
        case Stopped():
            return Unexaminable(
                reason=UnknownReason(end.value), detail="the scan was ended at its limit"
            )
        case Exited(code=code) if code == _ERROR:
            return _explain_error(messages)
        case Exited(code=code) if code == _PANIC and _OUT_OF_MEMORY.search(messages):
            return _unexaminable(UnknownReason.MEMORY_LIMIT, "the scanner ran out of memory")
        case Exited(code=code):
            crash = _CRASH.search(messages)
            cause = crash[0] if crash else messages.strip().rpartition("\n")[2]
            return _unexaminable(UnknownReason.SCANNER_CRASH, f"exit code {code}: {cause}")
        case Killed(signal=signal):
            crash_by = (UnknownReason.SCANNER_CRASH, f"killed by signal {signal}")
            return _unexaminable(*_SIGNALS.get(signal, crash_by))


def _explain_error(messages: str) -> Unexaminable:
    fatal = _FATAL.search(messages)
    if fatal is None:
        return _unexaminable(UnknownReason.SCANNER_CRASH, f"exit code 1: {messages[-200:]}")
    told = messages[fatal.end() :]
    text = " ".join(_STEP.findall(told))
    if _OUR_DATABASE.match(text):
        raise AdvisoriesError(f"Trivy cannot use its database: {visible(text, _DETAIL_CHARACTERS)}")
    if _OUR_LAYOUT.match(text) and "permission denied" in told:
        raise SandboxUnavailableError(f"unreadable in the sandbox: {visible(text, 200)}")
    for reason, pattern in _IMAGE_FAULTS:
        if pattern.search(text):
            return _unexaminable(reason, text)
    return _unexaminable(UnknownReason.SCANNER_CRASH, text)


def _unexaminable(reason: UnknownReason, untrusted_text: str) -> Unexaminable:
    """Keep the end of a long text: Trivy's errors tell their cause last."""
    return Unexaminable(reason=reason, detail=visible(untrusted_text[-_DETAIL_CHARACTERS:], 300))
