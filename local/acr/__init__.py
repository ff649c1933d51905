"""An Azure Container Registry stand-in: TLS, the real token flow, redirects, webhooks, faults."""

from local.acr.access import Credentials
from local.acr.client import PushError, RegistryClient
from local.acr.faults import Answer, Corrupt, Fault, Headed, IgnoreRange, Stall, Truncate
from local.acr.journal import RecordedRequest, RequestJournal
from local.acr.rules import Ports, Rules
from local.acr.server import RegistryStandIn
from local.acr.webhooks import Delivery, Webhooks, WebhookTarget

__all__ = [
    "Answer",
    "Corrupt",
    "Credentials",
    "Delivery",
    "Fault",
    "Headed",
    "IgnoreRange",
    "Ports",
    "PushError",
    "RecordedRequest",
    "RegistryClient",
    "RegistryStandIn",
    "RequestJournal",
    "Rules",
    "Stall",
    "Truncate",
    "WebhookTarget",
    "Webhooks",
]
