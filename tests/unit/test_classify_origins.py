"""Who brought a finding, over pairs of images of which the edits are known."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from scanner.classify.origins import origins
from scanner.model import Digest, Finding, Lineage, Origin, Report, Severity, Weakness, WeaknessKind
from tests.examples import finding, scan_report
from tests.reports import healthy_report

BASE, OLD, NEW = (Digest("sha256:" + f"{n:02}" * 32) for n in (1, 2, 3))
ON_BASE = Lineage(base_name="contoso.azurecr.io/base", base_digest=BASE, base_layers=1)
NOWHERE = Lineage()
ROOT = Weakness(
    kind=WeaknessKind.MISCONFIGURATION, id="root-user", severity=Severity.LOW, title="Runs as root"
)


def found_in(layer: Digest, package: str = "jinja2") -> Finding:
    """Return a finding in a layer."""
    return replace(finding(), package=package, layer_diff_id=str(layer))


def image(layers: Sequence[Digest], *findings: Finding) -> Report:
    """Return the report on what the tag named before."""
    return replace(healthy_report(), layers=tuple(layers), scan=scan_report(*findings))


@pytest.mark.parametrize(
    ("subject", "layers", "lineage", "previous", "origin"),
    [
        pytest.param(
            found_in(BASE), (BASE, NEW), ON_BASE, None, Origin.BASE, id="first push, in the base"
        ),
        pytest.param(
            found_in(NEW), (BASE, NEW), ON_BASE, None, Origin.THIS_PUSH, id="first push, above it"
        ),
        pytest.param(
            found_in(NEW), (BASE, NEW), NOWHERE, None, Origin.UNKNOWN, id="nothing is known"
        ),
        pytest.param(
            found_in(BASE),
            (BASE, NEW),
            ON_BASE,
            image((BASE,), found_in(BASE)),
            Origin.BASE,
            id="in the base, and there before",
        ),
        pytest.param(
            found_in(OLD),
            (BASE, OLD, NEW),
            ON_BASE,
            image((BASE, OLD), found_in(OLD)),
            Origin.EARLIER,
            id="in a layer of the image before",
        ),
        pytest.param(
            found_in(OLD),
            (BASE, OLD, NEW),
            NOWHERE,
            image((BASE, OLD)),
            Origin.EARLIER,
            id="news about a layer of the image before",
        ),
        pytest.param(
            found_in(NEW),
            (BASE, NEW),
            ON_BASE,
            image((BASE, OLD), found_in(OLD)),
            Origin.EARLIER,
            id="the same package in a layer that was built anew",
        ),
        pytest.param(
            found_in(NEW, "lodash"),
            (BASE, NEW),
            ON_BASE,
            image((BASE, OLD), found_in(OLD)),
            Origin.THIS_PUSH,
            id="another package in a layer that was built anew",
        ),
        pytest.param(
            found_in(NEW),
            (NEW, OLD),
            NOWHERE,
            image((BASE, OLD)),
            Origin.THIS_PUSH,
            id="a layer put below the others",
        ),
        pytest.param(ROOT, (BASE, NEW), ON_BASE, None, Origin.UNKNOWN, id="a setting, first push"),
        pytest.param(
            ROOT, (BASE, NEW), ON_BASE, image((BASE,)), Origin.THIS_PUSH, id="a setting, changed"
        ),
        pytest.param(
            replace(finding(), layer_diff_id=""),
            (BASE, NEW),
            ON_BASE,
            None,
            Origin.UNKNOWN,
            id="no layer is named",
        ),
    ],
)
def test_an_origin_is_told_where_it_can_be(
    subject: Finding | Weakness,
    layers: Sequence[Digest],
    lineage: Lineage,
    previous: Report | None,
    origin: Origin,
) -> None:
    """From the base's layers, the layers of the image before, and what that was found to have."""
    assert origins([subject], layers, lineage, previous) == (origin,)
