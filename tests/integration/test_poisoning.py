"""An image that claims another image's layer as its own is refused, and changes nothing."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.samples.advisories import write_database
from scanner.examination import Examination, Examiner
from scanner.model import Digest, ImageReference, Platform, ScanReport, Unexaminable, UnknownReason
from scanner.ports import ResolvedImage
from scanner.registry import AcrRegistry, Timing
from scanner.sandbox import Limits
from scanner.trivy import AdvisoryDirectory, TrivyScanner
from tests.fakes import InMemoryInventoryStore
from tests.image_samples import config_of, digest_of, manifest_of, tar_of
from tests.registry_server import LocalCredential, Running, run_registry
from tests.sandbox_programs import bubblewrap_path, trivy_path

pytestmark = pytest.mark.integration

_PACKAGE = "app/node_modules/lodash/package.json"
VULNERABLE = tar_of(**{_PACKAGE: b'{"name":"lodash","version":"4.17.4"}'})
CLEAN = tar_of(**{_PACKAGE: b'{"name":"lodash","version":"4.17.21"}'})
_QUICK = Timing(sleep=lambda _: None, connect_seconds=2.0, read_seconds=2.0)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> AdvisoryDirectory:
    """Install the sample advisories, which know one of the two packages."""
    new = tmp_path_factory.mktemp("new")
    write_database(new, updated_at=datetime.now(UTC))
    directory = AdvisoryDirectory(tmp_path_factory.mktemp("advisories"))
    directory.install(new, source="bundled-sample")
    return directory


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Run a registry and its storage."""
    with run_registry(tmp_path) as running:
        yield running


class _Worker:
    """What examines images, with a memory of its own."""

    def __init__(self, running: Running, directory: AdvisoryDirectory, scratch: Path) -> None:
        self._running = running
        self.inventories = InMemoryInventoryStore()
        self._examiner = Examiner(
            registry=AcrRegistry(
                credential=LocalCredential(),
                registries=frozenset({running.registry}),
                ca_file=running.ca_file,
                blob_hosts=frozenset({running.storage}),
                timing=_QUICK,
            ),
            scanner=TrivyScanner(
                trivy=trivy_path(),
                bubblewrap=bubblewrap_path(),
                directory=directory,
                scratch=scratch,
                limits=Limits(wall_seconds=60.0),
            ),
            inventories=self.inventories,
            scratch=scratch,
            analyses_at_once=2,
        )
        self._advisories = directory.current()[0]

    def examine(self, layer: bytes, *, claimed: bytes) -> Examination:
        """Push and examine an image of one layer, whose config claims certain contents of it."""
        blob, config = gzip.compress(layer, mtime=0), config_of(claimed)
        for content in (blob, config):
            self._running.state.add_blob(content)
        manifest = json.dumps(manifest_of(config, blob)).encode()
        reference = ImageReference(
            registry=self._running.registry,
            repository="team/app",
            digest=Digest(digest_of(manifest)),
        )
        image = ResolvedImage(
            reference=reference,
            platform=Platform(os="linux", architecture="amd64"),
            manifest=manifest,
            config=config,
        )
        return self._examiner.examine(image, advisories=self._advisories)

    def remembered(self) -> str:
        """Return all that is known of layers, byte for byte."""
        return repr(
            [
                (key, inventory.untrusted_record, inventory)
                for key, inventory in sorted(self.inventories.inventories.items())
            ]
        ) + repr(sorted(self.inventories.contents.items()))


@pytest.fixture
def worker(running: Running, directory: AdvisoryDirectory, tmp_path: Path) -> _Worker:
    """Start with nothing known."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return _Worker(running, directory, scratch)


def _findings(examined: Examination) -> set[str]:
    assert isinstance(examined.seen, ScanReport), examined
    return {finding.package for finding in examined.seen.findings}


@pytest.mark.parametrize(
    ("known", "own"), [(VULNERABLE, CLEAN), (CLEAN, VULNERABLE)], ids=["hide", "borrow"]
)
def test_a_layer_that_is_another_ones_by_its_config_is_refused(
    worker: _Worker, known: bytes, own: bytes
) -> None:
    """It would put its own record in the other's place, or pass for what the other is."""
    first = worker.examine(known, claimed=known)
    remembered = worker.remembered()
    for _ in range(2):
        poison = worker.examine(own, claimed=known)
        assert poison.diff_ids == ()
        assert isinstance(poison.seen, Unexaminable)
        assert poison.seen.reason is UnknownReason.CORRUPT_LAYER
        assert worker.remembered() == remembered
    assert worker.examine(known, claimed=known) == first
    assert _findings(first) == ({"lodash"} if known is VULNERABLE else set())


def test_a_blob_that_is_known_is_not_taken_for_another(worker: _Worker) -> None:
    """Both are known, and the config lies about which is which."""
    assert _findings(worker.examine(CLEAN, claimed=CLEAN)) == set()
    assert _findings(worker.examine(VULNERABLE, claimed=VULNERABLE)) == {"lodash"}
    remembered = worker.remembered()
    swapped = worker.examine(VULNERABLE, claimed=CLEAN)
    assert isinstance(swapped.seen, Unexaminable)
    assert swapped.seen.reason is UnknownReason.CORRUPT_LAYER
    assert worker.remembered() == remembered


def test_a_lie_that_comes_first_leaves_nothing(worker: _Worker) -> None:
    """Who comes after it with the true layer is examined as if it had never been."""
    poison = worker.examine(CLEAN, claimed=VULNERABLE)
    assert isinstance(poison.seen, Unexaminable)
    assert worker.inventories.inventories == {}
    assert worker.inventories.contents == {}
    assert _findings(worker.examine(VULNERABLE, claimed=VULNERABLE)) == {"lodash"}


def test_the_second_examination_pulls_nothing(worker: _Worker, running: Running) -> None:
    """And says the same, with the real programs."""
    first = worker.examine(VULNERABLE, claimed=VULNERABLE)
    running.state.blobs.clear()
    asked = len(running.state.seen)
    assert worker.examine(VULNERABLE, claimed=VULNERABLE) == first
    assert len(running.state.seen) == asked
