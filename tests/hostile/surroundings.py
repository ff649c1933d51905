"""What lies around a sandbox for an attack to reach, and how to see that it was reached."""

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from scanner.sandbox.user import SCAN_GROUP
from tests.sandbox_programs import processes_with, unavailable

CANARY = uuid.uuid4().hex
"""In the environment of the worker and of the victim; it must be in no sandbox."""
_State = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Files, listeners and a process of the same user: nothing but the sandbox protects them."""

    names: dict[str, str]
    """What an attack may be told."""
    marker: str
    """An argument by which to find what is left of the run."""
    shared: Path
    image: Path
    victim: subprocess.Popen[bytes]
    listeners: dict[str, socket.socket]
    before: dict[str, _State]

    def damage(self) -> list[str]:
        """Name everything that is not as it was."""
        after = {**_files(self._root), **_process(self.victim.pid)}
        changed = [
            f"{name} was {self.before.get(name)} and is {after.get(name)}"
            for name in sorted(self.before.keys() | after.keys())
            if self.before.get(name) != after.get(name)
        ]
        reached = [f"{name} was reached" for name, it in self.listeners.items() if _heard(it)]
        dead = [] if self.victim.poll() is None else ["the victim is dead"]
        left = [f"{pid} is left" for pid in processes_with(self.marker)]
        return [*changed, *reached, *dead, *left]

    @property
    def _root(self) -> Path:
        return self.shared.parent


@contextmanager
def surroundings(uid: int | None) -> Iterator[Surroundings]:
    """Lay everything out, with a victim of the user that the sandbox will have."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="attacked-")))
        _lay_out(root, uid)
        listeners = _listeners(root, stack)
        victim = stack.enter_context(_victim(uid))
        names = {
            "tcp_port": str(listeners["tcp"].getsockname()[1]),
            "udp_port": str(listeners["udp"].getsockname()[1]),
            "unix_path": listeners["unix"].getsockname(),
            "unix_name": listeners["abstract"].getsockname()[1:].decode(),
            # By relative names: a sandbox without mounts gives no others.
            "shared": "shared/advisories.db",
            "shared_directory": "shared",
            "image": "image",
            "secret": f"{root}/secret",
            "file": f"{root}/file",
            "directory": f"{root}/directory",
            "neighbour": f"{root}/neighbour",
            "victim": str(victim.pid),
            "canary": CANARY,
        }
        yield Surroundings(
            names=names,
            marker=uuid.uuid4().hex,
            shared=root / "shared",
            image=root / "image",
            victim=victim,
            listeners=listeners,
            before={**_files(root), **_process(victim.pid)},
        )


def _lay_out(root: Path, uid: int | None) -> None:
    for name in ("directory", "shared", "image", "neighbour"):
        (root / name).mkdir()
    for name in ("secret", "file", "shared/advisories.db", "image/plain", "directory/there"):
        (root / name).write_text(f"{name} {CANARY}")
        (root / name).chmod(0o666)
    for link, to in {
        "absolute": str(root / "secret"),
        "relative": "../secret",
        "process": "/proc/1/environ",
        "beside": "../directory",
    }.items():
        (root / "image" / link).symlink_to(to)
    for name in ("directory", "shared", "image", "."):
        (root / name).chmod(0o777)
    # As the private directory of a scan beside this one would be.
    (root / "neighbour" / "file").write_text(CANARY)
    for path in (root / "neighbour", root / "neighbour" / "file"):
        path.chmod(0o700)
        os.chown(path, -1 if uid is None else uid, -1)


def _listeners(root: Path, stack: ExitStack) -> dict[str, socket.socket]:
    path = f"{root}/directory/socket"
    opened: dict[str, tuple[int, int, str | tuple[str, int]]] = {
        "tcp": (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
        "udp": (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
        "unix": (socket.AF_UNIX, socket.SOCK_STREAM, path),
        "abstract": (socket.AF_UNIX, socket.SOCK_STREAM, f"\0{uuid.uuid4().hex}"),
    }
    listeners = {}
    for name, (family, kind, address) in opened.items():
        listeners[name] = listener = stack.enter_context(socket.socket(family, kind))
        listener.settimeout(0)
        listener.bind(address)
        if kind == socket.SOCK_STREAM:
            listener.listen()
    Path(path).chmod(0o777)
    return listeners


@contextmanager
def _victim(uid: int | None) -> Iterator[subprocess.Popen[bytes]]:
    sleep = shutil.which("sleep") or unavailable("there is no `sleep` to be a victim")
    with subprocess.Popen(  # noqa: S603 - the machine's own, with nothing from outside
        [sleep, "300"],
        env={"CANARY": CANARY},
        cwd="/",
        user=uid,
        group=None if uid is None else SCAN_GROUP,
        extra_groups=None if uid is None else [],
    ) as victim:
        try:
            yield victim
        finally:
            victim.kill()


def _files(root: Path) -> dict[str, _State]:
    """Read all that a program could change: everything but the time of the last access."""
    states: dict[str, _State] = {}
    for path in (root, *root.rglob("*")):
        status = path.lstat()
        is_plain = path.is_file() and not path.is_symlink()
        states[str(path)] = (
            oct(status.st_mode),
            *(status.st_uid, status.st_gid, status.st_nlink, status.st_mtime_ns),
            path.read_bytes() if is_plain else b"",
            tuple(os.listxattr(path, follow_symlinks=False)) if is_plain else (),
        )
    return states


def _process(pid: int) -> dict[str, _State]:
    with suppress(ProcessLookupError, FileNotFoundError):
        return {
            "the victim's limits": (Path(f"/proc/{pid}/limits").read_text(),),
            "the victim's niceness": (os.getpriority(os.PRIO_PROCESS, pid),),
            "the victim's processors": tuple(os.sched_getaffinity(pid)),
        }
    return {}


def _heard(listener: socket.socket) -> bool:
    try:
        if listener.type == socket.SOCK_DGRAM:
            listener.recv(1)
        else:
            listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True
