"""A stand-in that tests ask over plain HTTPS."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from local.acr import RegistryClient, RegistryStandIn
from local.certificates import Certificates

Ask = Callable[..., urllib3.BaseHTTPResponse]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """One authority for all tests here."""
    return Certificates.create(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def registry(tmp_path: Path, certificates: Certificates) -> Iterator[RegistryStandIn]:
    """An empty registry."""
    with RegistryStandIn(tmp_path / "registry", certificates) as running:
        yield running


@pytest.fixture
def client(registry: RegistryStandIn) -> Iterator[RegistryClient]:
    """A push client as the admin user."""
    with registry.client() as opened:
        yield opened


@pytest.fixture
def ask(certificates: Certificates) -> Iterator[Ask]:
    """Plain HTTPS that follows no redirect and repeats nothing."""
    with urllib3.PoolManager(ca_certs=str(certificates.ca_file), retries=False) as pool:

        def call(method: str, url: str, **kwargs: Any) -> urllib3.BaseHTTPResponse:  # noqa: ANN401 - as urllib3 takes
            return pool.request(method, f"https://{url}", redirect=False, **kwargs)

        yield call


def basic_authorization(registry: RegistryStandIn) -> dict[str, str]:
    """Return the admin user's password as a header."""
    admin = registry.admin
    return urllib3.make_headers(basic_auth=f"{admin.username}:{admin.password}")
