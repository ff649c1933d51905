"""Inventories + advisories -> what Trivy reports on the image, without one of its layers.

Trivy finds a record of every layer in its cache and opens none; the layout that it reads names them
and does not have them. Were a record missing, it would fail rather than report less.
"""

import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from scanner.model import (
    Digest,
    LayerInventory,
    PassedOver,
    ScanReport,
    Unexaminable,
    Weakness,
)
from scanner.sandbox import Exited
from scanner.trivy.analysis import Workbench
from scanner.trivy.fault import explain
from scanner.trivy.layout import write_layout
from scanner.trivy.record import write_records
from scanner.trivy.report import parse_report
from scanner.trivy.secret_search import keep
from scanner.trivy.unread import RULES, Piles

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The layers of an image as far as Trivy matches them; what else is known is drawn together.

    The names of all files of an image take far more memory than what follows from them.
    """

    diff_ids: tuple[Digest, ...]
    keys: tuple[str, ...]
    untrusted_records: tuple[bytes, ...] = field(repr=False)
    passed_over: PassedOver
    """What Trivy passes over without a word."""
    unexamined: tuple[str, ...]
    """What it has said to have passed over in a layer, or what we did not keep of one."""
    secrets: tuple[Weakness, ...]
    """Whoever can pull the image can pull each layer of it: what one above deletes is there."""

    @classmethod
    def of(
        cls,
        layers: Sequence[LayerInventory],
        *,
        known: PassedOver | None = None,
        piles: Piles | None = None,
    ) -> Self:
        """Put layers together, bottom first, as the image's config has them.

        Args:
            layers: All of the image's.
            known: What was found out before of what Trivy passes over.
            piles: Of other images' layers; it then takes less time to find that out.
        """
        if known is None or known.rules != RULES:
            known = PassedOver(rules=RULES, texts=(piles or Piles()).unread(layers))
        said = (text for layer in layers for text in layer.unexamined)
        secrets, left_out = keep(secret for layer in layers for secret in layer.secrets)
        return cls(
            diff_ids=tuple(layer.diff_id for layer in layers),
            keys=tuple(layer.key for layer in layers),
            untrusted_records=tuple(layer.untrusted_record for layer in layers),
            passed_over=known,
            unexamined=(*said, *left_out),
            secrets=secrets,
        )

    def completed(self, seen: ScanReport) -> ScanReport:
        """Return what Trivy says of the image with what only its layers tell."""
        completed = replace(seen, weaknesses=self.secrets, passed_over=self.passed_over)
        return completed.without((*self.passed_over.texts, *self.unexamined))


def match(stack: Stack, bench: Workbench, *, scratch: Path) -> ScanReport | Unexaminable:
    """Look up the packages of one image, in one run of Trivy.

    Args:
        stack: Its layers.
        bench: What Trivy needs; its databases are those that are looked into.
        scratch: Where temporary files may be made.

    Raises:
        AdvisoriesError: Trivy cannot use its databases.
        SandboxUnavailableError: no sandbox can be built, or the layout cannot be read in it.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="match-", dir=scratch) as folder:
        layout, cache_file = Path(folder, "image"), Path(folder, "cache.db")
        write_layout(layout, diff_ids=stack.diff_ids)
        write_records(cache_file, dict(zip(stack.keys, stack.untrusted_records, strict=True)))
        completed = bench.run(layout, cache_file)
    logger.info(
        "image.matched layers=%d exit=%s seconds=%.2f",
        len(stack.keys),
        completed.exit,
        time.monotonic() - began,
    )
    if completed.exit != Exited(0):
        return explain(completed.exit, completed.untrusted_stderr)
    seen = parse_report(
        completed.untrusted_stdout,
        completed.untrusted_stderr,
        has_all_messages=len(completed.untrusted_stderr) < bench.limits.stderr_bytes,
    )
    return seen if isinstance(seen, Unexaminable) else stack.completed(seen)
