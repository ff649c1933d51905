"""What confines a program, in the words of a report: one form for every sandbox."""

import os
from collections.abc import Sequence


def described(backend: str, features: Sequence[str]) -> str:
    """Name a backend with its version, what of the kernel it uses, and the kernel.

    E.g. `bubblewrap 0.12.0 (user, pid, net namespaces), seccomp, Linux 6.12.8`. When any of it
    changes, a scan is no longer the same.
    """
    return f"{backend} ({', '.join(features)}), seccomp, Linux {os.uname().release}"
