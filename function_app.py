"""The file that the Functions worker looks for; on import the package `function_app` wins."""

from function_app.main import app

__all__ = ["app"]
