"""What becomes of images where the one Trivy that is asked about them all does not do."""

import math
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from local.samples.advisories import write_database
from scanner.errors import SandboxUnavailableError
from scanner.model import LayeredImage, LayerInventory, ScanReport, Unexaminable
from scanner.sandbox import Bubblewrap, Landlock, Limits, Service, ServiceEndedError
from scanner.sandbox.service import PORT
from scanner.trivy import argv, many
from scanner.trivy.analysis import Workbench, analyse
from scanner.trivy.many import match_all
from scanner.trivy.matching import Stack, match
from scanner.trivy.record import write_records
from scanner.trivy.warm import match_warm
from tests.corpus.image import CorpusImage, CorpusLayer
from tests.integration.test_layered_equality import workbench
from tests.integration.test_warm_equality import Counting
from tests.layered import inventories
from tests.sandbox_programs import bubblewrap_path, unavailable

pytestmark = pytest.mark.integration

_NPM = "app/node_modules/lodash/package.json"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """Return the real programs in bubblewrap, with advisories on lodash."""
    new = tmp_path_factory.mktemp("new")
    write_database(new, updated_at=datetime.now(UTC))
    made = workbench(new, tmp_path_factory.mktemp("advisories"))
    return replace(made, sandbox=Counting(Bubblewrap.probe(bubblewrap_path())))


@pytest.fixture(scope="module")
def images(
    bench: Workbench, tmp_path_factory: pytest.TempPathFactory
) -> Sequence[Sequence[LayerInventory]]:
    """Analyse six images of one package each."""
    scratch = tmp_path_factory.mktemp("images")
    return [_analysed(number, bench, scratch) for number in range(6)]


def _analysed(number: int, bench: Workbench, scratch: Path) -> Sequence[LayerInventory]:
    files = {_NPM: b'{"name":"lodash","version":"4.17.%d"}' % number}
    image = CorpusImage(name=str(number), layers=(CorpusLayer(files=files),))
    layers = inventories(image.build(scratch / str(number)).layout, partial(analyse, bench=bench))
    assert isinstance(layers, Sequence), layers
    return layers


def _seen(bench: Workbench, images: Sequence[Sequence[LayerInventory]], scratch: Path) -> object:
    return [*match_all((LayeredImage(layers=layers) for layers in images), bench, scratch=scratch)]


def test_many_images_cost_a_trivy_for_so_many_of_them(
    bench: Workbench,
    images: Sequence[Sequence[LayerInventory]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the order in which they came, whichever was matched where."""
    monkeypatch.setattr(many, "_AT_ONCE", 3)
    alone = [match(Stack.of(layers), bench, scratch=tmp_path) for layers in images]
    assert all(isinstance(seen, ScanReport) and seen.findings for seen in alone)
    ran = _runs(bench)
    ran.clear()
    assert _seen(bench, images, tmp_path) == alone
    assert ran == ["warm", "warm"]


def test_the_image_at_fault_is_matched_alone_and_the_others_go_on(
    bench: Workbench, images: Sequence[Sequence[LayerInventory]], tmp_path: Path
) -> None:
    """It is told whatever a run of its own tells; no other is told less."""
    stacks = [Stack.of(layers) for layers in images]
    stacks[2] = replace(stacks[2], untrusted_records=(b"{",))
    ran = _runs(bench)
    ran.clear()
    seen = match_warm(stacks, bench, scratch=tmp_path, ends_at=math.inf)
    assert ran == ["warm", "warm"]
    assert [one is None for one in seen] == [False, False, True, False, False, False]
    assert seen[3] == match(stacks[3], bench, scratch=tmp_path)
    assert isinstance(match(stacks[2], bench, scratch=tmp_path), Unexaminable)


def test_a_trivy_that_is_ended_at_its_limit_costs_no_image(
    bench: Workbench, images: Sequence[Sequence[LayerInventory]], tmp_path: Path
) -> None:
    """It has no memory to speak of: all are matched alone."""
    alone = [match(Stack.of(layers), bench, scratch=tmp_path) for layers in images]
    poor = replace(bench, limits=Limits(wall_seconds=60.0, memory_bytes=64 << 20))
    stacks = [Stack.of(layers) for layers in images]
    assert [*match_warm(stacks, poor, scratch=tmp_path, ends_at=math.inf)] == [None] * len(images)
    assert len(alone) == len(images)


def test_without_a_network_of_its_own_each_image_has_its_own_trivy(
    bench: Workbench, images: Sequence[Sequence[LayerInventory]], tmp_path: Path
) -> None:
    """In Landlock nothing ever listens."""
    landlock = replace(bench, sandbox=Counting(Landlock.probe()))
    assert _seen(landlock, images, tmp_path) == _seen(bench, images, tmp_path)
    assert sorted(_runs(landlock)) == ["alone"] * len(images) + ["warm"]


def test_where_no_network_can_be_made_each_image_has_its_own_trivy(
    bench: Workbench, images: Sequence[Sequence[LayerInventory]], tmp_path: Path
) -> None:
    """As on a host that lets bubblewrap make namespaces, and not us."""
    inner = Bubblewrap.probe(bubblewrap_path())
    broken = replace(bench, sandbox=Unserving(inner))
    assert _seen(broken, images[:4], tmp_path) == _seen(bench, images[:4], tmp_path)


def test_when_time_is_over_no_more_is_begun(
    bench: Workbench,
    images: Sequence[Sequence[LayerInventory]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who asked must do something about the rest."""
    monkeypatch.setattr(many, "_SECONDS", 0.0)
    ran = _runs(bench)
    ran.clear()
    assert _seen(bench, images, tmp_path) == []
    assert ran == []


def test_nobody_else_reaches_who_is_asked(bench: Workbench, tmp_path: Path) -> None:
    """Not from our own network, nor from that of another one at the same port."""
    with socket.socket() as stranger:
        if stranger.connect_ex(("127.0.0.1", PORT)) == 0:
            unavailable(f"something of this machine listens at port {PORT}")
    with ExitStack() as stack:
        for name in ("one", "other"):
            cache_file = tmp_path / name
            write_records(cache_file, {})
            service = stack.enter_context(
                bench.sandbox.serving(
                    bench.binary.path,
                    argv.serve(PORT),
                    read_only={"/cache/db": bench.databases / "db"},
                    writable={"/cache/fanal/fanal.db": cache_file},
                    environment={},
                    limits=bench.limits,
                )
            )
            service.connection.settimeout(10.0)
            service.connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert service.connection.recv(12) == b"HTTP/1.0 200"
            with socket.socket() as stranger, pytest.raises(ConnectionRefusedError):
                stranger.connect(("127.0.0.1", PORT))


def test_a_program_that_does_not_listen_is_not_waited_for(bench: Workbench) -> None:
    """Its end is the end of the wait."""
    with (
        pytest.raises(ServiceEndedError, match="code=0"),
        bench.sandbox.serving(
            bench.binary.path, ["--version"], read_only={}, environment={}, limits=bench.limits
        ),
    ):
        pytest.fail("there is nobody to be asked")


class Unserving(Counting):
    """A sandbox that can run a program, and cannot let it be asked."""

    @contextmanager
    def serving(self, *_arguments: object, **_named: object) -> Iterator[Service]:
        """Refuse."""
        raise SandboxUnavailableError("bubblewrap: launcher: no network of its own")
        yield


def _runs(bench: Workbench) -> list[str]:
    assert isinstance(bench.sandbox, Counting)
    return bench.sandbox.ran
