"""The side that has credentials and network: says what a manifest is, and pulls images."""

from scanner.registry.acr import AcrRegistry
from scanner.registry.limits import Limits
from scanner.registry.retries import Timing

__all__ = ["AcrRegistry", "Limits", "Timing"]
