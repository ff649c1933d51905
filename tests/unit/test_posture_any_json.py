import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import PostureError
from scanner.posture.assessment import RULES, assess
from scanner.posture.assessment_json import decode, encode
from scanner.posture.files import read_file
from scanner.posture.page import page
from scanner.posture.sarif import sarif
from tests.posture import NOW, bundle

_TYPES = (
    "Microsoft.ContainerRegistry/registries",
    "Microsoft.ContainerRegistry/registries/webhooks",
    "Microsoft.Insights/diagnosticSettings",
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.Authorization/policyAssignments",
    "Microsoft.Network/privateEndpoints",
    "Microsoft.Resources/deployments",
)


def _names(document: object) -> set[str]:
    if isinstance(document, list):
        return set().union(*map(_names, document))
    if isinstance(document, dict):
        return set(document) | set().union(*map(_names, document.values()))
    return set()


_NAMES = sorted(
    _names(bundle("standard-abac"))
    | {"resources", "changes", "after", "before", "changeType", "template", "scope", "serviceUri"}
    | {"privateLinkServiceConnections", "privateLinkServiceId", "groupIds", "condition", "parent"}
)
_ATOMS = (
    st.none()
    | st.booleans()
    | st.integers(-9, 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from((*_TYPES, "Premium", "enabled", "[parameters('x')]", "https://[::1", "/a/b"))
)
_JSON = st.recursive(
    _ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=6)
        | st.fixed_dictionaries(
            {"type": st.sampled_from(_TYPES)},
            optional={"properties": inner, "name": inner, "resources": inner, "scope": inner},
        )
    ),
    max_leaves=25,
)
_REGISTRY = st.fixed_dictionaries({"type": st.just(_TYPES[0]), "properties": _JSON, "sku": _JSON})
_SHAPES = (
    _JSON
    | _REGISTRY
    | st.fixed_dictionaries({"registry": _REGISTRY, "webhooks": _JSON, "tokens": _JSON})
    | st.fixed_dictionaries({"resources": st.lists(_REGISTRY | _JSON, max_size=4)})
    | st.fixed_dictionaries({"changes": st.lists(_JSON, max_size=4)})
)


@given(_SHAPES)
def test_any_json_ends_in_findings_or_in_one_refusal(document: object) -> None:
    """Whatever stands in the file, no rule and no format stumbles over it."""
    with contextlib.suppress(PostureError):
        for snapshot in read_file(json.dumps(document).encode()):
            assessment = assess(snapshot, now=NOW)
            assert len(assessment.findings) == len(RULES)
            assert decode(encode(assessment)) == assessment
            assert page([assessment])
            assert json.dumps(sarif([assessment]))
