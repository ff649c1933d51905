"""Text for SARIF's messages, and what tells one finding from another from version to version."""

import hashlib
import json

from scanner.model import Finding, Subject
from scanner.text import visible

_MAX_CHARACTERS = 1_000
# SARIF 2.1.0, 3.11.5 (placeholders) and 3.11.6 (embedded links): a name must be neither.
_INERT = str.maketrans({"{": "{{", "}": "}}", "[": "\\[", "]": "\\]", "\\": "\\\\"})


def message(untrusted_text: str) -> str:
    """Make text of a message: nothing in it is a link or a placeholder, and it is not empty."""
    return visible(untrusted_text, _MAX_CHARACTERS).translate(_INERT) or "-"


def fingerprint(subject: Subject) -> str:
    """Hash what a finding is, in 64 hex digits: the same for another version or another layer."""
    if isinstance(subject, Finding):
        named = (subject.package_type, subject.package, subject.vulnerability)
    else:
        named = (subject.kind.value, subject.path, subject.id)
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()
