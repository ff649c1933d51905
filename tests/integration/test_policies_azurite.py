import uuid
from typing import Protocol

import pytest

from scanner.errors import StoreError
from scanner.ports.exploits import ExploitArchive
from scanner.ports.policies import PolicyArchive
from scanner.storage import StorageConnection
from scanner.store import azure_exploits, azure_policies
from scanner.store.azure_exploits import AzureExploitArchive
from scanner.store.azure_policies import AzurePolicyArchive, BlobPolicyFolder
from tests.contracts.exploit_archive_contract import ExploitArchiveContract
from tests.contracts.policy_archive_contract import PolicyArchiveContract

pytestmark = pytest.mark.integration


class RunningAzurite(Protocol):
    """What is needed of the fixture."""

    connection_string: str


@pytest.fixture
def connection(azurite: RunningAzurite, monkeypatch: pytest.MonkeyPatch) -> StorageConnection:
    """Connect to a container and a table that no other test uses."""
    own = f"p{uuid.uuid4().hex}"
    monkeypatch.setattr(azure_policies, "CONTAINER", own)
    monkeypatch.setattr(azure_policies, "_TABLE", own)
    monkeypatch.setattr(azure_exploits, "CONTAINER", f"e{own}")
    monkeypatch.setattr(azure_exploits, "_TABLE", own)
    return StorageConnection(connection_string=azurite.connection_string)


class TestAzurePolicyArchive(PolicyArchiveContract):
    """The real archive keeps the contract on real Azurite."""

    @pytest.fixture(autouse=True)
    def _connected(self, connection: StorageConnection) -> None:
        self._connection = connection

    def archive(self) -> PolicyArchive:
        """Return an archive with clients of its own, as another process would have."""
        return AzurePolicyArchive.connect(self._connection)


class TestAzureExploitArchive(ExploitArchiveContract):
    """Likewise."""

    @pytest.fixture(autouse=True)
    def _connected(self, connection: StorageConnection) -> None:
        self._connection = connection

    def tables(self) -> ExploitArchive:
        """Return an archive with clients of its own, as another process would have."""
        return AzureExploitArchive.connect(self._connection)


def test_people_put_documents_into_the_container(connection: StorageConnection) -> None:
    """What is kept lies there too, and is no document of a folder."""
    folder = BlobPolicyFolder.connect(connection)
    assert folder.read("policy.yaml", max_bytes=10) is None
    assert folder.names("vex") == []
    with connection.blob_service() as blobs:
        container = blobs.create_container(azure_policies.CONTAINER)
        for name in ("policy.yaml", "vex/b.json", "vex/a.json", "vexed.json"):
            container.upload_blob(name, b"version: 1")
    assert folder.read("policy.yaml", max_bytes=10) == b"version: 1"
    assert folder.names("vex") == ["vex/a.json", "vex/b.json"]
    with pytest.raises(StoreError, match="larger than 9 bytes"):
        folder.read("policy.yaml", max_bytes=9)
