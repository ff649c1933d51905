"""Trivy's binary: which version, which bytes."""

import functools
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from scanner.errors import SandboxUnavailableError
from scanner.model import Digest
from scanner.sandbox import Limits, Sandbox

OLDEST_VERSION = (0, 76, 0)
_VERSION = re.compile(rb"Version: ((\d{1,4})\.(\d{1,4})\.(\d{1,4})[0-9A-Za-z.+-]{0,40})\n")
_LIMITS = Limits(wall_seconds=30.0, stdout_bytes=4096, stderr_bytes=4096)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrivyBinary:
    """A Trivy that has started in the sandbox and is recent enough."""

    path: Path
    version: str
    digest: Digest

    @classmethod
    def inspect(cls, path: Path, sandbox: Sandbox) -> Self:
        """Ask a binary for its version, in the sandbox, and hash it; once per file and process.

        Raises:
            SandboxUnavailableError: there is none, it does not start, or it is too old.
        """
        try:
            status = path.stat()
        except OSError as error:
            raise SandboxUnavailableError(f"Trivy is not at {path}: {error.strerror}") from error
        identity = (status.st_ino, status.st_size, status.st_mtime_ns)
        version, digest = _inspect(path, identity, sandbox)
        return cls(path=path, version=version, digest=digest)


@functools.lru_cache(maxsize=4)
def _inspect(path: Path, identity: tuple[int, ...], sandbox: Sandbox) -> tuple[str, Digest]:
    del identity  # part of the cache's key: another file at the same path is inspected anew
    with path.open("rb") as binary:
        digest = Digest(f"sha256:{hashlib.file_digest(binary, 'sha256').hexdigest()}")
    answer = sandbox.run(path, ["--version"], read_only={}, environment={}, limits=_LIMITS)
    return recent_version(answer.untrusted_stdout), digest


def recent_version(untrusted_answer: bytes) -> str:
    """Read the answer to `trivy --version`.

    Raises:
        SandboxUnavailableError: this is not Trivy's answer, or an old Trivy's.
    """
    version = _VERSION.match(untrusted_answer)
    if version is None:
        raise SandboxUnavailableError("what is configured as Trivy does not answer as Trivy does")
    if tuple(map(int, version.group(2, 3, 4))) < OLDEST_VERSION:
        raise SandboxUnavailableError(
            f"Trivy {version[1].decode()} is too old: install {'.'.join(map(str, OLDEST_VERSION))}"
            " or later"
        )
    return version[1].decode()
