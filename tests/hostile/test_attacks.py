"""No attack gets out of a sandbox: a hostile program in Trivy's place, one attack in each run."""

import json
import os
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scanner.errors import SandboxUnavailableError
from scanner.sandbox import Bubblewrap, Landlock
from scanner.sandbox.syscalls import ALLOWED
from tests.hostile.attacks import (
    ATTACKS,
    CONTROLS,
    FILTERED,
    SERVED,
    SOURCES,
    Attack,
    attempt,
    build,
)
from tests.hostile.serving import ServingBubblewrap
from tests.hostile.tables import attack_cell
from tests.sandbox_programs import bubblewrap_path, unavailable

pytestmark = pytest.mark.integration
_Backend = Bubblewrap | Landlock
_BACKENDS: dict[str, Callable[[], _Backend]] = {
    "bubblewrap": lambda: Bubblewrap.probe(bubblewrap_path()),
    "bubblewrap, serving": lambda: ServingBubblewrap.probe(bubblewrap_path()),
    "landlock": Landlock.probe,
}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_IF_EQUAL = 0x15  # BPF_JMP, BPF_JEQ, BPF_K
_ALLOW_ALL = struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF0000)  # BPF_RET, SECCOMP_RET_ALLOW


@pytest.fixture(scope="module")
def sandboxes() -> dict[str, _Backend]:
    """Probe a backend when it is first asked for, and once."""
    return {}


@pytest.fixture(params=list(_BACKENDS))
def backend(request: pytest.FixtureRequest) -> str:
    """Name each backend."""
    return str(request.param)


@pytest.fixture
def sandbox(backend: str, sandboxes: dict[str, _Backend]) -> _Backend:
    """Give a backend that works."""
    return _probed(backend, sandboxes)


def _probed(backend: str, sandboxes: dict[str, _Backend]) -> _Backend:
    """Probe a backend. As root it must have a user of its own: no attack is ever made as root."""
    if backend not in sandboxes:
        try:
            sandboxes[backend] = _BACKENDS[backend]()
        except SandboxUnavailableError as error:
            unavailable(f"{backend}: {error}")
    if os.geteuid() == 0 and sandboxes[backend].uid is None:
        unavailable(f"{backend} would attack as root")
    return sandboxes[backend]


@pytest.fixture(scope="module")
def program() -> Iterator[Path]:
    """Compile the program where every user can reach it."""
    with tempfile.TemporaryDirectory(prefix="attacks-") as directory:
        Path(directory).chmod(0o755)
        yield build(Path(directory))


def test_landlock_holds_in_a_plain_container(
    program: Path, record_property: Callable[[str, object], None]
) -> None:
    """All attacks again, from a worker with a container's capabilities and system calls."""
    _probed("landlock", {})
    worker = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "tests.hostile.container", str(program)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        timeout=120.0,
        check=False,
    )
    assert worker.returncode == 0, worker.stderr[-2000:]
    seen = {
        label: (held, text) for label, held, text in map(json.loads, worker.stdout.splitlines())
    }
    for label, (held, text) in seen.items():
        where = "landlock in a container"
        record_property(*attack_cell(label, where, text, is_contained=held))
    through = {label for label, (is_contained, _) in seen.items() if not is_contained}
    assert len(seen) == len(ATTACKS)
    assert through == set()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.label)
def test_an_attack_comes_to_nothing(
    backend: str,
    sandbox: _Backend,
    program: Path,
    attack: Attack,
    record_property: Callable[[str, object], None],
) -> None:
    """The program says so, or dies of it, and the host is as it was."""
    if isinstance(sandbox, ServingBubblewrap) and attack.name in SERVED:
        pytest.skip("what it is there for, in a network of its own")
    seen = attempt(attack, program, sandbox)
    cell = attack_cell(attack.label, backend, seen.text, is_contained=seen.is_contained)
    record_property(*cell)
    assert seen.is_contained, seen.text


@pytest.mark.parametrize("control", CONTROLS, ids=lambda attack: attack.label)
def test_what_a_scan_needs_works(sandbox: _Backend, program: Path, control: Attack) -> None:
    """Else nothing would be shown by attacks that fail."""
    assert attempt(control, program, sandbox).text.startswith("worked")


@pytest.mark.parametrize("name", sorted(FILTERED))
def test_without_the_filter_the_attack_is_seen_to_work(
    program: Path, name: str, sandboxes: dict[str, _Backend]
) -> None:
    """This suite goes red when a sandbox has a hole. Namespaces still hold the program here."""
    attack = next(attack for attack in ATTACKS if attack.name == name)
    leaky = replace(_probed("bubblewrap", sandboxes), system_calls=_ALLOW_ALL)
    seen = attempt(attack, program, leaky)
    assert not seen.is_contained
    assert seen.text.startswith("worked")


def test_who_is_asked_has_a_network_with_nothing_in_it(
    program: Path, sandboxes: dict[str, _Backend]
) -> None:
    """Without any filter: no listener of the host is there, by TCP or by an abstract name."""
    serving = _probed("bubblewrap, serving", sandboxes)
    assert isinstance(serving, ServingBubblewrap)
    bare = replace(serving, serving_calls=_ALLOW_ALL)
    names = {"tcp": "ECONNREFUSED", "metadata": "ENETUNREACH", "unix-abstract": "ECONNREFUSED"}
    for name, refusal in names.items():
        seen = attempt(next(attack for attack in ATTACKS if attack.name == name), program, bare)
        assert seen.is_contained, seen.text
        assert refusal in seen.text


@pytest.mark.parametrize("name", ["socket-inet", "socket-inet6", "socket-netlink"])
def test_with_one_system_call_more_the_attack_is_seen_to_work(
    sandbox: _Backend, program: Path, name: str
) -> None:
    """With exactly `socket` allowed this suite goes red, in either sandbox."""
    attack = next(attack for attack in ATTACKS if attack.name == name)
    assert attempt(attack, program, sandbox).is_contained
    leaky: _Backend = replace(sandbox, system_calls=_with_socket(sandbox.system_calls))
    if isinstance(sandbox, ServingBubblewrap):
        leaky = replace(sandbox, serving_calls=_with_socket(sandbox.serving_calls))
    seen = attempt(attack, program, leaky)
    assert not seen.is_contained
    assert seen.text.startswith("worked")


def _with_socket(system_calls: bytes) -> bytes:
    """Allow one more call in a filter, where it compares the first number of one."""
    machine = os.uname().machine
    first = struct.pack("<HBBI", _IF_EQUAL, 0, 1, ALLOWED["read"][list(_SOCKET).index(machine)])
    allowed = struct.pack("<HBBI", _IF_EQUAL, 0, 1, _SOCKET[machine]) + _ALLOW_ALL
    before, found, after = system_calls.partition(first)
    assert found
    return before + allowed + found + after


def test_every_attack_of_the_program_is_tried() -> None:
    """None is forgotten in the list."""
    known = {
        name
        for source in SOURCES.glob("*.c")
        for name in re.findall(r'^    \{"([a-z0-9-]+)",', source.read_text(), re.MULTILINE)
    }
    assert known == {attack.name for attack in (*ATTACKS, *CONTROLS)}
