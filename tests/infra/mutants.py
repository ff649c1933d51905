"""Seeded faults: each kind is put at places spread over all files, and the checker must tell.

python -m tests.infra.mutants    # the score of each kind, and each that was missed
"""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.bicep import tree
from local.bicep.check import check
from local.bicep.findings import Finding
from local.bicep.profiles import MAIN
from local.bicep.reading import read, read_text
from local.bicep.rules import everything

_PLACES_OF_A_KIND = 6
Edit = tuple[int, int, str]
"""Replace the text between two offsets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One file with one fault."""

    kind: str
    path: Path
    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Whether the fault was told of, and with which words."""

    mutant: Mutant
    findings: Sequence[Finding]


class _Text:
    def __init__(self, file: tree.File) -> None:
        self.file = file
        self.whole = file.path.read_text(encoding="utf-8")
        self._starts = [0]
        for line in self.whole.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def offset(self, at: tree.Place) -> int:
        return self._starts[at.line - 1] + at.column - 1

    def line_of(self, offset: int) -> int:
        return self.whole.count("\n", 0, offset) + 1

    def found(self, pattern: str, replacement: str) -> Iterator[Edit]:
        for match in re.finditer(pattern, self.whole, re.MULTILINE):
            if self.whole.startswith("//", self.whole.rfind("\n", 0, match.start()) + 1):
                continue  # a comment
            yield match.start(), match.end(), match.expand(replacement)

    def bodies(self) -> Iterator[tree.Property]:
        """Yield the properties of resources, but not those of maps with free keys."""
        for resource in self.file.of(tree.Resource).values():
            waiting: list[tree.Expression] = [resource.body]
            while waiting:
                one = waiting.pop()
                for inner in one.properties if isinstance(one, tree.Object) else ():
                    if inner.key.literal not in {"tags", "customHeaders", "userAssignedIdentities"}:
                        yield inner
                        waiting.append(inner.value)
                if not isinstance(one, tree.Object):
                    waiting.extend(tree.parts(one))


def _misspelt_property(text: _Text) -> Iterator[Edit]:
    for one in text.bodies():
        start = text.offset(one.at)
        key = one.key.literal or ""
        if text.whole.startswith(key, start):
            yield start, start + len(key), key[:-1] + ("z" if key[-1] != "z" else "y")


def _misspelt_symbol(text: _Text) -> Iterator[Edit]:
    for one in everything(text.file):
        if isinstance(one, tree.Name):
            start = text.offset(one.at)
            if text.whole.startswith(one.name, start):
                yield start, start + len(one.name), one.name + "x"


def _misspelt_function(text: _Text) -> Iterator[Edit]:
    for one in everything(text.file):
        if isinstance(one, tree.Call):
            start = text.offset(one.at)
            if text.whole.startswith(one.function, start):
                yield start, start + len(one.function), one.function[:-1]


def _misspelt_member(text: _Text) -> Iterator[Edit]:
    yield from text.found(r"\b(\w+)(!?\.)(\w+)\b(?=[.,)}\]\n ])(?<!bicep)(?<!json)", r"\1\2\3x")


def _value_outside_the_enumeration(text: _Text) -> Iterator[Edit]:
    for name in ("Deny", "Disabled", "None", "UserAssigned", "enabled", "StorageV2", "Premium",
                 "LogAlert", "Startup", "functionapp", "GreaterThan", "StorageQueue"):  # fmt: skip
        yield from text.found(rf"(: (?:.* [?:] )?)'{name}'", rf"\1'{name}x'")


def _text_for_a_boolean(text: _Text) -> Iterator[Edit]:
    yield from text.found(r": (true|false)$", r": '\1'")


def _text_for_a_number(text: _Text) -> Iterator[Edit]:
    yield from text.found(r"(\w: )(\d+)(?=[ ,\n}])", r"\1'\2'")


def _array_for_an_object(text: _Text) -> Iterator[Edit]:
    yield from text.found(r"(\w: )\{(.*)\}(?=[ ,\n])", r"\1[\2]")


def _without_a_required_property(text: _Text) -> Iterator[Edit]:
    yield from text.found(
        r"^ +(?:location|name|category|serviceUri|actions|tenantId|principalId|roleDefinitionId"
        r"|sourceRepository|endpointType|sku): .*\n",
        "",
    )


def _with_a_read_only_property(text: _Text) -> Iterator[Edit]:
    yield from text.found(r"^(  properties: \{)$", r"\1\n    provisioningState: 'Succeeded'")


def _wrong_type_or_version(text: _Text) -> Iterator[Edit]:
    yield from text.found(r"'(Microsoft\.\w+/\w+)(s[/@])", r"'\1\2".replace(r"\2", "z@"))
    yield from text.found(r"@(20\d\d-\d\d-)(\d\d)", r"@\g<1>31")


def _module_without_a_parameter(text: _Text) -> Iterator[Edit]:
    if "module " in text.whole:
        yield from text.found(r"^    (?!name|location)\w+: [^{\n]*\n", "")


def _module_with_another_parameter(text: _Text) -> Iterator[Edit]:
    yield from text.found(r"^(  params: \{)$", r"\1\n    further: true")


def _without_a_description(text: _Text) -> Iterator[Edit]:
    yield from text.found(r"^@description\(.*\)\n", "")


def _declared_and_not_used(text: _Text) -> Iterator[Edit]:
    yield from text.found(r"^(var \w+ = )", r"var unused = 'x'\n\n\1")
    yield from text.found(r"^(@description.*\n)(param )", r"\1param unused string\n\n\1\2")


def _declared_twice(text: _Text) -> Iterator[Edit]:
    yield from text.found(r"^var (\w+) = ", r"var \1 = 'x'\nvar \1 = ")


def _broken_syntax(text: _Text) -> Iterator[Edit]:
    yield from text.found(r"^  \}$", "")
    yield from text.found(r"'(?=$)", "")


def _secret_told(text: _Text) -> Iterator[Edit]:
    yield from text.found(r"^@secure\(\)\n", "")
    for parameter in text.file.of(tree.Parameter).values():
        if parameter.secret:
            told = f"\n@description('x')\noutput told string = 'x${{{parameter.name}}}'\n"
            yield len(text.whole), len(text.whole), told


def _key_read(text: _Text) -> Iterator[Edit]:
    for resource in text.file.of(tree.Resource).values():
        told = (
            f"\n@description('x')\noutput told string = {resource.name}.listKeys().keys[0].value\n"
        )
        yield len(text.whole), len(text.whole), told


def _wrong_identifier(text: _Text) -> Iterator[Edit]:
    yield from text.found(r"'([0-9a-f]{7})([0-9a-f])(-[0-9a-f-]+)'", r"'\g<1>f\3'")
    yield from text.found(r"'([0-9a-f]{8}-[0-9a-f-]+)[0-9a-f]'", r"'\g<1>0'")


def _wrong_parent(text: _Text) -> Iterator[Edit]:
    yield from text.found(r"^ +parent: \w+\n", "")


def _wrong_comparison(text: _Text) -> Iterator[Edit]:
    yield from text.found(r"(== |!= )'(\w+)'", r"\1'\2x'")


def _role_that_may_more(text: _Text) -> Iterator[Edit]:
    yield from text.found(r"'(Microsoft\.\w+/[\w/]+)/(?:read|action)'", r"'\1/*'")
    yield from text.found(r"'(Microsoft\.\w+/[\w/]+)/read'", r"'\1/listCredentials/action'")


# What the checker has no means to know: they keep the score honest.
def _another_number(text: _Text) -> Iterator[Edit]:
    yield from text.found(
        r"(Days: |days: |failureThreshold: |cidrSubnet\(\w+, 24, )(\d+)", r"\g<1>0"
    )


KINDS: Sequence[Callable[[_Text], Iterator[Edit]]] = (
    _misspelt_property, _misspelt_symbol, _misspelt_function, _misspelt_member,
    _value_outside_the_enumeration, _text_for_a_boolean, _text_for_a_number, _array_for_an_object,
    _without_a_required_property, _with_a_read_only_property, _wrong_type_or_version,
    _module_without_a_parameter, _module_with_another_parameter, _without_a_description,
    _declared_and_not_used, _declared_twice, _broken_syntax, _secret_told, _key_read,
    _wrong_identifier, _wrong_parent, _wrong_comparison, _role_that_may_more, _another_number,
)  # fmt: skip


def mutants(files: Iterable[tree.File]) -> Iterator[Mutant]:
    """Yield the mutants of each kind, at places spread evenly over all that there are."""
    texts = [_Text(file) for file in files]
    for kind in KINDS:
        name = kind.__name__.strip("_").replace("_", " ")
        edits = [
            (text, (start, end, new))
            for text in texts
            for start, end, new in kind(text)
            if text.whole[start:end] != new
        ]
        step = max(1, len(edits) // _PLACES_OF_A_KIND)
        for text, (start, end, new) in edits[::step][:_PLACES_OF_A_KIND]:
            yield Mutant(
                kind=name,
                path=text.file.path,
                line=text.line_of(start),
                text=text.whole[:start] + new + text.whole[end:],
            )


def outcomes() -> list[Outcome]:
    """Check every mutant of `infra/`."""
    files = [read(path) for path in sorted(MAIN.parent.rglob("*.bicep"))]
    before = set(check(files))
    judged = []
    for mutant in mutants(files):
        changed = read_text(mutant.text, mutant.path)
        found = check(changed if one.path == mutant.path else one for one in files)
        told = {(one.kind, one.about) for one in before}
        new = [one for one in found if (one.kind, one.about) not in told]
        judged.append(Outcome(mutant=mutant, findings=new))
    return judged


def score(judged: Sequence[Outcome]) -> str:
    """Return the score of each kind, each missed fault, and the sum."""
    made = Counter(one.mutant.kind for one in judged)
    caught = Counter(one.mutant.kind for one in judged if one.findings)
    lines = [f"{caught[kind]:3} of {count}  {kind}" for kind, count in made.items()]
    lines += [
        f"missed: {one.mutant.kind}, {one.mutant.path.name}:{one.mutant.line}"
        for one in judged
        if not one.findings
    ]
    return "\n".join([*lines, f"{caught.total()} of {made.total()} seeded faults caught"])


if __name__ == "__main__":
    sys.stdout.write(score(outcomes()) + "\n")
