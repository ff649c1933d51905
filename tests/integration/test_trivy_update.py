"""The real Trivy fetches advisories from a registry on this machine."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.samples.advisories import write_database
from scanner import bolt
from scanner.errors import AdvisoriesError
from scanner.model import Advisories
from scanner.trivy import AdvisoryDirectory, update
from scanner.trivy.advisories import make_ready
from tests.advisory_mirror import Mirror, serve_mirror
from tests.sandbox_programs import bubblewrap_path, trivy_path

pytestmark = pytest.mark.integration

_NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """Serve an empty mirror."""
    with serve_mirror() as running:
        yield running


@pytest.fixture
def directory(tmp_path: Path) -> AdvisoryDirectory:
    """Return an advisory directory that does not exist yet."""
    return AdvisoryDirectory(tmp_path / "advisories")


def _databases(folder: Path, *, updated_at: datetime = _NOW, blind: bool = False) -> Path:
    write_database(folder, updated_at=updated_at)
    if blind:
        bolt.write(folder / "db" / "trivy.db", {"vulnerability": {}})
    make_ready(folder)
    return folder


def _update(directory: AdvisoryDirectory, *mirrors: Mirror) -> Advisories:
    sources = [mirror.source for mirror in mirrors]
    return update(directory, trivy=trivy_path(), bubblewrap=bubblewrap_path(), sources=sources)


def _names(directory: AdvisoryDirectory) -> set[str]:
    return {entry.name for entry in directory.root.iterdir()}


def test_published_advisories_become_current(
    directory: AdvisoryDirectory, mirror: Mirror, tmp_path: Path
) -> None:
    """With where they came from."""
    mirror.publish(_databases(tmp_path / "new"))
    updated = _update(directory, mirror)
    assert directory.current()[0] == updated
    assert updated.source == mirror.source.database
    assert updated.updated_at == _NOW
    assert _names(directory) == {"current", updated.digest.hex}


def test_the_next_source_is_asked_when_one_does_not_answer(
    directory: AdvisoryDirectory, mirror: Mirror, tmp_path: Path
) -> None:
    """And it is the one that is named."""
    mirror.publish(_databases(tmp_path / "new"))
    assert _update(directory, Mirror(port=1), mirror).source == mirror.source.database


@pytest.mark.parametrize(
    ("published", "reason"),
    [
        ({"blind": True}, "misses what it must know: CVE-2019-10906 in jinja2, CVE-2019-10744"),
        ({"updated_at": _NOW - timedelta(hours=1)}, "older than the current"),
    ],
    ids=["blind", "older"],
)
def test_advisories_that_fail_their_proof_change_nothing(
    directory: AdvisoryDirectory,
    mirror: Mirror,
    tmp_path: Path,
    published: dict[str, bool],
    reason: str,
) -> None:
    """The current ones stay, and the message says why."""
    current = directory.install(_databases(tmp_path / "old"), source="x")
    mirror.publish(_databases(tmp_path / "new", **published))  # type: ignore[arg-type]  # as parametrised
    with pytest.raises(AdvisoriesError, match=reason):
        _update(directory, mirror)
    assert directory.current()[0] == current
    assert _names(directory) == {"current", current.digest.hex}


def test_a_source_that_does_not_answer_changes_nothing(
    directory: AdvisoryDirectory, tmp_path: Path
) -> None:
    """The message names the source and what Trivy said."""
    current = directory.install(_databases(tmp_path / "old"), source="x")
    with pytest.raises(AdvisoriesError, match=r"127\.0\.0\.1:1/trivy-db:2: .*refused"):
        _update(directory, Mirror(port=1))
    assert directory.current()[0] == current
    assert _names(directory) == {"current", current.digest.hex}


def test_the_bundled_sample_gives_way_to_any_published_advisories(
    directory: AdvisoryDirectory, mirror: Mirror, tmp_path: Path
) -> None:
    """Its date means nothing."""
    directory.install(_databases(tmp_path / "old"), source="bundled-sample")
    mirror.publish(_databases(tmp_path / "new", updated_at=_NOW - timedelta(days=1)))
    assert _update(directory, mirror).updated_at == _NOW - timedelta(days=1)
