"""Advisories that are absent, damaged or blind give no verdict: the job goes back to the queue."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.samples.advisories import install_sample
from scanner import bolt
from scanner.errors import AdvisoriesError
from scanner.trivy import AdvisoryDirectory
from tests.hostile.images import DEBIAN, LODASH, Judge, image, tar
from tests.hostile.tables import input_cell

pytestmark = pytest.mark.integration

_RETRIED = "no verdict, retried"
_Damage = Callable[[Path], None]


def _remove(path: Path) -> None:
    path.unlink()


def _garbage(path: Path) -> None:
    path.write_bytes(b"\x00\xff" * 500)


def _half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _random_bytes(seed: int) -> _Damage:
    def damage(path: Path) -> None:
        numbers = random.Random(seed)  # noqa: S311 - the same damage each time
        content = bytearray(path.read_bytes())
        for _ in range(200):
            content[numbers.randrange(len(content))] = numbers.randrange(256)
        path.write_bytes(content)

    return damage


def _schema(version: int) -> _Damage:
    def damage(path: Path) -> None:
        path.write_text(json.dumps(json.loads(path.read_bytes()) | {"Version": version}))

    return damage


def _blind(path: Path) -> None:
    bolt.write(path, {"vulnerability": {}})


_DATABASE, _METADATA, _JAVA = "db/trivy.db", "db/metadata.json", "java-db/trivy-java.db"


@pytest.mark.parametrize(
    ("key", "file", "damage"),
    [
        pytest.param("B58", _DATABASE, _remove, id="database absent"),
        pytest.param("B58", _METADATA, _remove, id="metadata absent"),
        pytest.param("B58", _METADATA, _garbage, id="metadata of garbage"),
        pytest.param("B58", _METADATA, _schema(1), id="schema 1"),
        pytest.param("B58", _METADATA, _schema(3), id="schema 3"),
        pytest.param("B59", _DATABASE, _half, id="database truncated"),
        pytest.param("B59", _DATABASE, _garbage, id="database of garbage"),
        *(
            pytest.param("B60", _DATABASE, _random_bytes(n), id=f"200 bytes damaged, seed {n}")
            for n in range(4)
        ),
        pytest.param("B61", _DATABASE, _blind, id="database that knows nothing"),
        pytest.param("B63", _JAVA, _remove, id="index of Java archives absent"),
        pytest.param("B63", _JAVA, _random_bytes(7), id="index of Java archives damaged"),
    ],
)
def test_advisories_that_are_not_whole_give_no_verdict(
    judge: Judge,
    tmp_path: Path,
    key: str,
    file: str,
    damage: _Damage,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    """Neither healthy nor unhealthy, and nothing is stored: the queue tries again."""
    install_sample(tmp_path, updated_at=datetime.now(UTC))
    directory = AdvisoryDirectory(tmp_path)
    path = directory.current()[1] / file
    before = path.read_bytes()
    damage(path)
    assert not path.exists() or path.read_bytes() != before
    other = judge.with_scanner(directory=directory)
    try:
        came = str(other.report(image(tar(DEBIAN | LODASH))).verdict)
    except AdvisoriesError as error:
        came = _RETRIED if str(error).isprintable() else "a message that is not fit to be logged"
    name = f"a vulnerable image, {request.node.callspec.id}"
    record_property(*input_cell(name, (key,), _RETRIED, came))
    assert came == _RETRIED
    assert not list(other.pipeline.examiner.scratch.iterdir())


def test_no_advisories_at_all_give_no_verdict(
    judge: Judge, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """A new host does not call everything healthy."""
    other = judge.with_scanner(directory=AdvisoryDirectory(tmp_path / "none"))
    with pytest.raises(AdvisoriesError, match="pushscan advisories update"):
        other.report(image(tar(DEBIAN)))
    record_property(*input_cell("an image, no advisories", ("B58",), _RETRIED, _RETRIED))


def test_a_jar_is_examined_without_an_index_of_java_archives(
    judge: Judge, record_property: Callable[[str, object], None]
) -> None:
    """Trivy would fail: an empty index lies in its place, and a jar without a pom is said so."""
    jar = {"opt/x.jar": b"PK\x05\x06" + bytes(18)}
    required = "unhealthy"
    came = str(judge.report(image(tar(DEBIAN | LODASH | jar))).verdict)
    record_property(*input_cell("a vulnerable image with a jar", ("B63",), required, came))
    assert came == required
