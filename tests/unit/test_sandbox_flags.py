"""The restrictions that bubblewrap and the kernel are asked for."""

from dataclasses import replace

from scanner.sandbox import Limits
from scanner.sandbox.bubblewrap import _isolation
from scanner.sandbox.rlimits import rlimits

_MOUNTS = [
    ("--ro-bind-fd", 7, "/image"),
    ("--ro-bind-fd", 8, "/scanner"),
]
LIMITS = Limits(cpu_seconds=20, memory_bytes=1000, temporary_bytes=2000, file_bytes=1500)


def _flags() -> list[str]:
    return _isolation(_MOUNTS, {"GOMAXPROCS": "2"}, LIMITS, 9)


def test_every_namespace_is_unshared() -> None:
    """Only a missing cgroup namespace is tolerated."""
    kinds = {flag.removeprefix("--unshare-") for flag in _flags() if "--unshare-" in flag}
    assert kinds == {"user", "ipc", "pid", "net", "uts", "cgroup-try"}


def test_nothing_of_the_host_is_shared_writable() -> None:
    """Mounts are read-only and by descriptor; no proc, no dev."""
    flags = _flags()
    assert not {"--bind", "--dev-bind", "--bind-fd", "--share-net", "--proc", "--dev"} & set(flags)
    assert [flags[i + 1 : i + 3] for i, f in enumerate(flags) if f == "--ro-bind-fd"] == [
        ["7", "/image"],
        ["8", "/scanner"],
    ]


def test_rights_are_given_up() -> None:
    """The one-word restrictions that are easily lost."""
    flags = " ".join(_flags())
    for restriction in (
        "--disable-userns",
        "--assert-userns-disabled",
        "--die-with-parent",
        "--new-session",
        "--cap-drop ALL",
        "--uid 65534 --gid 65534",
        "--clearenv",
        "--remount-ro /",
        "--chdir /",
        "--size 2000 --perms 0700 --tmpfs /tmp",
    ):
        assert restriction in flags


def test_the_root_is_closed_after_the_last_mount() -> None:
    """A mount after it would be a way to write."""
    flags = _flags()
    last = max(i for i, flag in enumerate(flags) if flag in {"--ro-bind-fd", "--tmpfs"})
    assert flags.index("--remount-ro") > last


def test_the_environment_is_named_after_it_is_cleared() -> None:
    """And holds what is asked for."""
    flags = _flags()
    named = [flags[i + 1] for i, flag in enumerate(flags) if flag == "--setenv"]
    assert named == ["HOME", "TMPDIR", "GOMAXPROCS"]
    assert flags.index("--clearenv") < flags.index("--setenv")


def test_kernel_limits_hold_for_all_that_can_be_used_up() -> None:
    """Address space is not among them; CPU time comes after the watchdog's."""
    named = dict(limit.split("=") for limit in rlimits(LIMITS))
    assert named == {
        "RLIMIT_DATA": "1000",
        "RLIMIT_NPROC": "256",
        "RLIMIT_FSIZE": "1500",
        "RLIMIT_NOFILE": "256",
        "RLIMIT_CPU": "22",
        "RLIMIT_CORE": "0",
        "RLIMIT_MEMLOCK": "0",
        "RLIMIT_MSGQUEUE": "0",
    }


def test_no_file_is_larger_than_all_files_together() -> None:
    """Without a tmpfs nothing else holds a file that is written between two looks."""
    named = rlimits(replace(LIMITS, file_bytes=3000))
    assert "RLIMIT_FSIZE=2000" in named
