"""What is known of the layers of the examples, and a scanner that writes one bill for all."""

from collections.abc import Sequence

from scanner.bills import Bills
from scanner.model import Advisories, Digest, LayerInventory, Unexaminable
from tests.examples import ADVISORIES
from tests.fakes import InMemoryInventoryStore
from tests.reports import unhealthy_report

_PROFILE = "ab" * 32


class BillScanner:
    """A scanner that always writes the same bill."""

    def __init__(self, written: bytes | Unexaminable) -> None:
        self.written = written
        self.layers: list[Digest] = []

    def advisories(self) -> Advisories:
        """Name those of the examples."""
        return ADVISORIES

    def profile(self, _: Advisories) -> str:
        """Name the one profile."""
        return _PROFILE

    def bill(
        self, layers: Sequence[LayerInventory], *, advisories: Advisories
    ) -> bytes | Unexaminable:
        """Write the bill, and remember of what."""
        assert advisories == ADVISORIES
        self.layers = [layer.diff_id for layer in layers]
        return self.written


def bills(written: bytes | Unexaminable, *, known: bool = True) -> Bills:
    """Return what writes bills of images of the examples."""
    inventories = InMemoryInventoryStore()
    for diff_id in unhealthy_report().layers if known else ():
        inventories.save(
            _PROFILE,
            LayerInventory(
                diff_id=diff_id,
                key=str(diff_id),
                untrusted_record=b"{}",
                unexamined=(),
                entries=(),
            ),
        )
    return Bills(scanner=BillScanner(written), inventories=inventories)
