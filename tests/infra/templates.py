"""The templates, evaluated once for each profile."""

from functools import cache
from typing import Any

from local.bicep.deployed import Resource
from local.bicep.evaluate import evaluate
from local.bicep.profiles import MAIN, parameters


@cache
def deployed(profile: str) -> list[Resource]:
    """Return the resources of a profile; nobody may change them."""
    return evaluate(MAIN, parameters(profile))


def one_of(profile: str, kind: str) -> Resource:
    """Return the one resource of a type."""
    (one,) = (resource for resource in deployed(profile) if resource["type"] == kind)
    return one


def all_of(profile: str, kind: str) -> list[Resource]:
    """Return the resources of a type."""
    return [resource for resource in deployed(profile) if resource["type"] == kind]


def properties(resource: Resource) -> dict[str, Any]:
    """Return the properties of a resource."""
    found = resource["properties"]
    assert isinstance(found, dict)
    return found
