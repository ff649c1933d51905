"""All hostile images, each with the verdict that must come."""

from tests.hostile.images import Hostile
from tests.hostile.images_coverage import COVERAGE
from tests.hostile.images_layers import LAYERS
from tests.hostile.images_limits import LIMITED
from tests.hostile.images_links import LINKS
from tests.hostile.images_names import NAMES
from tests.hostile.images_registry import REGISTRY

CORPUS: tuple[Hostile, ...] = (*COVERAGE, *REGISTRY, *LAYERS, *LIMITED, *LINKS, *NAMES)
