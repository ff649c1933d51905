"""The edge: all that knows Azure Functions. The worker finds exactly one app under this name."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import azure.functions as func

__all__ = ["app"]


def __getattr__(name: str) -> "func.FunctionApp":
    # Built when it is asked for (PEP 562): importing one of the modules needs no settings.
    if name != "app":
        raise AttributeError(name)
    from function_app.main import app  # noqa: PLC0415 - see above

    return app


def __dir__() -> list[str]:
    return __all__
