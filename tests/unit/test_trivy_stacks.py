"""What is put together of an image's layers before they are matched."""

from collections.abc import Iterator

from scanner.layers import Entry, Kind
from scanner.model import Digest, LayerInventory, PassedOver
from scanner.trivy import unread
from scanner.trivy.matching import Stack
from scanner.trivy.unread import RULES
from tests.examples import scan_report

_LINK = Entry("opt/a.jar", Kind.SYMBOLIC_LINK, 0o777, "x")
_FILE = Entry("opt/x", Kind.FILE, 0, "")


class _Names(tuple[Entry, ...]):
    """Entries that must not be gone through."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Entry]:
        raise AssertionError("names are read")


def _layer(entries: tuple[Entry, ...]) -> LayerInventory:
    return LayerInventory(
        diff_id=Digest.of(b"layer"),
        key="key",
        untrusted_record=b"{}",
        unexamined=("a file",),
        entries=entries,
    )


def test_what_is_known_to_be_passed_over_costs_no_name() -> None:
    """It is told as if it had been found out anew."""
    anew = Stack.of([_layer((_FILE, _LINK))])
    assert anew.passed_over.rules == RULES
    known = Stack.of([_layer(_Names((_FILE, _LINK)))], known=anew.passed_over)
    assert known == anew
    seen = known.completed(scan_report())
    assert seen.passed_over == anew.passed_over
    assert seen.unexamined == (
        "not examined: opt/a.jar: a link to a file of another name",
        "not examined: a file",
    )


def test_what_was_found_by_other_rules_is_found_out_anew() -> None:
    """A verdict by them could be another one."""
    layers = [_layer((_FILE, _LINK))]
    old = PassedOver(rules="ab" * 32, texts=())
    assert Stack.of(layers, known=old) == Stack.of(layers)


def test_the_rules_are_drawn_from_all_that_decides() -> None:
    """A source that is forgotten could change, and what was found out before it would stay."""
    used = {getattr(each, "__module__", None) or "" for each in vars(unread).values()}
    ours = {name for name in used if name.startswith("scanner.")}
    # Nouns decide nothing.
    deciding = {name for name in ours if not name.startswith("scanner.model.")}
    assert deciding == {
        "scanner." + source.removesuffix(".py").replace("/", ".") for source in unread.SOURCES
    }
