"""Lists what the registries hold and queues what is not as the stored verdicts have it.

That is what nobody has judged: imports, lost events, a start; tags that name another image than we
know; and what has a verdict and is listed no more, an image or a whole repository.
"""

from scanner.reconcile.choice import Choice
from scanner.reconcile.reconciler import Reconciler
from scanner.reconcile.tally import Tally
from scanner.reconcile.unseen import unjudged

__all__ = ["Choice", "Reconciler", "Tally", "unjudged"]
