"""The packages that samples are built from, as set-up keeps them."""

from pathlib import Path

import pytest

from local.samples.packages import PACKAGES, PackageCache, PackageUnavailableError
from tests.sandbox_programs import unavailable

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".local" / "cache"


@pytest.fixture(scope="module")
def packages() -> PackageCache:
    """Return the cache that set-up fills, filled now if that has not been done."""
    cache = PackageCache(CACHE / "packages")
    try:
        for package in PACKAGES:
            cache.fetch(package)
    except PackageUnavailableError as error:
        unavailable(str(error))
    return cache
