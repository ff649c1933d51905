"""Trivy's JSON report as facts to look for, and in a form in which equal reports are equal."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

RUN_DEPENDENT = ("CreatedAt", "ReportID")
"""Members of the report that name the run: the clock, and a random UUID."""

Json = Mapping[str, Any]


def canonical(untrusted_report: bytes) -> str:
    """Return the report without what names the run, results in a fixed order, everything kept.

    Trivy sorts its results by target with an unstable sort, so equal targets come in any order.
    """
    report = {
        name: value
        for name, value in json.loads(untrusted_report).items()
        if name not in RUN_DEPENDENT
    }
    report["Results"] = sorted(report.get("Results", []), key=_text)
    return json.dumps(report, sort_keys=True, indent=1)


def facts(untrusted_report: bytes, untrusted_messages: bytes) -> frozenset[str]:
    """Say in words what the report knows, and what Trivy said on its error stream."""
    report = json.loads(untrusted_report)
    said = (line.split("\t")[2:3] for line in untrusted_messages.decode().splitlines())
    return frozenset(
        (
            *_of_system(report),
            *_of_packages(report),
            *_of_findings(report),
            *(f"said: {text}" for (text,) in filter(None, said)),
        )
    )


def _of_system(report: Json) -> Iterator[str]:
    system = report.get("Metadata", {}).get("OS", {})
    yield f"os {system.get('Family', '')} {system.get('Name', '')}"
    if system.get("extended"):
        yield "os extended"
    if system.get("Supplier"):
        yield f"os supplier {system['Supplier']}"


def _of_packages(report: Json) -> Iterator[str]:
    for result in report.get("Results", []):
        for package in result.get("Packages", []):
            name = f"{package['Name']} {_version(package)}"
            yield f"{package['AnalyzedBy']}: {name}"
            yield f"path: {package.get('FilePath', result['Target'])}: {name}"
            for licence in package.get("Licenses", []):
                yield f"licence: {package['Name']} {licence}"
            for file in package.get("InstalledFiles", []):
                yield f"installed: {package['Name']} {file}"
            if package.get("Digest"):
                yield f"digest: {package['Name']} {package['Digest']}"
            build = package.get("BuildInfo", {})
            for content_set in build.get("ContentSets", []):
                yield f"content set: {package['Name']} {content_set}"
            if build.get("Nvr"):
                yield f"build: {package['Name']} {build['Nvr']} {build['Arch']}"


def _of_findings(report: Json) -> Iterator[str]:
    for result in report.get("Results", []):
        for found in result.get("Vulnerabilities", []):
            yield f"finding: {found['VulnerabilityID']} {found['PkgName']}"


def _version(package: Json) -> str:
    epoch = f"{package['Epoch']}:" if package.get("Epoch") else ""
    release = f"-{package['Release']}" if package.get("Release") else ""
    return f"{epoch}{package.get('Version', '')}{release}"


def _text(result: Json) -> str:
    return json.dumps(result, sort_keys=True)
