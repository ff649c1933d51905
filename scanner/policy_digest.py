"""A policy by its digest: what two workers compare to know that they judge alike."""

import json
from dataclasses import asdict

from scanner.model import Digest, Policy


def policy_digest(policy: Policy) -> str:
    """Return the digest of a policy, `sha256:` and 64 hex digits."""
    return str(Digest.of(json.dumps(asdict(policy), sort_keys=True).encode()))
