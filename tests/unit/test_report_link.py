import pytest

from scanner.notify.report_link import NO_LINK, ReportLink
from tests.examples import IMAGE


def test_names_are_filled_in_so_that_they_cannot_change_the_address() -> None:
    """A repository has slashes, a digest a colon."""
    link = ReportLink.parse(
        "https://portal.contoso.com/#/images/{registry}/{repository}?d={digest}&r={report_id}"
    )
    assert link.to(IMAGE, "9f") == (
        "https://portal.contoso.com/#/images/contoso.azurecr.io/shop%2Fcart"
        f"?d=sha256%3A{IMAGE.digest.hex}&r=9f"
    )
    assert NO_LINK.to(IMAGE, "9f") == ""


@pytest.mark.parametrize(
    "text",
    [
        "http://portal.contoso.com/{digest}",
        "https:///{digest}",
        "https://{registry}/reports",
        "https://user:password@portal.contoso.com/{digest}",
        "https://user@portal.contoso.com/{digest}",
        "https://portal.contoso.com/{digest}?sig=a",
        "https://portal.contoso.com/{digest}?a=b&Code=",
        "https://portal.contoso.com/{owner}",
        "https://portal.contoso.com/{digest.__class__}",
        "https://portal.contoso.com/{digest",
        "https://portal.contoso.com/{digest}/{digest}",
        "https://portal.contoso.com/a b",
        'https://portal.contoso.com/"><script>',
        "https://portal.contoso.com/\n",
        "https://portal.contoso.com/ü",
        "https://portal.contoso.com/" + "a" * 300,
        "https://[portal/{digest}",
    ],
)
def test_a_place_that_is_none_or_holds_a_secret_is_refused(text: str) -> None:
    """It goes into messages."""
    with pytest.raises(ValueError):  # noqa: PT011  parsers of settings say no more
        ReportLink.parse(text)
