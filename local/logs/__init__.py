"""A stand-in for the query API of Log Analytics, as far as pulls are asked for."""

from local.logs.server import LogsStandIn

__all__ = ["LogsStandIn"]
