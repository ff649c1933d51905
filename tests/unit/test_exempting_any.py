"""Any exemptions and any VEX document: read, or refused with a policy error."""

import contextlib
import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import PolicyError
from scanner.judging import judged
from scanner.policy.exemption_file import read_exemptions
from scanner.policy.kept import exemptions_of
from scanner.policy.openvex import read_openvex
from scanner.publishing import draft
from tests.examples import ADVISORIES, IMAGE, NOW, finding, job, scan_report
from tests.policies import STRICT


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(
                st.sampled_from(["version", "exemptions", "ids", "images", "expires", "owner"]),
                inner,
                max_size=5,
            ),
        ),
        max_leaves=20,
    )
)
def test_any_tree_is_exemptions_or_a_policy_error(tree: object) -> None:
    """And nothing else is ever raised."""
    with contextlib.suppress(PolicyError):
        read_exemptions("e.yaml", json.dumps(tree).encode(), STRICT.policy, now=NOW)


@given(st.one_of(st.text(max_size=60), st.text(max_size=60).map("pkg:".__add__)))
def test_any_product_is_a_package_url_or_a_policy_error(text: str) -> None:
    """What passes can be judged by."""
    statement = {
        "vulnerability": {"name": "CVE-2019-10906"},
        "status": "fixed",
        "products": [{"@id": text}],
    }
    document = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "x",
        "author": "x",
        "timestamp": "x",
        "version": 1,
        "statements": [statement],
    }
    with contextlib.suppress(PolicyError):
        statements = read_openvex("a.json", json.dumps(document).encode())
        rulebook = replace(STRICT, exemptions=exemptions_of((), statements))
        begun = draft(job(), IMAGE, rulebook=rulebook, tag=None, as_of=NOW, now=NOW)
        report = judged(replace(begun, advisories=ADVISORIES), scan_report(finding()), rulebook)
        assert len(report.decisions) == 1
