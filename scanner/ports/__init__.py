"""The ports that the core needs, and the values that cross them."""

from scanner.ports.ancestors import Ancestors, KnownBase
from scanner.ports.messages import (
    DelayingQueue,
    HeldMessage,
    HeldMessages,
    JobQueue,
    Outbox,
    Undelivered,
)
from scanner.ports.pulls import Pull, Pulls
from scanner.ports.referrers import Described, Referrer, Referrers
from scanner.ports.registry import (
    Catalogue,
    IndexEntry,
    Layer,
    ListedManifest,
    ManifestPage,
    PullPlan,
    Registry,
    Resolved,
    ResolvedImage,
    ResolvedIndex,
)
from scanner.ports.scanning import BillScanner, ImageScanner, InventoryStore
from scanner.ports.sightings import Progress, Sighting, Sightings
from scanner.ports.streams import StreamStore
from scanner.ports.verdicts import Check, CurrentVerdict, PastVerdict, ReportStore, TagPush

__all__ = [
    "Ancestors",
    "BillScanner",
    "Catalogue",
    "Check",
    "CurrentVerdict",
    "DelayingQueue",
    "Described",
    "HeldMessage",
    "HeldMessages",
    "ImageScanner",
    "IndexEntry",
    "InventoryStore",
    "JobQueue",
    "KnownBase",
    "Layer",
    "ListedManifest",
    "ManifestPage",
    "Outbox",
    "PastVerdict",
    "Progress",
    "Pull",
    "PullPlan",
    "Pulls",
    "Referrer",
    "Referrers",
    "Registry",
    "ReportStore",
    "Resolved",
    "ResolvedImage",
    "ResolvedIndex",
    "Sighting",
    "Sightings",
    "StreamStore",
    "TagPush",
    "Undelivered",
]
