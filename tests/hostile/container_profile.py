"""What a container engine's default takes from a process: system calls and capabilities.

Compared with moby/profiles, seccomp/default.json, at commit
02e898b137aed1024e232d59bcb05e6179b72177 (an allow-list; here is what it leaves out, which is the
same up to Linux 6.15, for a process without capabilities beyond the default on Linux 4.8 or newer),
and with moby/moby, oci/caps/defaults.go, at commit 10866714412aea1bb587d1ad14b2ce1ba4cf4308. The
numbers are Linux's: asm/unistd_64.h, asm-generic/unistd.h.
"""

import struct
from collections.abc import Mapping

_FORBIDDEN: Mapping[str, tuple[int | None, int | None]] = {
    "_sysctl": (156, None),
    "acct": (163, 89),
    "add_key": (248, 217),
    "afs_syscall": (183, None),
    "bpf": (321, 280),
    "clock_settime": (227, 112),
    "create_module": (174, None),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "get_kernel_syms": (177, None),
    "get_mempolicy": (239, 236),
    "getpmsg": (181, None),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "lsm_get_self_attr": (459, 459),
    "lsm_list_modules": (461, 461),
    "lsm_set_self_attr": (460, 460),
    "mbind": (237, 235),
    "migrate_pages": (256, 238),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "nfsservctl": (180, 42),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "putpmsg": (182, None),
    "query_module": (178, None),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "security": (185, None),
    "set_mempolicy": (238, 237),
    "set_mempolicy_home_node": (450, 450),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "sysfs": (139, None),
    "syslog": (103, 116),
    "tuxcall": (184, None),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "uselib": (134, None),
    "userfaultfd": (323, 282),
    "ustat": (136, None),
    "vhangup": (153, 58),
    "vserver": (236, None),
}
_FIRST_UNKNOWN = 467  # open_tree_attr, of Linux 6.15
_MACHINES = ("x86_64", "aarch64")
_CLONE3 = (435, 435)
_CLONE, _NEW_NAMESPACE = (56, 220), 0x7E020000
_SOCKET, _FAMILIES = (
    (41, 198),
    (*range(12), *range(13, 19), 21, 22, 24, *range(26, 34), 35, 36, 39, *range(41, 46)),
)
_PERSONALITY, _PERSONALITIES = (135, 92), (0, 8, 0x20000, 0x20008, 0xFFFFFFFF)

# Of linux/capability.h: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap,
# net_bind_service, net_raw, sys_chroot, mknod, audit_write, setfcap.
CAPABILITIES = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31)

_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_FIRST_ARGUMENT = 16  # in struct seccomp_data
_ALLOW = (_RETURN, 0, 0, 0x7FFF0000)
_EPERM = (_RETURN, 0, 0, 0x00050001)
_ENOSYS = (_RETURN, 0, 0, 0x00050026)


def profile(machine: str) -> list[bytes]:
    """Build the profile's filter, as instructions of classic BPF."""
    column = _MACHINES.index(machine)
    code = [(_LOAD, 0, 0, 0), (_IF_AT_LEAST, 0, 1, _FIRST_UNKNOWN), _ENOSYS]
    code += [(_IF_EQUAL, 0, 1, _CLONE3[column]), _ENOSYS]
    for numbers in _FORBIDDEN.values():
        number = numbers[column]
        if number is not None:
            code += [(_IF_EQUAL, 0, 1, number), _EPERM]
    for numbers, values in ((_SOCKET, _FAMILIES), (_PERSONALITY, _PERSONALITIES)):
        rule = [(_LOAD, 0, 0, _FIRST_ARGUMENT)]
        for value in values:
            rule += [(_IF_EQUAL, 0, 1, value), _ALLOW]
        code += [(_IF_EQUAL, 0, len(rule) + 1, numbers[column]), *rule, _EPERM]
    code += [
        (_IF_EQUAL, 0, 3, _CLONE[column]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_IF_ANY_BIT, 0, 1, _NEW_NAMESPACE),
        _EPERM,
        _ALLOW,
    ]
    return [struct.pack("<HBBI", *instruction) for instruction in code]
