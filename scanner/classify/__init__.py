"""Pure: what was seen, the advisories and the policy -> a verdict with the rule that decided."""

from scanner.classify.image import classify
from scanner.classify.index import classify_index

__all__ = ["classify", "classify_index"]
