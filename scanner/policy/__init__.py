"""Policies and exemptions as people write them: YAML and OpenVEX -> the nouns, or every fault."""

from scanner.policy.default import default_policy
from scanner.policy.policy_file import canonical, read_policy

__all__ = ["canonical", "default_policy", "read_policy"]
