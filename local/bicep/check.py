"""Checks Bicep files without a compiler: `python -m local.bicep.check infra`."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from local.bicep import tree
from local.bicep.bodies import check_body
from local.bicep.contracts import check_contracts, modules_of
from local.bicep.findings import Finding, Findings
from local.bicep.names import check_names
from local.bicep.reading import read
from local.bicep.rules import check_rules


def check(files: Iterable[tree.File]) -> list[Finding]:
    """Return every finding in files that are checked together, in order of place."""
    known = {file.path.resolve(): file for file in files}
    found = [finding for file in known.values() for finding in _check_file(file, known)]
    called = {path for file in known.values() for _, path in modules_of(file)}
    for path, file in known.items():
        if file.scope == "resourceGroup" and path not in called:
            at = tree.Place(line=1, column=1)
            about = "no file calls this module"
            found.append(Finding(path=file.path, at=at, kind="unused", about=about))
    return sorted(found)


def check_folder(folder: Path) -> list[Finding]:
    """Return every finding in the Bicep files below a folder."""
    return check(read(path) for path in sorted(folder.rglob("*.bicep")))


def _check_file(file: tree.File, known: Mapping[Path, tree.File]) -> set[Finding]:
    findings = Findings(file.path)
    for at, about in file.faults:
        findings.add(at, "syntax", about)
    if file.faults:
        return findings.found  # what follows from broken syntax would only bury it
    outputs = {
        module.name: frozenset(known[path].of(tree.Output))
        for module, path in modules_of(file)
        if path in known
    }
    check_names(file, outputs, findings)
    for resource in file.of(tree.Resource).values():
        check_body(resource, file.symbols(), findings)
    check_contracts(file, known, findings)
    check_rules(file, findings)
    return findings.found


def main() -> None:
    """Print the findings in the folder of the command line; exit 1 if there are any."""
    folder = Path(sys.argv[1])
    findings = check_folder(folder)
    for finding in findings:
        print(finding)
    files = len(list(folder.rglob("*.bicep")))
    print(f"{files} Bicep files, {len(findings)} findings")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
