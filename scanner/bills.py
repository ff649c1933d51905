"""A report -> the bill of materials of its image, from what is known of its layers.

No registry is asked, and no layer is opened.
"""

from dataclasses import dataclass

from scanner.errors import ExportError
from scanner.exports import InvalidBillError, bill_of_materials
from scanner.model import LayerInventory, Report, Unexaminable
from scanner.ports import BillScanner, InventoryStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Bills:
    """Writes bills of materials. Safe to use from several threads."""

    scanner: BillScanner
    inventories: InventoryStore

    def bill(self, report: Report) -> bytes:
        """Write the bill of one platform's image: equal images, equal bytes.

        Raises:
            ExportError: What its layers hold is not known, or cannot be written.
            AdvisoriesError: Trivy cannot use its databases.
            SandboxUnavailableError: No sandbox can be built.
            StoreError: Storage is out of reach.
        """
        if report.platforms:
            raise ExportError(f"{report.image} is an index: each platform has a bill of its own")
        if not report.layers:
            raise ExportError(f"{report.image} was not examined, so nobody knows what is in it")
        advisories = self.scanner.advisories()
        profile = self.scanner.profile(advisories)
        layers: list[LayerInventory] = []
        for diff_id in report.layers:
            inventory = self.inventories.find(profile, diff_id)
            if inventory is None:
                raise ExportError(
                    f"{report.image} was examined by another scanner: `pushscan rescan` it first"
                )
            layers.append(inventory)
        written = self.scanner.bill(layers, advisories=advisories)
        if isinstance(written, Unexaminable):
            raise ExportError(f"no bill of {report.image}: {written.detail}")
        try:
            return bill_of_materials(written, report)
        except InvalidBillError as error:
            raise ExportError(f"no bill of {report.image}: {error}") from error
