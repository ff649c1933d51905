"""Which answers to `trivy --version` are accepted."""

import pytest

from scanner.errors import SandboxUnavailableError
from scanner.trivy.binary import recent_version


@pytest.mark.parametrize("version", ["0.76.0", "0.76.2", "0.100.0", "1.0.0", "0.77.0-rc.1"])
def test_a_recent_version_is_accepted(version: str) -> None:
    """Compared by number, not by text."""
    assert recent_version(f"Version: {version}\nVulnerability DB:\n".encode()) == version


@pytest.mark.parametrize("version", ["0.75.9", "0.9.0", "0.69.4"])
def test_an_old_version_is_refused(version: str) -> None:
    """The message says which is needed."""
    with pytest.raises(SandboxUnavailableError, match=r"install 0\.76\.0"):
        recent_version(f"Version: {version}\n".encode())


@pytest.mark.parametrize("answer", [b"", b"Version: 0.76.0", b"Version: latest\n", b"\xff\x00"])
def test_another_programs_answer_is_refused(answer: bytes) -> None:
    """Nothing is guessed from it."""
    with pytest.raises(SandboxUnavailableError, match="does not answer"):
        recent_version(answer)
