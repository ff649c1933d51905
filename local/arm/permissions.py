"""Which action of Azure's role-based access control a request to ARM needs."""


def action_of(method: str, path: str) -> str:
    """Return the action in lower case, e.g. `microsoft.containerregistry/registries/read`.

    Azure checks an extension's request by the extension's own provider, the last one of the path.
    """
    provider, *rest = path.lower().rpartition("/providers/")[2].strip("/").split("/")
    kinds = "/".join([provider, *rest[::2]])
    return f"{kinds}/{'action' if method == 'POST' else 'read'}"
