"""Who pulls from a registry with tokens for Azure Resource Manager, which it must then take.

Container Apps can pull by managed identity in no other way (Microsoft Learn, "Azure Container Apps
image pull with managed identity": the registry must allow ARM audience tokens). App Service cannot
either, but it does not list how its apps pull.
"""

from collections.abc import Callable

from scanner.posture.documents import Document
from scanner.posture.properties import Properties


def pulls_from(container_app: Document, is_host: Callable[[str], bool]) -> bool:
    """Whether a Container App pulls from a host with an identity, and not with a password."""
    app = Properties(members=container_app, is_declared=True)
    registries = app.inner("properties").inner("configuration").items("registries")
    return any(one.text("identity") and is_host(one.text("server")) for one in registries)
