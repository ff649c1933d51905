"""The system calls that the filter knows, with their numbers: (x86-64, aarch64 or None).

The numbers are Linux's: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h.
The allowed ones are what Trivy 0.76 was seen to use over an image with one file for every analyzer,
what Go's runtime falls back to, and what bubblewrap's init needs. Not one of them opens a socket;
what a server needs for that is on a list of its own.
"""

from collections.abc import Mapping
from typing import Final

Numbers = tuple[int, int | None]

ALLOWED: Final[Mapping[str, Numbers]] = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "lseek": (8, 62),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "readv": (19, 65),
    "writev": (20, 66),
    "dup": (32, 23),
    "dup3": (292, 24),
    "pipe2": (293, 59),
    "eventfd2": (290, 19),
    "epoll_create1": (291, 20),
    "epoll_ctl": (233, 21),
    "epoll_pwait": (281, 22),
    "ppoll": (271, 73),
    "stat": (4, None),
    "lstat": (6, None),
    "fstat": (5, 80),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "getcwd": (79, 17),
    "getdents64": (217, 61),
    "fadvise64": (221, 223),
    "mkdirat": (258, 34),
    "unlinkat": (263, 35),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "ftruncate": (77, 46),
    "fallocate": (285, 47),
    "fsync": (74, 82),
    "fdatasync": (75, 83),
    "copy_file_range": (326, 285),
    "brk": (12, 214),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "mincore": (27, 232),
    "msync": (26, 227),
    "membarrier": (324, 283),
    "execve": (59, 221),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "wait4": (61, 260),
    "set_tid_address": (218, 96),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "restart_syscall": (219, 128),
    "futex": (202, 98),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "arch_prctl": (158, None),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "uname": (63, 160),
    "sysinfo": (99, 179),
    "getrlimit": (97, 163),
    "getrusage": (98, 165),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "getrandom": (318, 278),
}
"""Whatever their arguments. `execve` starts the program, `wait4` is for bubblewrap's init, `stat`,
`lstat` and `readlink` are SQLite's, which reads rpm databases and the index of Java archives."""

CHECKED: Final[Mapping[str, Numbers]] = {
    "open": (2, None),
    "openat": (257, 56),
    "fchmodat": (268, 53),
    "flock": (73, 32),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "clone": (56, 220),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "kill": (62, 129),
    "tgkill": (234, 131),
}
"""With the arguments that `scanner.sandbox.seccomp` lets through."""

SERVING: Final[Mapping[str, Numbers]] = {
    "socket": (41, 198),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept4": (288, 242),
    "getsockname": (51, 204),
    "setsockopt": (54, 208),
}
"""Of a program that is to be asked over TCP, in a network of its own; of no other. It is called and
cannot call: `connect` is not here, nor anything that sends without a connection."""

UNSEEN: Final[Mapping[str, Numbers]] = {
    "clone3": (435, 435),
    "openat2": (437, 437),
}
"""Their flags lie in memory, which a filter cannot read. They are "not implemented": callers are
ready for that, as old kernels lack them too."""

FATAL: Final[Mapping[str, Numbers]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "personality": (135, 92),
    "unshare": (272, 97),
    "setns": (308, 268),
    "chroot": (161, 51),
    "pivot_root": (155, 41),
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "open_by_handle_at": (304, 265),
}
"""No parser of files has a use for them: whoever calls one has been taken over, and dies."""
