"""What of an image's config goes on: a few facts, and never a value that could be a secret."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.model import Digest, ImageFacts, Severity
from scanner.registry.documents import MalformedError
from scanner.registry.facts import read_facts
from scanner.registry.limits import Limits
from scanner.registry.manifests import ImageManifest, TooLargeError, parse_manifest
from scanner.registry.misconfigurations import MAX_NAMES
from tests.image_samples import config_of, manifest_of

_BASE_NAME = "org.opencontainers.image.base.name"
_BASE_DIGEST = "org.opencontainers.image.base.digest"
_DIGEST = "sha256:" + "ba" * 32


def _facts(*, annotations: dict[str, Any] | None = None, **config: object) -> ImageFacts:
    written = config_of(b"layer", **config)
    more = {"annotations": annotations} if annotations is not None else {}
    manifest = parse_manifest(
        json.dumps(manifest_of(written, b"layer", **more)).encode(), limits=Limits()
    )
    assert isinstance(manifest, ImageManifest)
    return read_facts(manifest, written, limits=Limits())


def _rules(**run: object) -> list[tuple[str, str]]:
    found = _facts(config={"User": "app"} | run).weaknesses
    return [(weakness.id, weakness.title.partition(" ")[0]) for weakness in found]


def test_an_empty_config_says_little() -> None:
    """It runs as root, because nobody said otherwise."""
    facts = _facts()
    assert facts == ImageFacts(weaknesses=facts.weaknesses)
    assert [weakness.id for weakness in facts.weaknesses] == ["root-user"]


def test_time_of_the_build_and_user_are_read() -> None:
    """In UTC, whatever zone the builder was in."""
    facts = _facts(created="2026-11-22T13:00:00.123456789+01:00", config={"User": "app:staff"})
    assert facts.created_at == datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
    assert (facts.user, facts.weaknesses) == ("app:staff", ())
    assert _facts(created="1970-01-01T00:00:00Z").created_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert _facts(created="0001-01-01T00:00:00Z").created_at is None
    assert _facts(created="yesterday").created_at is None


@pytest.mark.parametrize("user", ["", "0", "root", "0:0", "root:staff", ":10", "00", "+0", "-0"])
def test_root_is_known_by_any_of_its_names(user: str) -> None:
    """As runtimes read them (moby `user.GetExecUser`, which takes any number that is 0)."""
    assert _rules(User=user) == [("root-user", "it")]


@pytest.mark.parametrize("user", ["app", "1000", "10", "1000:0", "rootless", "toor", "nobody:root"])
def test_others_are_not_root(user: str) -> None:
    """By what the config says; what /etc/passwd makes of a name is another matter."""
    assert _rules(User=user) == []


def test_on_windows_nobody_is_root() -> None:
    """No user is named there as a rule."""
    assert _facts(os="windows").weaknesses == ()


def test_the_base_image_is_told_by_annotations_then_labels() -> None:
    """Both of one source, so that name and digest belong together."""
    labels = {_BASE_NAME: "debian:11", _BASE_DIGEST: "sha256:" + "1a" * 32, "x": "y"}
    annotated = _facts(annotations={_BASE_DIGEST: _DIGEST}, config={"Labels": labels})
    assert (annotated.base_name, annotated.base_digest) == ("", Digest(_DIGEST))
    labelled = _facts(annotations={"x": "y"}, config={"Labels": labels})
    assert labelled.base_name == "debian:11"


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "caf\u00e9", "\u202e", "x" * 513])
def test_a_base_that_is_no_name_is_none(name: str) -> None:
    """It is not refused either: nothing rests on it alone."""
    facts = _facts(annotations={_BASE_NAME: name, _BASE_DIGEST: "sha512:no"})
    assert (facts.base_name, facts.base_digest) == ("", None)


@pytest.mark.parametrize(
    "setting",
    [
        *("DB_PASSWORD=a", "PGPASSWORD=a", "NPM_TOKEN=a=b", "client_secret=x", "AWS_SECRET_KEY=/a"),
        *("MY_API_KEY= x ", "apikey=1234", "X_CREDENTIALS={}", "STORAGE_CONNECTION_STRING=Account"),
        *("REDIS_PASS=x", "DB_PWD=x", "SECRET=$1$", "SSH_PRIVATE_KEY=-----BEGIN"),
    ],
)
def test_a_value_under_the_name_of_a_secret_is_told(setting: str) -> None:
    """By its name alone."""
    name = setting.partition("=")[0]
    assert _rules(Env=[setting, "PATH=/bin"]) == [("secret-in-environment", name)]


@pytest.mark.parametrize(
    "setting",
    [
        *("DB_PASSWORD=", "DB_PASSWORD", "=x", "PWD=/app", "KEY=a", "MONKEY=a", "TOKENS=3"),
        *("ALLOW_EMPTY_PASSWORD=yes", "NO_TOKEN=false", "X_SECRET='none'", "A_TOKEN=${TOKEN}"),
        *("GPG_KEY=E3FF2839C048B25C084DEBE9B26995E310250568", "SIGNING_PUBLIC_KEY=abc"),
        *("DB_PASSWORD_FILE=/run/secrets/db", "TLS_KEY=/etc/tls/key.pem", "AWS_ACCESS_KEY_ID=AKIA"),
        *("a b_TOKEN=x", "\u202e_TOKEN=x", f"{'A' * 200}_TOKEN=x"),
    ],
)
def test_what_is_no_secret_is_not(setting: str) -> None:
    """Switches, places, public keys, and names that nobody could read."""
    assert _rules(Env=[setting]) == []


@pytest.mark.parametrize(
    "step",
    [
        "RUN |2 HTTP_PROXY=x NPM_TOKEN=hunter2 /bin/sh -c npm ci # buildkit",
        "|1 NPM_TOKEN=hunter2 /bin/sh -c npm ci",
        "ENV NPM_TOKEN=hunter2",
        "ARG NPM_TOKEN=hunter2",
        "/bin/sh -c #(nop)  ENV A=1 NPM_TOKEN=hunter2",
        "/bin/sh -c #(nop) ARG NPM_TOKEN=hunter2",
    ],
)
def test_what_a_build_was_given_is_told(step: str) -> None:
    """It stands in the history, for whoever pulls the image."""
    facts = _facts(config={"User": "app"}, history=[{"created_by": step}, {"empty_layer": True}])
    [weakness] = facts.weaknesses
    assert (weakness.id, weakness.severity) == ("secret-in-history", Severity.HIGH)
    assert weakness.title == "NPM_TOKEN has a value in the build history"
    assert "hunter2" not in repr(facts)


@pytest.mark.parametrize(
    "step",
    [
        *("ARG NPM_TOKEN", "ENV A=1", "COPY NPM_TOKEN=x /", "RUN /bin/sh -c NPM_TOKEN=x npm ci"),
        "RUN |1 A=1 /bin/sh -c NPM_TOKEN=x npm ci # buildkit",
        "RUN --mount=type=secret,id=NPM_TOKEN /bin/sh -c npm ci",
    ],
)
def test_other_steps_are_not_read(step: str) -> None:
    """What a command line means is anybody's guess."""
    assert _facts(config={"User": "app"}, history=[{"created_by": step}]).weaknesses == ()


def test_a_secret_in_both_places_is_one() -> None:
    """ENV stands in the history too."""
    run = {"User": "app", "Env": ["A_TOKEN=x"], "ExposedPorts": {"80/tcp": {}, "22/tcp": {}}}
    found = _facts(config=run, history=[{"created_by": "ENV A_TOKEN=x"}]).weaknesses
    assert [weakness.id for weakness in found] == ["secret-in-environment", "ssh-port"]


def test_more_secrets_than_are_kept_are_too_many() -> None:
    """None is left out without a word."""
    names = [f"A{number}_TOKEN=x" for number in range(MAX_NAMES + 1)]
    assert len(_rules(Env=names[1:])) == MAX_NAMES
    with pytest.raises(TooLargeError):
        _rules(Env=names)


def test_long_values_take_no_long_time() -> None:
    """A config may be 4 MiB of whatever a pattern likes least."""
    spaces = " " * 1_000_000
    assert _rules(Env=[f"A_TOKEN={spaces}x", f"B_TOKEN={spaces}"]) == [
        ("secret-in-environment", "A_TOKEN")
    ]
    steps = [f"/bin/sh -c #(nop) {spaces}", f"ENV {'A_' * 500_000}", f"|1 {spaces}A_TOKEN=x"]
    history = [{"created_by": step} for step in steps]
    found = _facts(config={"User": "0" * 1_000_000}, history=history).weaknesses
    assert [weakness.id for weakness in found] == ["secret-in-history", "root-user"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)
_RUN = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("User", "Env", "Labels", "ExposedPorts"), _JSON)
)


@given(run=_RUN | _JSON, history=_JSON, created=_JSON)
def test_any_config_gives_facts_or_is_refused(
    run: object, history: object, created: object
) -> None:
    """And never another error."""
    try:
        _facts(config=run, history=history, created=created)
    except MalformedError:
        return


@pytest.mark.parametrize(
    "config",
    [
        {"config": []},
        {"config": {"User": 0}},
        {"config": {"user": "app", "User": "root"}},
        {"config": {"Env": "A=1"}},
        {"config": {"Env": [1]}},
        {"config": {"Labels": {"a": 1}}},
        {"config": {"ExposedPorts": ["22"]}},
        {"history": {}},
        {"history": ["RUN"]},
        {"history": [{"created_by": 1}]},
        {"created": 1970},
    ],
)
def test_what_no_runtime_would_read_is_refused(config: dict[str, Any]) -> None:
    """Or would read in another way than this."""
    with pytest.raises(MalformedError):
        _facts(**config)


@given(
    name=st.from_regex(r"[A-Za-z]{0,5}_?(TOKEN|PASSWORD|X)", fullmatch=True),
    value=st.text(min_size=1).map(lambda text: f"canary{text}"),
)
def test_no_value_is_ever_kept(name: str, value: str) -> None:
    """Wherever in the config it stands."""
    facts = _facts(
        config={"Env": [f"{name}={value}"], "Cmd": [value], "Labels": {name: value}},
        history=[{"created_by": f"ENV {name}={value}"}, {"comment": value}],
        author=value,
    )
    assert "canary" not in repr(facts)
