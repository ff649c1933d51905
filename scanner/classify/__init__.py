"""Pure: what was seen, the advisories and the policy -> a verdict, and a decision per finding."""

from scanner.classify.image import judge
from scanner.classify.index import classify_index

__all__ = ["classify_index", "judge"]
