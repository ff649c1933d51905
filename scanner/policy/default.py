"""The policy that is used where nobody has written one."""

from functools import cache
from importlib import resources
from typing import Final

from scanner.model import Policy
from scanner.policy.policy_file import read_policy

NAME: Final = "default_policy.yaml"


def default_text() -> bytes:
    """Return the file, for who wants to begin with it."""
    return resources.files("scanner.policy").joinpath(NAME).read_bytes()


@cache
def default_policy() -> Policy:
    """Return the policy that is shipped."""
    return read_policy(NAME, default_text())
