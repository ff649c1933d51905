"""Drives Microsoft's worker library as the Functions worker drives it.

The messages: azure-functions-language-worker-protobuf; the order: azure-functions-python-worker.
"""

import asyncio
import json
import uuid
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from tests import worker_protos


class Library:
    """The worker library, driven as the worker drives it, for one app."""

    def __init__(self, runtime: ModuleType, script_root: Path) -> None:
        """Index the app in `script_root`; `failure` tells why, if that failed."""
        self._runtime = runtime
        started = self._ask(
            "worker_init_request",
            capabilities={},
            function_app_directory=str(script_root),
        )
        self.failure = started.result.exception
        self.ran: set[str] = set()
        self.functions: dict[str, worker_protos.RpcFunctionMetadata] = {}
        if not self.failure:
            reported = self._ask("functions_metadata_request")
            self.functions = {f.name: f for f in reported.function_metadata_results}

    def run(
        self,
        name: str,
        data: worker_protos.TypedData,
        metadata: dict[str, worker_protos.TypedData] | None = None,
    ) -> worker_protos.InvocationResponse:
        """Load a function and invoke it with data for its trigger."""
        function = self.functions[name]
        self.ran.add(name)
        loaded = self._ask("function_load_request", function_id=function.function_id)
        assert loaded.result.status == worker_protos.StatusResult.Success
        trigger = next(n for n, b in function.bindings.items() if b.type.endswith("Trigger"))
        answer: worker_protos.InvocationResponse = self._ask(
            "invocation_request",
            function_id=function.function_id,
            invocation_id=str(uuid.uuid4()),
            input_data=[worker_protos.ParameterBinding(name=trigger, data=data)],
            trigger_metadata=metadata or {},
            trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
            retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
        )
        return answer

    def _ask(self, kind: str, **fields: object) -> Any:  # noqa: ANN401 - one kind of answer each
        request = SimpleNamespace(
            request=SimpleNamespace(**{kind: SimpleNamespace(**fields)}),
            properties={"host": "127.0.0.1", "protos": worker_protos},
        )
        return asyncio.run(getattr(self._runtime, kind)(request))


def http(
    body: bytes,
    *,
    params: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> worker_protos.TypedData:
    """Make the data of an HTTP trigger as the host sends it."""
    return worker_protos.TypedData(
        http=worker_protos.RpcHttp(
            method="POST",
            url="http://host/api/x",
            headers={"content-type": "application/json"} | (headers or {}),
            params=params or {},
            body=worker_protos.TypedData(bytes=body),
        )
    )


def queued(dequeue_count: int) -> dict[str, worker_protos.TypedData]:
    """Make the metadata of a queue trigger as the host sends it."""
    typed = worker_protos.TypedData
    return {
        "Id": typed(string="message-1"),
        "DequeueCount": typed(string=str(dequeue_count)),
        "InsertionTime": typed(string="2026-03-04T05:06:07+00:00"),
        "ExpirationTime": typed(string="2026-03-11T05:06:07+00:00"),
        "NextVisibleTime": typed(string="2026-03-04T05:16:07+00:00"),
        "PopReceipt": typed(string="receipt"),
    }


def reported_listing(library: Library) -> list[dict[str, Any]]:
    """Return the library's report in the shape of our listing."""
    return [
        {
            "name": function.name,
            "scriptFile": function.script_file,
            "bindings": [json.loads(raw) for raw in function.raw_bindings],
        }
        for function in library.functions.values()
    ]
