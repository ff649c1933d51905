"""What writes to a registry, by an identity of its own where one is given."""

from scanner.attaching import Attacher
from scanner.bills import Bills
from scanner.ports import ReportStore
from scanner.registry.referrers import AcrReferrers
from scanner.settings import Settings
from scanner.wiring.parts import credential


def attacher(settings: Settings, store: ReportStore, bills: Bills) -> Attacher:
    """Return what attaches exports to images."""
    client_id = settings.attaching.client_id or settings.identity_client_id
    return Attacher(
        store=store,
        bills=bills,
        referrers=AcrReferrers(
            credential=credential(client_id, in_azure=settings.storage.in_azure),
            registries=settings.registries.canonical,
            ca_file=settings.ca_file,
        ),
        kinds=settings.attaching.kinds,
    )
