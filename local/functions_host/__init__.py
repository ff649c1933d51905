"""A small Azure Functions host for one machine: tests, `make demo`, `make run`. Never deployed.

It loads `function_app` by the rules of Microsoft's Python worker and honours the decorators,
host.json and local.settings.json, for HTTP triggers, timers, storage queue triggers and storage
queue outputs. Any other binding is refused by name. It is no replacement of the real host.
"""

from local.functions_host.errors import HostError
from local.functions_host.host import FunctionsHost
from local.functions_host.index import ListedFunction, indexed_app, listing

__all__ = ["FunctionsHost", "HostError", "ListedFunction", "indexed_app", "listing"]
