"""What one scan may use."""

from dataclasses import dataclass

_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run may use. The kernel or the supervisor enforces all but `processors`.

    The defaults fit a worker with 2 GiB of memory for each processor, where as many runs go on at
    once as there are processors.
    """

    wall_seconds: float = 480.0
    """With 5 minutes for the pull well within the half hour after which the host gives up."""
    cpu_seconds: int = 480
    """Processor time of all processes together, at a look every 50 ms: one processor for all of the
    wall clock. An image that makes both spin gets half of the worker's time, and no more."""
    processors: int = 2
    """How many run the scanner's code at a time: as many as the worker has. It is advice; a scanner
    that was taken over can ignore it, and meets `cpu_seconds` the sooner."""
    memory_bytes: int = 1024 * _MIB
    """RLIMIT_DATA of each process. Not RLIMIT_AS: Go reserves a GiB of address space at start,
    and the advisory database is mapped whole. The supervisor holds anonymous and shared memory of
    all processes together to it too, at a look every 50 ms. Half of what comes with a processor,
    because a private /tmp that is a tmpfs is memory too."""
    processes: int = 256
    """Processes and threads; the kernel does not count them for root. Go makes a further thread for
    each system call that blocks; the bound is on bombs, which reach thousands at once."""
    open_files: int = 256
    """Of each process: a scanner reads a few layers at a time, and closes each file of an image
    before the next one."""
    file_bytes: int = 512 * _MIB
    """Size of any one file, and never above `temporary_bytes`: a scanner copies the largest file
    that it examines as a whole."""
    temporary_bytes: int = 512 * _MIB
    """Size of the private /tmp: the copies of one layer's files. With `memory_bytes` it leaves the
    worker a quarter of what comes with a processor."""
    temporary_files: int = 20_000
    """Files and directories in the private /tmp, at a look every 50 ms. The size of a tmpfs does
    not count empty ones, of which each takes about a KiB of the kernel's memory: 20 MiB."""
    stdout_bytes: int = 64 * _MIB
    """The report, which the worker holds and parses: as much as a stored one may be."""
    stderr_bytes: int = _MIB
    """Messages. The rest is cut, and with it the proof that no package was left out."""
