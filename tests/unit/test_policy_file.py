"""policy.yaml: what is read, and every fault with its line."""

import contextlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import PolicyError
from scanner.model import FixStatus, Kind, Outcome, Policy, Rule, Rulebook, Severity, What, Where
from scanner.policy import canonical, default_policy, read_policy
from scanner.policy.nodes import MAX_BYTES
from scanner.policy.policy_file import with_digest
from tests.policies import policy, rule

FULL = b"""\
version: 1
name: shop
severity_sources: [nvd, ghsa]
max_advisory_age_hours: 24
max_exemption_days: 90
max_exploit_age_days: 7
rules:
  - name: production
    where:
      registries: contoso.azurecr.io
      repositories: ["prod/**", payments]
      tags: ["v*", 1.10]
    what:
      kind: vulnerability
      ids: ["CVE-*"]
      packages: [openssl]
      severity: MEDIUM
      fixable: true
      fix_status: [fixed]
      package_class: os-pkgs
      package_types: [debian]
      cvss: 7
      epss: 0.5
      known_exploited: true
      published_over_days: 3
      published_within_days: 400
      image_over_days: 90
      end_of_life: false
    outcome: blocks
    grace_days: 14
  - {name: ended, what: {kind: end-of-life}, outcome: warns}
"""


def faults(text: str) -> list[str]:
    """Return what is wrong with a policy."""
    with pytest.raises(PolicyError) as caught:
        read_policy("policy.yaml", text.encode())
    return [str(fault) for fault in caught.value.faults]


def test_every_member_is_read() -> None:
    """A text stands for a list of one, and a tag is what is written: 1.10 is not 1.1."""
    read = read_policy("policy.yaml", FULL)
    assert read.rules[0] == Rule(
        name="production",
        where=Where(
            registries=("contoso.azurecr.io",),
            repositories=("prod/**", "payments"),
            tags=("v*", "1.10"),
        ),
        what=What(
            kinds=(Kind.VULNERABILITY,),
            ids=("CVE-*",),
            packages=("openssl",),
            severity=Severity.MEDIUM,
            fixable=True,
            fix_status=(FixStatus.FIXED,),
            package_class=("os-pkgs",),
            package_types=("debian",),
            cvss=7.0,
            epss=0.5,
            known_exploited=True,
            published_over_days=3,
            published_within_days=400,
            image_over_days=90,
            end_of_life=False,
        ),
        outcome=Outcome.BLOCKS,
        grace_days=14,
    )
    assert read.rules[1].what.kinds == (Kind.END_OF_LIFE,)
    assert (read.name, read.severity_sources) == ("shop", ("nvd", "ghsa"))
    assert (read.max_advisory_age_hours, read.max_exemption_days) == (24, 90)
    assert read.max_exploit_age_days == 7
    assert Rulebook(policy=read).asks_for_tags


def test_the_shipped_policy_is_what_the_documentation_says() -> None:
    """Known exploited at any severity, HIGH and CRITICAL with a fix, secrets."""
    read = default_policy()
    assert [one.name for one in read.rules] == ["known-exploited", "fixable-high", "secrets"]
    assert {one.outcome for one in read.rules} == {Outcome.BLOCKS}
    assert read.max_advisory_age_hours == 72


@pytest.mark.parametrize("text", [FULL, canonical(default_policy())])
def test_the_canonical_form_reads_back_as_the_same(text: bytes) -> None:
    """Digest and all; blanks, comments and defaults that are written out do not count."""
    read = read_policy("policy.yaml", text)
    assert read_policy("kept", canonical(read)) == read
    again = text.replace(b"version: 1", b"version: 1  # a comment") + b"\n"
    assert read_policy("policy.yaml", again).digest == read.digest
    assert with_digest(replace(read, max_exemption_days=91)).digest != read.digest


def test_every_fault_is_told_with_its_line_and_field() -> None:
    """All at once."""
    assert faults(
        """\
version: 2
max_exemption_days: 366
rules:
  - name: Loud
    outcome: maybe
    what: {severity: HUGE, cvss: nan, kind: [secret, ghosts]}
  - name: twice
    outcome: blocks
    what: {kind: secret, fixable: true}
    grace_days: 3
  - name: twice
    outcome: informs
    what: {kind: [end-of-life, secret]}
    were: {}
  - 5
more: 1
"""
    ) == [
        "policy.yaml:1: version is '2', not 1",
        "policy.yaml:1: name is missing",
        "policy.yaml:2: max_exemption_days is '366', not a number from 1 to 365",
        (
            "policy.yaml:4: rules[1].name is not small letters and digits, joined by dashes,"
            " dots or underscores"
        ),
        "policy.yaml:5: rules[1].outcome is 'maybe', not one of blocks, warns, informs",
        (
            "policy.yaml:6: rules[1].what.kind has 'ghosts', which is not one of vulnerability,"
            " secret, misconfiguration, end-of-life"
        ),
        "policy.yaml:6: rules[1].what.severity is 'HUGE', not LOW, MEDIUM, HIGH or CRITICAL",
        "policy.yaml:6: rules[1].what.cvss is 'nan', not a number from 0 to 10",
        (
            "policy.yaml:9: rules[2].what.kind is without vulnerability, and the rest asks for what"
            " only they have"
        ),
        "policy.yaml:10: rules[2].grace_days needs the outcome blocks and the kind vulnerability",
        "policy.yaml:11: rules[3].name is that of an earlier rule",
        "policy.yaml:13: rules[3].what.kind end-of-life is about the image: it stands alone",
        (
            "policy.yaml:14: rules[3].were is not known here; known are grace_days, name, outcome,"
            " what, where"
        ),
        "policy.yaml:15: rules[4] is not a mapping of names to values",
        (
            "policy.yaml:16: more is not known here; known are max_advisory_age_hours,"
            " max_exemption_days, max_exploit_age_days, name, rules, severity_sources, version"
        ),
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "policy.yaml:1: is empty"),
        ("a: &x 1\nb: *x", "policy.yaml:1: has an anchor or alias: write it out"),
        ("a: 1\nb: !!python/object:os.system x", "policy.yaml:2: has a tag: leave it out"),
        ("a: 1\na: 2", "policy.yaml:2: a is there twice"),
        ("a: [1", "policy.yaml:1: is not YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: 1\n---\nb: 2", "policy.yaml:2: is not YAML: but found another document"),
        ("[" * 50, "policy.yaml:1: is nested too deep, or has too much in it"),
        ("- a\n" * 30_000, "policy.yaml:19999: is nested too deep, or has too much in it"),
        ("#" * (MAX_BYTES + 1), f"policy.yaml:1: the file is larger than {MAX_BYTES} bytes"),
        ("? [a]\n: b", "policy.yaml:1: has no name"),
        ("version: 1\nname: x\nrules: []", "policy.yaml:3: rules has no rule: then nothing would"),
        ("version: 1\nname: nothing-blocks", "policy.yaml:2: name is that of a step which every"),
    ],
)
def test_tricks_and_torsos_are_refused(text: str, fault: str) -> None:
    """Nothing makes objects, nothing grows, nothing is silently one of two."""
    assert any(found.startswith(fault) for found in faults(text)), faults(text)


def test_what_is_no_text_is_refused() -> None:
    """With the line."""
    with pytest.raises(PolicyError, match=r"policy.yaml:2: is not UTF-8"):
        read_policy("policy.yaml", b"a: 1\n\xff")


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda s: s.encode("utf-8"))))
def test_any_bytes_are_a_policy_or_a_policy_error(untrusted_text: bytes) -> None:
    """And nothing else is ever raised."""
    with contextlib.suppress(PolicyError):
        read_policy("policy.yaml", untrusted_text)


_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["rules", "what", "where", "kind", "name", "severity", "tags"]),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=20,
)


@given(_VALUES)
def test_any_tree_is_a_policy_or_a_policy_error(tree: object) -> None:
    """Of the right names too."""
    with contextlib.suppress(PolicyError):
        read_policy("policy.yaml", json.dumps(tree).encode())


_GLOBS = st.lists(st.text(alphabet="ab/*?-.", min_size=1, max_size=8), max_size=3, unique=True)
_WHATS = st.builds(
    What,
    kinds=st.just((Kind.VULNERABILITY,)),
    ids=_GLOBS.map(tuple),
    severity=st.sampled_from([None, *list(Severity)[1:]]),
    fixable=st.sampled_from([None, True, False]),
    cvss=st.one_of(st.none(), st.floats(min_value=0, max_value=10)),
    epss=st.one_of(st.none(), st.floats(min_value=0, max_value=1)),
    published_over_days=st.one_of(st.none(), st.integers(min_value=1, max_value=3650)),
)


@given(st.lists(_WHATS, min_size=1, max_size=4))
def test_any_policy_survives_its_canonical_form(whats: list[What]) -> None:
    """Read back it is the same, so a digest names one policy and no other."""
    rules = [replace(rule(f"r{n}"), what=what) for n, what in enumerate(whats)]
    begun: Policy = policy(*rules)
    assert read_policy("kept", canonical(begun)) == begun
