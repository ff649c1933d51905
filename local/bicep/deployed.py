"""A resource as expressions see it: what its file declares, and the way to ask for the rest."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.bicep.functions import Symbol

Resource = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """One resource, made or only named."""

    id: str
    name: str
    """With the parents' names before it, as ARM has it."""
    own_name: str
    """As the file has it."""
    type: str
    version: str
    scope: str | None
    made: bool
    body: Callable[[], dict[str, Any]]

    def member(self, name: str) -> Any:  # noqa: ANN401  JSON
        """Return what is declared of the resource, and else ask for what Azure would tell."""
        known = {"id": self.id, "name": self.own_name, "type": self.type}
        if name in known:
            return known[name]
        declared = self.body() if self.made else {}
        return Declared.over(declared.get(name), Symbol(f"[reference('{self.id}').{name}]"))

    def as_json(self) -> Resource:
        """Return the resource as ARM has it."""
        head = {"type": self.type, "apiVersion": self.version, "name": self.name, "id": self.id}
        return {**head, **({"scope": self.scope} if self.scope else {}), **self.body()}


class Declared(dict[str, Any]):
    """An object of a resource's body, of which Azure knows more than the file says."""

    rest: Symbol

    @classmethod
    def over(cls, value: object, rest: Symbol) -> object:
        """Return the value with the way to ask Azure for its missing parts."""
        if value is None:
            return rest
        if isinstance(value, list):
            return [cls.over(one, rest.member(f"[{index}]")) for index, one in enumerate(value)]
        if not isinstance(value, dict):
            return value
        declared = cls(value)
        declared.rest = rest
        return declared


def id_of(value: Any) -> str:  # noqa: ANN401  a resource or what resourceGroup() returns
    """Return the id of a scope."""
    return str(value.id if isinstance(value, Deployed) else value["id"])


def without_null(value: Any) -> Any:  # noqa: ANN401  JSON
    """Return the value without what is null: for ARM it is not there."""
    if isinstance(value, dict):
        return {key: without_null(one) for key, one in value.items() if one is not None}
    return [without_null(one) for one in value] if isinstance(value, list) else value
