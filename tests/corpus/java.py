"""Java archives known by their own words, by the manifest, by digest, by name, and nested."""

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.corpus.image import Part
from tests.corpus.languages import zipped

_MANIFEST = b"Manifest-Version: 1.0\nImplementation-Title: beans\nImplementation-Version: 5.0.2\n"
_VENDOR = b"Implementation-Vendor-Id: org.example.beans\n\n"


def _pom(group: str, artefact: str, version: str) -> dict[str, bytes]:
    text = f"groupId={group}\nartifactId={artefact}\nversion={version}\n"
    return {f"META-INF/maven/{group}/{artefact}/pom.properties": text.encode()}


_NAMELESS = zipped({"Nameless.class": b"\xca\xfe\xba\xbe"})
_INNER = zipped(_pom("org.example", "inner", "0.9"))


def archives() -> Part:
    """Return one archive for each way to know it."""
    war = {"WEB-INF/lib/inner-0.9.jar": _INNER, "META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\n"}
    outer = {**war, **_pom("org.example", "outer", "1.5")}
    return Part(
        analyser="jar",
        files={
            "opt/app/log4j-core-2.14.1.jar": zipped(
                _pom("org.apache.logging.log4j", "log4j-core", "2.14.1")
            ),
            "opt/app/beans.jar": zipped({"META-INF/MANIFEST.MF": _MANIFEST + _VENDOR}),
            "opt/app/renamed.jar": _NAMELESS,
            "opt/app/guesswork-3.1.jar": zipped({"Guess.class": b"\xca\xfe\xba\xbe"}),
            "opt/app/outer-1.5.war": zipped(outer),
        },
        facts=frozenset(
            {
                "jar: org.apache.logging.log4j:log4j-core 2.14.1",
                "jar: org.example.beans:beans 5.0.2",
                "jar: org.example.digest:nameless 7.7",
                "jar: org.example.guess:guesswork 3.1",
                "jar: org.example:outer 1.5",
                "jar: org.example:inner 0.9",
                "finding: CVE-2026-0004 org.apache.logging.log4j:log4j-core",
            }
        ),
    )


def write_index(directory: Path) -> None:
    """Write `java-db/`, Trivy's index of archives, with what the corpus' archives need.

    Format source: aquasecurity/trivy-java-db, `pkg/db/db.go`, schema 1.
    """
    folder = directory / "java-db"
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "trivy-java.db")) as index:
        index.executescript(
            "CREATE TABLE artifacts(id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT);"
            "CREATE TABLE indices(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT,"
            " foreign key (artifact_id) references artifacts(id));"
            "CREATE UNIQUE INDEX artifacts_idx ON artifacts(artifact_id, group_id);"
            "CREATE INDEX indices_artifact_idx ON indices(artifact_id);"
            "CREATE UNIQUE INDEX indices_sha1_idx ON indices(sha1);"
        )
        for number, (group, artefact, version, content) in enumerate(
            (
                ("org.example.digest", "nameless", "7.7", _NAMELESS),
                ("org.example.guess", "guesswork", "3.1", b"another build of it"),
                ("org.example.beans", "beans", "5.0.2", b"likewise"),
            ),
            1,
        ):
            sha1 = hashlib.sha1(content, usedforsecurity=False).digest()
            index.execute("INSERT INTO artifacts VALUES (?, ?, ?)", (number, group, artefact))
            index.execute("INSERT INTO indices VALUES (?, ?, ?, 'jar')", (number, version, sha1))
        index.commit()
    stamp = "2026-11-01T00:00:00Z"
    metadata = {"Version": 1, "NextUpdate": stamp, "UpdatedAt": stamp, "DownloadedAt": stamp}
    (folder / "metadata.json").write_text(json.dumps(metadata))
