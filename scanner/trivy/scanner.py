"""The image scanner: Trivy, in the sandbox, on verified layers."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scanner.model import (
    Advisories,
    Digest,
    LayeredImage,
    LayerInventory,
    Scanner,
    ScanReport,
    Unexaminable,
)
from scanner.sandbox import Limits, Preference, choose
from scanner.trivy import argv
from scanner.trivy.advisories import AdvisoryDirectory
from scanner.trivy.analysis import FORM, Workbench, analyse
from scanner.trivy.bill import write_bill
from scanner.trivy.binary import TrivyBinary
from scanner.trivy.many import match_all
from scanner.trivy.matching import Stack, match
from scanner.trivy.shared import SharedAdvisories


@dataclass(frozen=True, slots=True, kw_only=True)
class TrivyScanner:
    """Implements the pipeline's `ImageScanner`. Building one starts nothing."""

    trivy: Path
    bubblewrap: Path | None
    directory: AdvisoryDirectory
    scratch: Path
    """For temporary files of a match; on the file system of the layers, for analysis."""
    sandbox: Preference = "auto"
    limits: Limits = field(default_factory=Limits)
    shared: SharedAdvisories | None = None
    """What the directory is kept equal to; None where it stands for itself."""

    def describe(self) -> Scanner:
        """Name Trivy and the sandbox. Raises SandboxUnavailableError when either does not work."""
        sandbox = choose(self.sandbox, self.bubblewrap)
        binary = TrivyBinary.inspect(self.trivy, sandbox)
        return Scanner(
            name="trivy",
            version=binary.version,
            digest=binary.digest,
            isolation=sandbox.isolation,
        )

    def advisories(self) -> Advisories:
        """Name the current database. Raises AdvisoriesError: none is in place, or it is damaged."""
        if self.shared:
            self.shared.follow()
        return self.directory.current()[0]

    def profile(self, advisories: Advisories) -> str:
        """Name all that an inventory depends on beside its layer: Trivy, its flags, Java index, us.

        Raises SandboxUnavailableError.
        """
        binary = TrivyBinary.inspect(self.trivy, choose(self.sandbox, self.bubblewrap))
        arguments = [*argv.scan(backend="fs"), *argv.list_secrets()]
        inputs = [FORM, binary.digest, *arguments, advisories.java_digest]
        return hashlib.sha256(json.dumps(list(map(str, inputs))).encode()).hexdigest()

    def analyse(
        self, layer: Path, diff_id: Digest, *, advisories: Advisories
    ) -> LayerInventory | Unexaminable:
        """Find out what an unpacked, verified layer holds.

        Raises:
            AdvisoriesError: that database is gone, or Trivy cannot use it.
            SandboxUnavailableError: no sandbox can be built; Trivy was not run.
        """
        return analyse(layer, diff_id, self._bench(advisories))

    def match(
        self, layers: Sequence[LayerInventory], *, advisories: Advisories
    ) -> ScanReport | Unexaminable:
        """Look up what an image holds in the database that has this digest.

        Raises as `analyse` does.
        """
        return match(Stack.of(layers), self._bench(advisories), scratch=self.scratch)

    def match_all(
        self, images: Iterable[LayeredImage], *, advisories: Advisories
    ) -> Iterator[ScanReport | Unexaminable]:
        """Look up what each of many images holds, in their order; equal to `match`, and cheaper.

        Raises as `analyse` does.
        """
        return match_all(images, self._bench(advisories), scratch=self.scratch)

    def bill(
        self, layers: Sequence[LayerInventory], *, advisories: Advisories
    ) -> bytes | Unexaminable:
        """Write a bill of materials of what an image holds, as Trivy does; it is untrusted.

        Raises as `analyse` does.
        """
        return write_bill(layers, self._bench(advisories), scratch=self.scratch)

    def _bench(self, advisories: Advisories) -> Workbench:
        sandbox = choose(self.sandbox, self.bubblewrap)
        return Workbench(
            binary=TrivyBinary.inspect(self.trivy, sandbox),
            sandbox=sandbox,
            databases=self.directory.find(advisories),
            limits=self.limits,
        )
