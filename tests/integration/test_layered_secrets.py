"""Secrets in layers, looked for one by one, beside what Trivy says of the whole image."""

import json
import sys
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import pytest

from local.samples.images import SAMPLES, Kind, build
from local.samples.packages import PackageCache, PackageUnavailableError
from scanner.model import LayerInventory, ScanReport, Severity, Unexaminable, UnknownReason
from scanner.sandbox import Exited, Limits, Preference, choose
from scanner.store import inventory_json
from scanner.trivy import AdvisoryDirectory, argv
from scanner.trivy.analysis import Workbench, analyse
from scanner.trivy.binary import TrivyBinary
from scanner.trivy.matching import Stack, match
from tests.corpus import secrets
from tests.corpus.advisories import write_corpus_database
from tests.corpus.image import CorpusImage, CorpusLayer
from tests.corpus.images import NAMES, images
from tests.layered import inventories
from tests.sandbox_programs import bubblewrap_path, trivy_path, unavailable

pytestmark = pytest.mark.integration

_LIMITS = Limits(wall_seconds=60.0)
_PACKAGES = Path(__file__).parents[2] / ".local" / "cache" / "packages"
_SAMPLES = sorted(name for name, sample in SAMPLES.items() if sample.kind is Kind.IMAGE)


class Place(NamedTuple):
    """What two searches must agree on."""

    path: str
    rule: str
    line: int
    severity: Severity
    layer: str


@lru_cache(maxsize=1)
def corpus() -> Mapping[str, CorpusImage]:
    """Make the corpus once for each process."""
    uvx = Path(sys.prefix, "bin", "uvx")
    if not uvx.is_file():
        unavailable("uvx is not installed")
    return images(trivy=trivy_path(), uvx=uvx)


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install advisories on packages of the corpus."""
    new = tmp_path_factory.mktemp("new")
    write_corpus_database(new)
    directory = AdvisoryDirectory(tmp_path_factory.mktemp("advisories"))
    directory.install(new, source="corpus")
    return directory.current()[1]


@pytest.fixture(scope="module")
def bench(databases: Path) -> Workbench:
    """Return the real programs, in whichever sandbox there is."""
    return _bench("auto", databases)


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def each_bench(request: pytest.FixtureRequest, databases: Path) -> Workbench:
    """Return them in each sandbox in turn."""
    return _bench(request.param, databases)


def _bench(preference: Preference, databases: Path) -> Workbench:
    sandbox = choose(preference, bubblewrap_path())
    return Workbench(
        binary=TrivyBinary.inspect(trivy_path(), sandbox),
        sandbox=sandbox,
        databases=databases,
        limits=_LIMITS,
    )


def _whole(layout: Path, bench: Workbench) -> set[Place]:
    """Ask Trivy for its own report on all layers together."""
    arguments = argv.list_secrets()
    template = arguments.index("--template")
    del arguments[template : template + 2]
    arguments[arguments.index("--format") + 1] = "json"
    completed = bench.sandbox.run(
        bench.binary.path,
        arguments,
        read_only={f"/{argv.IMAGE}": layout},
        environment=argv.environment(_LIMITS),
        limits=_LIMITS,
    )
    assert completed.exit == Exited(0), completed.untrusted_stderr[-2000:]
    return {
        Place(
            path=result["Target"].removeprefix("/"),
            rule=found["RuleID"],
            line=found["StartLine"],
            severity=Severity[found["Severity"]],
            layer=found["Layer"]["DiffID"],
        )
        for result in json.loads(completed.untrusted_stdout).get("Results", [])
        for found in result.get("Secrets", [])
    }


def _layered(layout: Path, bench: Workbench, scratch: Path) -> set[Place]:
    layers = _inventories(layout, bench)
    seen = match(Stack.of(layers), bench, scratch=scratch)
    assert isinstance(seen, ScanReport), seen
    assert not [text for text in seen.unexamined if "secrets" in text]
    return {Place(w.path, w.id, w.line, w.severity, w.layer_diff_id) for w in seen.weaknesses}


def _inventories(layout: Path, bench: Workbench) -> list[LayerInventory]:
    layers = inventories(layout, partial(analyse, bench=bench))
    assert not isinstance(layers, Unexaminable), layers
    return list(layers)


def _replaced(place: Place, layout: Path, whole: set[Place]) -> bool:
    """Whether Trivy has kept what the same rule found in the same file of a layer above."""
    layers = _diff_ids(layout)
    return any(
        (place.path, place.rule) == (other.path, other.rule)
        and layers.index(place.layer) < len(layers) - 1 - layers[::-1].index(other.layer)
        for other in whole
    )


def _diff_ids(layout: Path) -> list[str]:
    blobs = layout / "blobs" / "sha256"
    [named] = json.loads((layout / "index.json").read_bytes())["manifests"]
    manifest = json.loads((blobs / named["digest"].removeprefix("sha256:")).read_bytes())
    config = (blobs / manifest["config"]["digest"].removeprefix("sha256:")).read_bytes()
    diff_ids: list[str] = json.loads(config)["rootfs"]["diff_ids"]
    return diff_ids


def _assert_equal(layout: Path, bench: Workbench, scratch: Path) -> set[Place]:
    layered, whole = _layered(layout, bench, scratch), _whole(layout, bench)
    assert whole <= layered
    assert all(_replaced(place, layout, whole) for place in layered - whole)
    return layered


@pytest.mark.parametrize("name", _SAMPLES)
def test_a_sample_has_the_same_secrets(bench: Workbench, tmp_path: Path, name: str) -> None:
    """None, but for one."""
    try:
        sample = build(name, tmp_path, PackageCache(_PACKAGES))
    except PackageUnavailableError as error:
        unavailable(str(error))
    found = _assert_equal(sample.layout, bench, tmp_path)
    expected = {("srv/app/.npmrc", "github-pat")} if name == "secret" else set()
    assert {(place.path, place.rule) for place in found} == expected


@pytest.mark.parametrize("name", NAMES)
def test_an_image_of_the_corpus_has_the_same_secrets(
    bench: Workbench, tmp_path: Path, name: str
) -> None:
    """Whatever its layers do to one another, but for what the next test shows."""
    layout = corpus()[name].build(tmp_path).layout
    assert bool(_assert_equal(layout, bench, tmp_path)) == (name == "secrets")


def test_large_files_have_the_same_secrets(bench: Workbench, tmp_path: Path) -> None:
    """What is hidden from the search is what Trivy does not search; text of any size it does."""
    token = f"\n{secrets.github_token()}\n".encode()
    binary, text = b"\x7fELF" + bytes(9 << 20) + token, b"words\n" * (2 << 20) + token
    files = {"a/lib.so": binary, "a/dump.sql": text, "a/code.pyc": binary, "a/b.txt": token}
    layer = CorpusLayer(files=files)
    layout = CorpusImage(name="large", layers=(layer,)).build(tmp_path).layout
    found = {place.path for place in _assert_equal(layout, bench, tmp_path)}
    assert found == {"a/dump.sql", "a/code.pyc", "a/b.txt"}


def test_every_secret_that_can_be_pulled_is_told(each_bench: Workbench, tmp_path: Path) -> None:
    """Trivy itself tells what whiteouts hide, but not what one rule finds in a file twice."""
    layout = secrets.image().build(tmp_path).layout
    layered, whole = _layered(layout, each_bench, tmp_path), _whole(layout, each_bench)
    below, above, more, _ = _diff_ids(layout)
    found = {(place.path, place.rule, place.line, place.layer) for place in layered}
    assert found == {
        ("app/.env", "aws-access-key-id", 2, below),
        ("app/.env", "github-pat", 4, below),
        ("root/.ssh/id_rsa", "private-key", 2, below),
        ("opt/deleted.txt", "github-pat", 1, below),
        ("opt/hidden/a.txt", "github-pat", 1, below),
        ("opt/moved.txt", "github-pat", 1, below),
        ("opt/moved.txt", "github-pat", 3, above),
        ("opt/changed.txt", "github-pat", 1, below),
        ("opt/changed.txt", "aws-access-key-id", 1, above),
        ("opt/one line.txt", "github-pat", 1, above),
        ("opt/more.txt", "github-pat", 1, more),
    }
    assert [place[:3] for place in layered - whole] == [("opt/moved.txt", "github-pat", 1)]


def test_no_text_of_a_secret_leaves_the_sandbox(each_bench: Workbench, tmp_path: Path) -> None:
    """Nor does what stands beside it; Trivy's own report and messages are full of it."""
    layers = _inventories(secrets.image().build(tmp_path).layout, each_bench)
    kept = b"".join(
        repr((layer, layer.untrusted_record, layer.entries)).encode() for layer in layers
    )
    assert b"github-pat" in kept
    assert all(inventory_json.decode(inventory_json.encode(layer)) == layer for layer in layers)
    assert not [text for text in secrets.texts() if text.encode() in kept]


def _analysed(bench: Workbench, folder: Path, content: str) -> LayerInventory | Unexaminable:
    image = CorpusImage(name="many", layers=(CorpusLayer(files={"a.txt": content.encode()}),))
    found = inventories(image.build(folder).layout, partial(analyse, bench=bench))
    return found if isinstance(found, Unexaminable) else found[0]


def test_thousands_of_secrets_are_bounded(each_bench: Workbench, tmp_path: Path) -> None:
    """A thousand are kept, and it is said that there were more."""
    keys = "\n-\n".join(secrets.aws_key(n) for n in range(15_000))
    many = _analysed(each_bench, tmp_path, keys)
    assert isinstance(many, LayerInventory), many
    assert len(many.secrets) == 1000
    assert many.unexamined == ("secrets: 14000 more than the 1000 that are kept",)
    assert len(inventory_json.encode(many)) < 100_000


def test_more_secrets_than_are_listed_are_a_limit(each_bench: Workbench, tmp_path: Path) -> None:
    """They end in a reason, long before the worker has them in memory."""
    too_many = _analysed(
        each_bench, tmp_path, " ; ".join(secrets.aws_key(n) for n in range(150_000))
    )
    assert isinstance(too_many, Unexaminable)
    assert too_many.reason is UnknownReason.OUTPUT_LIMIT
