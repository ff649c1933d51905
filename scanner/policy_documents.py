"""What people wrote about what decides: a policy, exemptions, and VEX documents beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scanner.errors import PolicyError, PolicyFault
from scanner.model import Exemption, Exemptions, Policy, VexStatement
from scanner.policy import default_policy, kept, read_policy
from scanner.policy.exemption_file import NAME as EXEMPTIONS
from scanner.policy.exemption_file import read_exemptions
from scanner.policy.nodes import MAX_BYTES
from scanner.policy.openvex import read_openvex
from scanner.ports.policies import PolicyFolder

VEX: Final = "vex"
"""The folder for OpenVEX documents, beside the policy."""
_MAX_VEX_DOCUMENTS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDocuments:
    """Reads them as they are now; what is in force may be what they were before."""

    folder: PolicyFolder
    policy: str | None
    """Name of the policy in the folder; None for the default one."""
    clock: Callable[[], datetime]

    def read(self) -> tuple[Policy, Exemptions]:
        """Read what people wrote. Raises PolicyError with the faults of all, and StoreError."""
        faults: list[PolicyFault] = []
        policy, exemptions = default_policy(), Exemptions()
        try:
            policy = self._read_policy()
        except PolicyError as error:
            faults += error.faults
        try:
            exemptions = self._read_exemptions(policy)
        except PolicyError as error:
            faults += error.faults
        if faults:
            raise PolicyError(faults)
        return policy, exemptions

    def _read_policy(self) -> Policy:
        if self.policy is None:
            return default_policy()
        text = self._text(self.policy)
        if text is None:
            raise PolicyError([_fault(self.policy, "is not there")])
        return read_policy(self.policy, text)

    def _read_exemptions(self, policy: Policy) -> Exemptions:
        faults: list[PolicyFault] = []
        exemptions: tuple[Exemption, ...] = ()
        statements: list[VexStatement] = []
        if (text := self._text(EXEMPTIONS)) is not None:
            try:
                exemptions = read_exemptions(EXEMPTIONS, text, policy, now=self.clock())
            except PolicyError as error:
                faults += error.faults
        names = [name for name in self.folder.names(VEX) if name.endswith(".json")]
        if len(names) > _MAX_VEX_DOCUMENTS:
            faults.append(_fault(VEX, f"has more than {_MAX_VEX_DOCUMENTS} documents"))
        for name in names[:_MAX_VEX_DOCUMENTS]:
            try:
                statements += read_openvex(name, self._text(name) or b"")
            except PolicyError as error:
                faults += error.faults
        if faults:
            raise PolicyError(faults)
        return kept.exemptions_of(exemptions, tuple(statements))

    def _text(self, name: str) -> bytes | None:
        return self.folder.read(name, max_bytes=MAX_BYTES)


def _fault(file: str, problem: str) -> PolicyFault:
    return PolicyFault(file=file, line=1, field="", problem=problem)
