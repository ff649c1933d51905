"""What package managers of languages leave in an image, as each of them writes it."""

import io
import json
import zipfile
from importlib.metadata import distribution

from tests.corpus.image import Part

_SITE_PACKAGES = "usr/lib/python3/site-packages"


def _metadata(name: str, version: str, more: str = "") -> bytes:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}".encode()


def _one(analyser: str, path: str, content: str | bytes, *facts: str) -> Part:
    text = content.encode() if isinstance(content, str) else content
    return Part(analyser=analyser, files={path: text}, facts=frozenset(facts))


def python() -> tuple[Part, ...]:
    """Return installed wheels, one of them a real one, and eggs of each form."""
    real = distribution("rich")
    wheel = f"{_SITE_PACKAGES}/rich-{real.version}.dist-info"
    licence = f"{_SITE_PACKAGES}/corpus_wheel-1.0.dist-info"
    return (
        Part(
            analyser="python-pkg",
            files={
                f"{wheel}/METADATA": (real.read_text("METADATA") or "").encode(),
                f"{licence}/METADATA": _metadata("corpus-wheel", "1.0", "License-File: LICENSE\n"),
                f"{licence}/LICENSE": b"MIT License\n\nPermission is hereby granted\n",
                f"{_SITE_PACKAGES}/corpus_egg-2.0-py3.11.egg/EGG-INFO/PKG-INFO": _metadata(
                    "corpus-egg", "2.0"
                ),
                f"{_SITE_PACKAGES}/corpus_info-3.0.egg-info/PKG-INFO": _metadata(
                    "corpus-info", "3.0"
                ),
                f"{_SITE_PACKAGES}/corpus_file-4.0.egg-info": _metadata("corpus-file", "4.0"),
            },
            facts=frozenset(
                {
                    f"python-pkg: rich {real.version}",
                    "licence: rich MIT",
                    "python-pkg: corpus-wheel 1.0",
                    "python-pkg: corpus-egg 2.0",
                    "python-pkg: corpus-info 3.0",
                    "python-pkg: corpus-file 4.0",
                    "finding: CVE-2026-0001 corpus-wheel",
                }
            ),
        ),
        _one(
            "python-egg",
            f"{_SITE_PACKAGES}/corpus_zip-5.0-py3.11.egg",
            zipped({"EGG-INFO/PKG-INFO": _metadata("corpus-zip", "5.0")}),
            "python-egg: corpus-zip 5.0",
        ),
        _one(
            "conda-pkg",
            "opt/conda/envs/corpus/conda-meta/openssl-3.3.1-h4bc722e_2.json",
            json.dumps({"name": "openssl", "version": "3.3.1", "license": "Apache-2.0"}),
            "conda-pkg: openssl 3.3.1",
            "licence: openssl Apache-2.0",
        ),
    )


def node() -> Part:
    """Return packages as npm installs them, one in a scope, one within another."""
    packages = {
        "lodash": {"name": "lodash", "version": "4.17.4", "license": "MIT"},
        "@types/node": {"name": "@types/node", "version": "20.1.0"},
        "lodash/node_modules/inner": {"name": "inner", "version": "0.1.0"},
    }
    folder = "usr/src/app/node_modules"
    return Part(
        analyser="node-pkg",
        files={
            f"{folder}/{path}/package.json": json.dumps(package).encode()
            for path, package in packages.items()
        },
        facts=frozenset(
            {
                "node-pkg: lodash 4.17.4",
                "licence: lodash MIT",
                "node-pkg: @types/node 20.1.0",
                "node-pkg: inner 0.1.0",
                "finding: CVE-2026-0002 lodash",
            }
        ),
    )


def ruby_and_php() -> tuple[Part, ...]:
    """Return a gem's specification, and Composer's list of what is in `vendor`."""
    specification = (
        "# -*- encoding: utf-8 -*-\n# stub: rack 2.0.1 ruby lib\n\n"
        "Gem::Specification.new do |s|\n"
        '  s.name = "rack".freeze\n  s.version = "2.0.1"\n  s.licenses = ["MIT".freeze]\nend\n'
    )
    installed = {
        "packages": [{"name": "monolog/monolog", "version": "2.0.0", "license": ["MIT"]}],
        "dev": False,
    }
    return (
        _one(
            "gemspec",
            "usr/local/bundle/specifications/rack-2.0.1.gemspec",
            specification,
            "gemspec: rack 2.0.1",
            "finding: CVE-2026-0003 rack",
        ),
        _one(
            "composer-vendor",
            "var/www/vendor/composer/installed.json",
            json.dumps(installed),
            "composer-vendor: monolog/monolog 2.0.0",
        ),
    )


def dotnet() -> tuple[Part, ...]:
    """Return the four lists of NuGet packages that Trivy reads in images."""
    target = ".NETCoreApp,Version=v8.0"
    deps = {
        "runtimeTarget": {"name": target},
        "targets": {target: {"Newtonsoft.Json/9.0.1": {"runtime": {"lib/N.dll": {}}}}},
        "libraries": {"Newtonsoft.Json/9.0.1": {"type": "package", "serviceable": True}},
    }
    lock = {
        "version": 1,
        "dependencies": {"net8.0": {"Serilog": {"type": "Direct", "resolved": "3.1.1"}}},
    }
    config = '<packages><package id="NLog" version="4.7.0" targetFramework="net48" /></packages>'
    props = (
        "<Project><ItemGroup>"
        '<PackageVersion Include="Dapper" Version="2.0.123" /></ItemGroup></Project>'
    )
    nuget = Part(
        analyser="nuget",
        files={
            "app/locked/packages.lock.json": json.dumps(lock).encode(),
            "app/old/packages.config": config.encode(),
        },
        facts=frozenset({"nuget: Serilog 3.1.1", "nuget: NLog 4.7.0"}),
    )
    return (
        nuget,
        _one(
            "dotnet-core",
            "app/server.deps.json",
            json.dumps(deps),
            "dotnet-core: Newtonsoft.Json 9.0.1",
        ),
        _one(
            "packages-props",
            "app/Directory.Packages.props",
            props,
            "packages-props: Dapper 2.0.123",
        ),
    )


def rust_and_julia() -> tuple[Part, ...]:
    """Return the two kinds of lock file that Trivy reads in images too."""
    registry = "registry+https://github.com/rust-lang/crates.io-index"
    lock = f'version = 3\n\n[[package]]\nname = "rand"\nversion = "0.8.5"\nsource = "{registry}"\n'
    uuid = "682c06a0-de6a-54ab-a142-c8b1cf79cde6"
    manifest = (
        'julia_version = "1.10.0"\nmanifest_format = "2.0"\n\n'
        f'[[deps.JSON]]\nuuid = "{uuid}"\nversion = "0.21.4"\n'
    )
    return (
        _one("cargo", "usr/src/rusty/Cargo.lock", lock, "cargo: rand 0.8.5"),
        Part(
            analyser="julia",
            files={
                "root/.julia/environments/v1.10/Manifest.toml": manifest.encode(),
                "root/.julia/environments/v1.10/Project.toml": (
                    f'[deps]\nJSON = "{uuid}"\n'.encode()
                ),
            },
            facts=frozenset({"julia: JSON 0.21.4"}),
        ),
    )


def zipped(files: dict[str, bytes]) -> bytes:
    """Return a ZIP archive, the same bytes each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
