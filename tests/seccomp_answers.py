"""What the system-call filter answers."""

import errno

from tests.bpf import errno_action

EPERM = errno_action(errno.EPERM)
HIGH = 1 << 32
OWN_PID = 4321
