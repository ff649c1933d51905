"""How much of a layer's archive is listed."""

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from scanner.model import Unexaminable, UnknownReason
from scanner.sandbox import Completed, Limits, Sandbox, Service
from scanner.trivy import analysis
from scanner.trivy.analysis import Workbench, analyse
from scanner.trivy.binary import TrivyBinary
from tests.contracts.inventory_store_contract import digest_of
from tests.image_samples import tar_of


class _Unused:
    """A sandbox that nothing may be run in."""

    uid = None
    isolation = ""

    def run(self, *_: object, **__: object) -> Completed:
        raise AssertionError("it was run")

    def serving(self, *_: object, **__: object) -> AbstractContextManager[Service]:
        raise AssertionError("it was run")


def _reason(layer: Path) -> UnknownReason:
    sandbox: Sandbox = _Unused()
    binary = TrivyBinary(path=Path("trivy"), version="0.76.0", digest=digest_of("trivy"))
    bench = Workbench(
        binary=binary, sandbox=sandbox, databases=layer.parent, limits=Limits(wall_seconds=1.0)
    )
    seen = analyse(layer, digest_of("layer"), bench)
    assert isinstance(seen, Unexaminable)
    return seen.reason


@pytest.mark.parametrize("limit", ["MAX_ENTRIES", "_MAX_NAME_CHARACTERS"])
def test_a_layer_of_too_many_names_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """By their number or by their length; the scanner is not even started."""
    monkeypatch.setattr(analysis, limit, 2)
    (tmp_path / "layer").write_bytes(tar_of(a=b"", b=b"", c=b""))
    assert _reason(tmp_path / "layer") is UnknownReason.TOO_LARGE


def test_a_layer_that_cannot_be_listed_is_corrupt(tmp_path: Path) -> None:
    """Likewise."""
    (tmp_path / "layer").write_bytes(tar_of(a=b"x")[:300])
    assert _reason(tmp_path / "layer") is UnknownReason.CORRUPT_LAYER
