"""Attacks on the sandbox: the program that tries them, what each is told, and what came of it."""

import errno
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from scanner.sandbox import (
    Bubblewrap,
    Completed,
    Exited,
    Killed,
    Landlock,
    Limits,
    Stopped,
)
from tests.hostile.surroundings import CANARY, Surroundings, surroundings
from tests.sandbox_programs import unavailable

SOURCES = Path(__file__).with_name("attacks")
_MIB = 1 << 20
LIMITS = Limits(
    wall_seconds=20.0,
    memory_bytes=96 * _MIB,
    temporary_bytes=16 * _MIB,
    temporary_files=2000,
    stdout_bytes=256 << 10,
    stderr_bytes=64 << 10,
    processes=64,
    open_files=256,
)
"""Small, so that a flood ends soon. The program's own bounds are several times these."""
_COMPILE_SECONDS = 60.0
_SAID = re.compile(rb"^(worked|stopped|tried) ([ -~]*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One thing that the program tries."""

    name: str
    argument: str = ""
    """With the names of `Surroundings.names` in braces."""
    end: Stopped | signal.Signals | None = None
    """How the run may end instead of the program saying that it was stopped."""
    wall_seconds: float = LIMITS.wall_seconds

    @property
    def label(self) -> str:
        """Name and target, as the table shows them."""
        return f"{self.name} {self.argument}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one attack."""

    is_contained: bool
    text: str


def _each(names: str, *arguments: str) -> Iterable[Attack]:
    return (
        Attack(name=name, argument=argument)
        for name in names.split()
        for argument in arguments or ("",)
    )


def _until(end: Stopped | signal.Signals, names: str, seconds: float) -> Iterable[Attack]:
    return (Attack(name=name, end=end, wall_seconds=seconds) for name in names.split())


ATTACKS = [
    *_each("tcp tcp6 tcp-fast-open metadata", "{tcp_port}"),
    *_each("udp", "{udp_port}"),
    *_each("unix-path", "{unix_path}"),
    *_each("unix-abstract", "{unix_name}"),
    *_each("tcp-listen socket-inet socket-inet6 socket-netlink socket-raw socket-ping"),
    *_each("socket-packet socket-vsock socket-crypto socket-pair"),
    *_each("read-file", "/etc/passwd", "{secret}", "{image}/absolute", "{image}/relative"),
    *_each("read-file", "{image}/process", "{image}/../../../../../..{secret}", "/dev/kmsg"),
    *_each("read-file write-file remove-file change-mode truncate", "{neighbour}/file"),
    *_each("create-file", "{neighbour}/new"),
    *_each("read-by-openat2", "{secret}"),
    *_each("list-directory", "{directory}", "{image}/beside", "{neighbour}", "/etc"),
    *_each("read-victim-environment read-victim-memory", "{victim}"),
    *_each("read-init-environment read-parent-environment scan-processes list-sys list-dev"),
    *_each("own-memory-file inherited-descriptors standard-input"),
    *_each("environment", "{canary}"),
    *_each("handle", "{shared}", "{file}"),
    *_each("truncate truncate-at-open truncate-by-openat2 truncate-at-old-open", "{file}"),
    *_each("truncate truncate-at-open truncate-by-openat2 truncate-at-old-open", "{shared}"),
    *_each("write-file remove-file rename-file hard-link write-mapping", "{file}", "{shared}"),
    *_each("change-mode change-mode-by-descriptor change-owner", "{file}", "{shared}"),
    *_each("change-times change-attribute write-through-link", "{file}", "{shared}"),
    *_each("create-file make-directory make-socket make-link", "{directory}/new", "/new", "new"),
    *_each("create-file make-directory make-socket make-link", "{shared_directory}/new"),
    *_each("write-through-link", "{directory}/new"),
    *_each("lock-exclusively lease", "{shared}"),
    *_each("notify", "{shared_directory}"),
    *_each("make-device set-user-bit set-user-bit-by-descriptor create-with-user-bit"),
    *_each("create-nameless-with-user-bit"),
    *_each("mount-bind remount unmount", "{shared_directory}", "/"),
    *_each("remove-file rename-file", "{image}"),
    *_each("mount-tmpfs new-mount-interface clone-tree change-mounts change-root pivot-root"),
    *_each("unshare-user unshare-network unshare-mounts join-namespace clone-user clone3-user"),
    *_each("trace-me bpf-map key-ring add-key request-key io-uring user-faults"),
    *_each("performance-events file-events load-kernel load-module load-module-file kernel-log"),
    *_each("use-ports descriptor-table compatible-calls x32-calls become-root all-capabilities"),
    *_each("no-randomisation reading-executes dumpable outlive-parent adopt let-trace"),
    *_each("timer-slack raise-limits shared-segment semaphores message-queue named-queue"),
    *_each("execute-file execute-by-descriptor execute-memory writable-code"),
    *_each("make-executable make-executable-by-key map-program secret-memory"),
    *_each("execute-shell", "/bin/sh"),
    *_each("send-signal send-to-thread send-to-thread-of-group queue-signal", "{victim}"),
    *_each("open-process own-descriptor-signals seize read-memory write-memory", "{victim}"),
    *_each("take-descriptor compare limit read-limit slow-down pin", "{victim}"),
    *_each("signal-all signal-parent slow-all"),
    *_each("fork-bomb vfork-bomb thread-bomb stay-behind leave-session"),
    *_until(Stopped.TIMEOUT, "spin spin-in-threads oversleep ignore-signals", 1.0),
    *_until(Stopped.TIMEOUT, "stop-itself close-streams", 1.0),
    *_until(signal.SIGSEGV, "dump-core", LIMITS.wall_seconds),
    *_until(Stopped.OUTPUT_LIMIT, "flood-output", LIMITS.wall_seconds),
    *_each("flood-messages huge-file reserve-file private-memory memory-file"),
    *_each("lock-memory flood-descriptors"),
    *_until(Stopped.DISK_LIMIT, "flood-file flood-files flood-deleted-file", LIMITS.wall_seconds),
    *_until(Stopped.DISK_LIMIT, "flood-deleted-file-of-thread", LIMITS.wall_seconds),
    *_until(Stopped.DISK_LIMIT, "flood-inodes flood-directories", LIMITS.wall_seconds),
    *_until(Stopped.MEMORY_LIMIT, "shared-memory page-tables", LIMITS.wall_seconds),
    *_until(Stopped.MEMORY_LIMIT, "shared-memory-of-thread", LIMITS.wall_seconds),
]
FILTERED = {
    *("tcp-listen", "udp", "socket-inet", "socket-inet6", "socket-netlink", "socket-pair"),
    *("lock-exclusively", "notify", "set-user-bit", "set-user-bit-by-descriptor", "trace-me"),
    *("no-randomisation", "reading-executes", "dumpable", "outlive-parent", "adopt"),
    *("shared-segment", "semaphores", "message-queue", "execute-by-descriptor", "execute-memory"),
    *("writable-code", "make-executable", "map-program", "vfork-bomb", "leave-session"),
}
"""What only the system-call filter stops in bubblewrap, on every kernel that can run it."""
SERVED = {"tcp-listen"}
"""What a program that is asked over TCP may do. Only its own network can hear of it."""
CONTROLS = [*_each("may-write may-speak"), *_each("may-read", "{shared}", "{image}/plain")]
"""What a scan needs: these must work, or nothing was shown by all that did not."""


def build(into: Path) -> Path:
    """Compile the program. Skips, or fails in CI, where there is no compiler for it."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        unavailable("there is no C compiler: the attack program cannot be built")
    program = into / "attacks"
    flags = ["-static", "-O1", "-Wall", "-Werror", "-pthread"]
    sources = sorted(map(str, SOURCES.glob("*.c")))
    compiled = subprocess.run(  # noqa: S603 - the machine's compiler on our own sources
        [compiler, *flags, "-o", str(program), *sources],
        capture_output=True,
        text=True,
        timeout=_COMPILE_SECONDS,
        check=False,
    )
    if "cannot find -lc" in compiled.stderr:
        unavailable("there is no static C library: the attack program cannot be built")
    assert compiled.returncode == 0, compiled.stderr
    return program


def run(
    attack: Attack, program: Path, sandbox: Bubblewrap | Landlock, around: Surroundings
) -> Completed:
    """Make one attack: in a sandbox, and as root only in one with a user of its own."""
    if os.geteuid() == 0 and sandbox.uid is None:
        raise PermissionError("no attack is made as root")
    return sandbox.run(
        program,
        [attack.name, around.marker, attack.argument.format(**around.names)],
        read_only={"/shared": around.shared, "/image": around.image},
        environment={},
        limits=replace(LIMITS, wall_seconds=attack.wall_seconds),
    )


def attempt(attack: Attack, program: Path, sandbox: Bubblewrap | Landlock) -> Outcome:
    """Make one attack among fresh surroundings and judge what came of it."""
    with surroundings(sandbox.uid) as around:
        completed = run(attack, program, sandbox, around)
        damage = around.damage()
    if CANARY.encode() in completed.untrusted_stdout + completed.untrusted_stderr:
        damage.append("the canary came out")
    if len(completed.untrusted_stdout) > LIMITS.stdout_bytes:
        damage.append("stdout is over its limit")
    if len(completed.untrusted_stderr) > LIMITS.stderr_bytes:
        damage.append("stderr is over its limit")
    if isinstance(sandbox, Landlock):
        damage += [f"{path} is left" for path in sandbox.scratch.glob("run-*")]
    return _outcome(attack, completed, damage)


def _outcome(attack: Attack, completed: Completed, damage: list[str]) -> Outcome:
    """Judge from what the program said, how it ended, and what the host saw."""
    said = _SAID.findall(completed.untrusted_stdout)
    verb, detail = said[-1] if said else (b"", b"")
    text = f"{verb.decode()} {_named(detail.decode())}".strip()
    ended = completed.exit
    if damage or verb == b"worked":
        return Outcome(is_contained=False, text="; ".join(filter(None, [text, *damage])))
    if ended == Killed(signal.SIGSYS) or ended in (attack.end, _killed_by(attack.end)):
        return Outcome(is_contained=True, text=_told(ended))
    if ended == Exited(0) and verb:
        return Outcome(is_contained=True, text=text)
    stderr = completed.untrusted_stderr[-200:]
    return Outcome(is_contained=False, text=f"unexplained: {ended} {text} {stderr!r}")


def _killed_by(end: Stopped | signal.Signals | None) -> Killed | None:
    return Killed(end.value) if isinstance(end, signal.Signals) else None


def _told(ended: Exited | Killed | Stopped) -> str:
    return (
        f"killed {signal.Signals(ended.signal).name}" if isinstance(ended, Killed) else str(ended)
    )


def _named(detail: str) -> str:
    return re.sub(r"errno (\d+)", lambda m: errno.errorcode.get(int(m[1]), m[0]), detail)
