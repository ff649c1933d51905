"""The deployments that stand for each profile: parameter files of `infra/profiles/`."""

import json
from pathlib import Path

MAIN = Path(__file__).parents[2] / "infra" / "main.bicep"
NAMES = ("open", "firewall", "private")


def parameters(profile: str) -> dict[str, object]:
    """Return the parameters of a profile, with a secret that is none."""
    path = MAIN.parent / "profiles" / f"{profile}.json"
    written = json.loads(path.read_text(encoding="utf-8"))["parameters"]
    return {
        "webhookSecret": "a-secret-of-no-deployment",
        **{name: one["value"] for name, one in written.items()},
    }
