"""`pushscan check` as tests run it: in this process, on a scanner that finds what they say."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from typer.testing import CliRunner, Result

from scanner.advisory_settings import AdvisorySettings
from scanner.cli import app
from scanner.cli.surroundings import Surroundings
from scanner.errors import PushscanError
from scanner.exploit_settings import ExploitSettings
from scanner.model import Advisories, Digest, LayerInventory, ScanReport, Unexaminable
from scanner.model.limits import Limits
from scanner.policy_settings import PolicySettings
from scanner.scanner_settings import ScannerSettings
from scanner.settings import CheckSettings
from scanner.wiring.checking import Checking
from tests.examples import ADVISORIES, NOW, scan_report
from tests.fakes import StubScanner
from tests.reports import SCANNER


class _Scanner(StubScanner):
    """Finds in a layer what the test says, whatever is in its file."""

    def analyse(
        self, layer: Path, diff_id: Digest, *, advisories: Advisories
    ) -> LayerInventory | Unexaminable:
        layer.write_text(str(diff_id))
        return super().analyse(layer, diff_id, advisories=advisories)


_SETTINGS = CheckSettings(
    scanner=ScannerSettings(
        advisories=Path("unused"),
        advisory_updates=AdvisorySettings(),
        trivy=Path("unused"),
        sandbox="auto",
        bubblewrap=None,
        names_storage=False,
    ),
    limits=Limits(),
    policy=PolicySettings(),
    exploits=ExploitSettings(sources={}),
    registries=frozenset(),
    blob_hosts=frozenset(),
    ca_file=None,
    identity_client_id=None,
    in_azure=False,
)


def check(
    *arguments: str,
    seen: ScanReport | None = None,
    database: Advisories = ADVISORIES,
    outage: PushscanError | None = None,
    sources: Mapping[str, str] | None = None,
) -> Result:
    """Run `pushscan check` on an image in which this is seen."""
    settings = replace(_SETTINGS, exploits=ExploitSettings(sources=sources or {}))
    scanner = _Scanner(
        scanner=SCANNER, database=database, otherwise=seen or scan_report(), outage=outage
    )
    around = Surroundings(
        checking=lambda: Checking(settings=settings, scanner=lambda *_: scanner, clock=lambda: NOW),
        now=lambda: NOW,
    )
    return CliRunner().invoke(app, ["check", *arguments], obj=around)
