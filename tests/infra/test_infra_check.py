import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from local.bicep.check import check, check_folder
from local.bicep.profiles import MAIN
from local.bicep.reading import read, read_text
from local.bicep.schemas import FOLDER, slices
from local.bicep.trim import trim
from tests.infra.mutants import Outcome, outcomes, score

INFRA = MAIN.parent
HEAD = "@description('Region.')\nparam location string\n"


def told(body: str, *, name: str = "main.bicep") -> list[str]:
    """Return what is told of a resource-group file called from nowhere, without that remark."""
    found = check([read_text(HEAD + body, Path(name))])
    return [f"{one.kind}: {one.about}" for one in found if one.about != "no file calls this module"]


def identity(properties: str = "location: location") -> str:
    """Return a resource that is well but for its properties."""
    kind = "Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30"
    return f"resource one '{kind}' = {{\n  name: 'one'\n  {properties}\n}}\n"


def test_the_templates_have_no_finding() -> None:
    """Syntax, names, types, enumerations, required and read-only properties, contracts, secrets."""
    assert check_folder(INFRA) == []


def test_a_well_formed_resource_has_no_finding() -> None:
    """The small file that the next tests break."""
    assert told(identity()) == []


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        (identity("location: loc"), "undefined: loc"),
        (identity("location: 1"), "is int, not string"),
        (identity("locatio: location"), "unknown-property"),
        (identity("tags: {}"), "userAssignedIdentities.location"),
        (identity("location: location\n  id: 'x'"), "read-only"),
        (identity("location: location\n  location: location"), "duplicate: location"),
        (identity("location: location").replace("2024-11-30", "2019-01-01"), "api-version"),
        (identity() + "var a = [for x in ['a']: x]\noutput o array = a\n", "undescribed: o"),
        (identity("location: toLower(location, 'x')"), "arguments"),
        (identity("location: location == 'a' ? 1 : 'b'"), "is int, not string"),
        (identity("location: '${location == 1}'"), "never-equal"),
        (identity() + "var b = !location\n", "a condition is string, not bool"),
        (identity() + "@description('x')\nparam secret string\n", "secret is not @secure()"),
        (identity() + "var url = 'https://x/?code=1'\n", "an address with a key"),
        (identity("location: concat('a', [for x in ['a']: x])"), "loop: no loop may stand here"),
        (
            "var all = [{ name: 'a', place: 1 }]\n"
            + identity("location: it.place").replace("= {", "= [for it in all: {").rstrip()
            + "]\n",
            "location is int, not string",
        ),
        (identity() + "var r = { actions: ['Microsoft.X/ys/*/read'] }\n", "broad-action"),
        (identity() + "var r = { actions: ['M.X/ys/listKeys/action'] }\n", "broad-action"),
        (identity("location: one.properties.clientID"), "has no properties.clientID"),
    ],
)
def test_a_broken_file_is_told_of(body: str, finding: str) -> None:
    """One small fault each."""
    assert [one for one in told(body) if finding in one]


def test_a_finding_names_its_place(tmp_path: Path) -> None:
    """An editor can jump to path:line:column."""
    path = tmp_path / "broken.bicep"
    path.write_text("targetScope = 'subscription'\nvar a = b\n", encoding="utf-8")
    assert f"{path}:2:9: undefined: b" in [str(one) for one in check([read(path)])]


@pytest.mark.parametrize(
    ("call", "finding"),
    [
        ("params: { a: 'x' }", ""),
        ("params: {}", "needs a"),
        ("params: { a: 'x', b: 1 }", "has no parameter b"),
        ("params: { a: 1 }", "a is int, not string"),
        ("params: { a: 'y' }", "a may not be y"),
    ],
)
def test_a_call_that_does_not_fit_the_module_is_told_of(
    call: str, finding: str, tmp_path: Path
) -> None:
    """Parameters exist, are given, and are of the type that the module asks for."""
    module = "@description('A.')\n@allowed(['x'])\nparam a string\nvar used = a\n"
    output = "@description('O.')\noutput o string = used\n"
    main = "targetScope = 'subscription'\nmodule m 'm.bicep' = {\n  name: 'm'\n  "
    scope = f"scope: resourceGroup('g')\n  {call}\n}}\n"
    (tmp_path / "m.bicep").write_text(module + output, encoding="utf-8")
    (tmp_path / "main.bicep").write_text(main + scope, encoding="utf-8")
    about = [one.about for one in check_folder(tmp_path)]
    assert [one for one in about if finding in one] if finding else about == []


@pytest.fixture(scope="module")
def judged() -> Sequence[Outcome]:
    """Every seeded fault of the templates, judged once."""
    return outcomes()


def test_nine_of_ten_seeded_faults_are_caught(judged: Sequence[Outcome]) -> None:
    """Faults of over 20 kinds at places spread over all files; `make infra` lists the missed."""
    caught = [one for one in judged if one.findings]
    assert len(judged) >= 100
    assert len({one.mutant.kind for one in judged}) >= 20
    assert len(caught) >= 0.9 * len(judged), score(judged)


def test_a_mutant_is_one_that_changes_its_file(judged: Sequence[Outcome]) -> None:
    """A seeded fault that changes nothing would be a missed one that is none."""
    for one in judged:
        assert one.mutant.text != one.mutant.path.read_text(encoding="utf-8")


def test_every_schema_says_where_it_comes_from_and_was_compared_in_its_version() -> None:
    """Who renews one must compare it anew, or list it as unverified."""
    sources = json.loads((FOLDER / "sources.json").read_text(encoding="utf-8"))
    told = {name: one["version"] for name, one in sources["types"].items()}
    assert told == {one.type: one.version for one in slices().values()}
    assert set(sources["unverified"]) <= set(told)


def test_a_schema_is_trimmed_to_what_the_checker_reads() -> None:
    """Types that nothing reaches go; required and read-only stay."""
    body = {
        "$type": "Object",
        "properties": [
            {"name": "name", "type": "string", "flags": "Required", "description": "x"},
            {"name": "properties", "type": "Inner"},
        ],
    }
    inner = {"name": "id", "type": "string", "flags": "ReadOnly"}
    entries = [
        {"$type": "Resource", "name": "Microsoft.X/y@2026-01-01", "bodyType": body},
        {"$type": "Object", "name": "Inner", "properties": [inner]},
        {"$type": "Object", "name": "Elsewhere", "properties": []},
    ]
    assert trim({"results": {"BicepSchemaResult": entries}}) == (
        "Microsoft.X_y.json",
        {
            "type": "Microsoft.X/y",
            "version": "2026-01-01",
            "body": {"properties": {"name": "string!", "properties": "Inner"}},
            "types": {"Inner": {"properties": {"id": "string#"}}},
        },
    )
