"""App settings: the environment, filled up from local.settings.json as Core Tools does."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from local.functions_host.errors import ConfigurationError

_LARGEST_FILE_BYTES: Final = 1 << 20


class _LocalSettings(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    is_encrypted: bool = False
    values: dict[str, str] = {}
    # Core Tools reads its own port from here; this host takes it as an argument.
    host: dict[str, Any] = {}


@contextlib.contextmanager
def app_settings(script_root: Path, given: Mapping[str, str]) -> Iterator[None]:
    """Put the app's settings into the environment, and take them out again at the end.

    What is `given` wins; then what the environment has; local.settings.json only fills gaps.

    Raises:
        ConfigurationError: local.settings.json is malformed or encrypted.
    """
    before = dict(os.environ)
    try:
        for name, value in _local_values(script_root / "local.settings.json").items():
            os.environ.setdefault(name, value)
        os.environ.update(given)
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def setting(name: str) -> str:
    """Return an app setting, empty if unset; names are compared without case, as .NET does."""
    if name in os.environ:
        return os.environ[name]
    wanted = name.casefold()
    return next((value for key, value in os.environ.items() if key.casefold() == wanted), "")


def _local_values(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        with path.open("rb") as file:
            said = msgspec.json.decode(file.read(_LARGEST_FILE_BYTES), type=_LocalSettings)
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    if said.is_encrypted:
        raise ConfigurationError(f"{path}: is encrypted, which only Core Tools can read")
    return said.values
