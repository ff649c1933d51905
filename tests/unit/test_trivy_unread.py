"""What Trivy would pass over without a word is named; what it reads elsewhere is not."""

import io
import random
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from scanner.layers import Entry, Kind, entries
from scanner.model import Digest, LayerInventory
from scanner.trivy.examined import reader_of
from scanner.trivy.unread import Piles, unread

_Member = tuple[str, bytes, str]


def _file(name: str) -> _Member:
    return name, tarfile.REGTYPE, ""


def _hard(name: str, link: str) -> _Member:
    return name, tarfile.LNKTYPE, link


def _symbolic(name: str, link: str) -> _Member:
    return name, tarfile.SYMTYPE, link


def _unread(tmp_path: Path, *layers: Sequence[_Member], mode: int = 0o644) -> tuple[str, ...]:
    paths = []
    for number, members in enumerate(layers):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name, kind, link in members:
                member = tarfile.TarInfo(name)
                member.type, member.linkname, member.mode = kind, link, mode
                archive.addfile(member)
        paths.append(tmp_path / str(number))
        paths[-1].write_bytes(buffer.getvalue())
    return unread([list(entries(path)) for path in paths])


def test_layers_that_images_share_are_piled_up_once() -> None:
    """What is said of an image is what is said of it by itself, whatever came before."""
    chance = random.Random(7)  # noqa: S311 - the same each time
    names = ["app/package.json", "srv/x", "var/lib/dpkg", "srv/dpkg/status", "opt/a.jar"]

    def layer(number: int) -> LayerInventory:
        entries = [
            Entry(name, chance.choice(list(Kind)), 0o755, chance.choice(names))
            for name in chance.sample(names, 3)
        ]
        return LayerInventory(
            diff_id=Digest.of(str(number).encode()),
            key=str(number),
            untrusted_record=b"",
            unexamined=(),
            entries=tuple(entries),
        )

    layers = [layer(number) for number in range(6)]
    piles = Piles()
    said = []
    for _ in range(300):
        image = chance.choices(layers, k=chance.randint(0, 4))
        said.append(piles.unread(image))
        assert said[-1] == unread([each.entries for each in image])
    assert len(set(said)) > 5


@pytest.mark.parametrize(
    "members",
    [
        [_file("srv/x"), _hard("app/node_modules/a/package.json", "srv/x")],
        [_file("srv/x"), _symbolic("app/node_modules/a/package.json", "/srv/x")],
        [_file("srv/x"), _hard("opt/x.JAR", "srv/x")],
        [_file("srv/x/METADATA"), _symbolic("usr/lib/a-1.dist-info", "/srv/x")],
        [_file("srv/x"), _hard("var/lib/dpkg/status", "srv/x")],
        [_file("srv/dpkg/status"), _symbolic("var/lib/dpkg", "/srv/dpkg")],
        [_file("srv/lib/dpkg/status"), _symbolic("var", "srv")],
        [("app/node_modules/a/package.json", tarfile.CONTTYPE, "")],
        [_hard("opt/x.jar", "opt/nowhere.jar")],
    ],
    ids=str,
)
def test_a_package_file_that_is_not_read_is_named(tmp_path: Path, members: list[_Member]) -> None:
    """By the name that it should have been read by."""
    [named] = _unread(tmp_path, members)
    assert any(named.startswith(name) for name, kind, _ in members if kind != tarfile.REGTYPE) or (
        named.startswith("var/lib/dpkg/status: ")
    )


@pytest.mark.parametrize(
    "members",
    [
        [_file("a/package.json"), _hard("b/package.json", "a/package.json")],
        [_file("opt/x-1.jar"), _symbolic("opt/x.jar", "x-1.jar")],
        [_file("opt/x-1.jar"), _symbolic("etc/x", "/opt/x-1.jar"), _symbolic("x.jar", "etc/x")],
        [_file("usr/lib/apk/db/installed"), _symbolic("lib", "usr/lib")],
        [
            _file("usr/lib/sysimage/rpm/rpmdb.sqlite"),
            _symbolic("var/lib/rpm", "/usr/lib/sysimage/rpm"),
        ],
        [_symbolic("opt/x.jar", "nowhere")],
        [_file("srv/x"), _hard("srv/y", "srv/x"), _symbolic("srv/z", "x")],
        [_file("a/1.dist-info/METADATA"), _symbolic("b/1.dist-info", "/a/1.dist-info")],
        [(".wh..wh..opq", tarfile.REGTYPE, ""), _file("a/package.json")],
        [("dev/x.jar", tarfile.CHRTYPE, "")],
    ],
    ids=str,
)
def test_links_to_what_is_read_are_fine(tmp_path: Path, members: list[_Member]) -> None:
    """Most links are of this kind; they must not make images unknown."""
    assert _unread(tmp_path, members) == ()


def test_a_program_is_read_by_one_of_its_names(tmp_path: Path) -> None:
    """Unless that one is removed, or replaced, by a layer above."""
    programs = [_file("usr/bin/perl"), _hard("usr/bin/perl5", "usr/bin/perl")]
    assert _unread(tmp_path, programs, mode=0o755) == ()
    removed = _unread(tmp_path, programs, [_file("usr/bin/.wh.perl")], mode=0o755)
    assert removed == ("usr/bin/perl5: a hard link to what is gone",)
    replaced = _unread(tmp_path, programs, [_file("usr/bin/perl")], mode=0o755)
    assert replaced == ("usr/bin/perl5: a hard link to what was replaced since",)
    both = [_file("usr/bin/perl"), _file("usr/bin/perl5")]
    assert _unread(tmp_path, programs, both, mode=0o755) == ()
    assert _unread(tmp_path, programs, [_file("usr/bin/.wh.perl")], mode=0o644) == ()


def test_an_opaque_root_is_named(tmp_path: Path) -> None:
    """Trivy would go on reporting what it hides."""
    [named] = _unread(tmp_path, [_file("etc/os-release")], [_file("./.wh..wh..opq")])
    assert "opaque" in named


def test_names_that_cannot_be_listed_are_named(tmp_path: Path) -> None:
    """Rather than taken for none."""
    [named] = _unread(tmp_path, [_file("x" * 5000)])
    assert named.startswith("the names of all files: ")


def test_no_more_is_told_than_can_be_read(tmp_path: Path) -> None:
    """Names are escaped, cut, and at most 20."""
    many = [_hard(f"\x1b[31m{'x' * 300}{n}.jar", "gone") for n in range(50)]
    named = _unread(tmp_path, many)
    assert len(named) == 20
    assert all(text.isprintable() and len(text) <= 210 for text in named)


@pytest.mark.parametrize(
    ("path", "reader"),
    [
        ("var/lib/dpkg/status", "database"),
        ("var/lib/dpkg/status.d/bash", "dpkg"),
        ("var/lib/dpkg/status-old", None),
        ("srv/var/lib/dpkg/status", None),
        ("usr/lib/python3/a-1.dist-info/METADATA", "python"),
        ("usr/lib/python3/a-1.dist-info/RECORD", None),
        ("package.json", "npm"),
        ("app/my-package.json", None),
        ("opt/x.WAR", "java"),
        ("usr/share/gems/specifications/x-1.gemspec", "gem"),
        ("app/vendor/composer/installed.json", "composer"),
        ("app/x.deps.json", "dotnet"),
        ("app/Directory.Packages.props", "nuget"),
        ("opt/bitnami/x/.spdx-x.spdx", "sbom"),
    ],
)
def test_readers_are_known_by_name(path: str, reader: str | None) -> None:
    """One for each kind of package file."""
    assert reader_of(path) == reader
