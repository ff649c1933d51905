import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from local.samples.advisories import install_sample
from scanner.errors import AdvisoriesError
from scanner.model import Advisories, Digest
from scanner.trivy import AdvisoryDirectory
from scanner.trivy.pinned import find_pinned
from tests.examples import NOW


@pytest.fixture
def directory(tmp_path: Path) -> AdvisoryDirectory:
    """A directory in which there is nothing yet."""
    return AdvisoryDirectory(tmp_path / "advisories")


def _reported(advisories: Advisories) -> Advisories:
    """Return advisories as a stored report has them."""
    return replace(advisories, sources=frozenset())


@pytest.mark.parametrize("updates", [0, 1])
def test_a_database_is_found_with_what_it_has_advisories_for(
    directory: AdvisoryDirectory, updates: int
) -> None:
    """The current one, and the one before."""
    installed = install_sample(directory.root, updated_at=NOW)
    for number in range(updates):
        install_sample(directory.root, updated_at=NOW + timedelta(hours=number + 1))
    found = find_pinned(directory, _reported(installed))
    assert found == installed
    assert found.sources == installed.sources != frozenset()


def test_a_database_of_another_source_is_the_same(directory: AdvisoryDirectory) -> None:
    """Whoever mirrored it, its bytes are those that the report names."""
    installed = install_sample(directory.root, updated_at=NOW)
    elsewhere = replace(_reported(installed), source="mirror.example/trivy-db:2")
    assert find_pinned(directory, elsewhere) == installed


def test_a_database_that_was_removed_is_not_found(directory: AdvisoryDirectory) -> None:
    """Nor is one with another index of jars, or any before the first."""
    never = Digest("sha256:" + "0b" * 32)
    with pytest.raises(AdvisoriesError):
        find_pinned(
            directory, Advisories(source="x", digest=never, java_digest=never, updated_at=NOW)
        )
    first = install_sample(directory.root, updated_at=NOW)
    with pytest.raises(AdvisoriesError):
        find_pinned(directory, replace(first, java_digest=never))
    install_sample(directory.root, updated_at=NOW + timedelta(hours=1))
    shutil.rmtree(directory.find(first))
    with pytest.raises(AdvisoriesError):
        find_pinned(directory, first)
