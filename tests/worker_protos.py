"""The messages of azure-functions-language-worker-protobuf, as far as the Python worker uses them.

The worker library takes the message classes from its caller; plain ones with the same fields do.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

# The field names are the protocol's own (FunctionRpc.proto), and so are its spellings.


@dataclass(kw_only=True)
class StatusResult:
    """How a request went."""

    Failure: ClassVar[int] = 0
    Success: ClassVar[int] = 1

    status: int
    exception: Any = None


@dataclass(kw_only=True)
class RpcException:
    """An exception of the app."""

    message: str = ""
    stack_trace: str = ""
    source: str = ""


@dataclass(kw_only=True)
class WorkerMetadata:
    """Which worker answers."""

    runtime_name: str
    runtime_version: str
    worker_version: str
    worker_bitness: str
    custom_properties: dict[str, str]


@dataclass(kw_only=True)
class WorkerInitResponse:
    """Whether the app could be indexed."""

    capabilities: dict[str, str]
    worker_metadata: WorkerMetadata
    result: StatusResult


@dataclass(kw_only=True)
class BindingInfo:
    """One binding; the numbers are the protocol's Direction and DataType."""

    out: ClassVar[int] = 1
    inout: ClassVar[int] = 2
    undefined: ClassVar[int] = 0

    type: str
    data_type: int | None
    direction: int


@dataclass(kw_only=True)
class RpcFunctionMetadata:
    """One function, as the worker reports it."""

    name: str
    function_id: str
    managed_dependency_enabled: bool
    directory: str
    script_file: str
    entry_point: str
    is_proxy: bool
    language: str
    bindings: dict[str, BindingInfo]
    raw_bindings: list[str]
    retry_options: Any
    properties: dict[str, str]


@dataclass(kw_only=True)
class FunctionMetadataResponse:
    """All functions of the app."""

    use_default_metadata_indexing: bool
    function_metadata_results: list[RpcFunctionMetadata]
    result: StatusResult


@dataclass(kw_only=True)
class FunctionLoadResponse:
    """Whether a function can be invoked."""

    function_id: str
    result: StatusResult


@dataclass(kw_only=True)
class RpcHttp:
    """A request or a response."""

    method: str = ""
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: "TypedData | None" = None
    status_code: str = ""
    cookies: Any = None
    enable_content_negotiation: bool = False


class TypedData:
    """One value of one kind."""

    def __init__(self, **value: Any) -> None:  # noqa: ANN401 - the protocol's one-of
        """Set the one field that is given."""
        ((self._kind, self._value),) = value.items()

    def __getattr__(self, kind: str) -> Any:  # noqa: ANN401 - the protocol's one-of
        if kind != self.__dict__["_kind"]:
            raise AttributeError(kind)
        return self._value

    def WhichOneof(self, _group: str) -> str:  # noqa: N802 - protobuf's name
        """Tell which field is set."""
        return self._kind


@dataclass(kw_only=True)
class ParameterBinding:
    """A value for, or from, one parameter."""

    name: str
    data: TypedData

    def WhichOneof(self, _group: str) -> str:  # noqa: N802 - protobuf's name
        """Tell which field is set."""
        return "data"


@dataclass(kw_only=True)
class InvocationResponse:
    """How an invocation went and what it gave."""

    invocation_id: str
    result: StatusResult
    return_value: TypedData | None = None
    output_data: list[ParameterBinding] = field(default_factory=list)
