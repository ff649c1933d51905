"""No kind of hostile input is forgotten, and none is claimed that is not tried."""

import ast
from pathlib import Path

import pytest

from tests.hostile.corpus import CORPUS
from tests.hostile.inputs import ELSEWHERE, INPUTS

_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("key", INPUTS)
def test_a_kind_of_input_is_tried(key: str) -> None:
    """By an image of the corpus, or by a test that is named for it."""
    tried = [hostile.name for hostile in CORPUS if key in hostile.ids]
    tried += [test for test, keys in ELSEWHERE.items() if key in keys]
    assert tried


def test_every_kind_that_is_named_is_described() -> None:
    """A table of numbers would tell nobody anything."""
    named = {key for hostile in CORPUS for key in hostile.ids}
    named |= {key for keys in ELSEWHERE.values() for key in keys}
    assert named - INPUTS.keys() == set()


def test_every_image_has_a_name_of_its_own() -> None:
    """The table has one row for each."""
    names = [hostile.name for hostile in CORPUS]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("test", ELSEWHERE)
def test_a_test_that_is_named_is_there(test: str) -> None:
    """Else the input is tried by nothing."""
    file, _, name = test.partition("::")
    tree = ast.parse((_ROOT / file).read_bytes())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
