"""Every kind of hostile input, in words, and the tests that show what becomes of it.

B: what comes from outside, door by door. C: images that cost more than they show. S: images that a
scanner calls clean in silence. An image of the corpus names the kinds that it is (`Hostile.ids`); a
kind that is no image, or that needs a fault of the registry, is shown by tests that are named here.

`python -m tests.hostile.inputs` prints those beside this folder, for pytest's command line.
"""

import sys
from collections.abc import Mapping
from typing import Final

INPUTS: Final[Mapping[str, str]] = {
    "B1": "webhook: the registry is an address, or the local host",
    "B2": "webhook: the registry is a cloud's metadata service",
    "B3": "webhook: the registry's name with a user, a fragment, a path",
    "B4": "webhook: the registry's name in capitals, with a final dot, with a look-alike letter",
    "B5": "webhook: a registry below another domain than Azure's",
    "B6": "webhook: somebody else's registry on Azure",
    "B7": "webhook: a repository that is a path, an option, too long, of several lines",
    "B8": "webhook: a tag that is an option, a path, too long, not ASCII",
    "B9": "registry: a token service at the metadata address",
    "B10": "registry: a token service of another host",
    "B11": "registry: a blob redirected to http, inwards, elsewhere, to itself, 20 times",
    "B12": "registry: a blob redirected to the registry's own storage",
    "B13": "registry: a host name that resolves differently the second time",
    "B14": "registry: a login page, a wrong content type, a wrong digest in a header",
    "B15": "webhook: a body that is too large, or never ends",
    "B16": "webhook: a compressed body",
    "B17": "webhook: JSON that is deep, doubled, infinite, in another encoding",
    "B18": "queue: a message that is no job",
    "B19": "queue: a job for a registry that the settings do not name",
    "B20": "queue: the same job many times, to several workers",
    "B21": "manifest of more bytes than one may have",
    "B22": "manifest that is an image and an index",
    "B23": "index in an index in an index",
    "B24": "index that names itself, or calls an index an image",
    "B25": "index of more platforms than one may have",
    "B26": "digest that is a path",
    "B27": "diff_id that is a path",
    "B28": "layer of another size than declared, or of an impossible one",
    "B29": "blob with other bytes than its digest names",
    "B30": "layer with other contents than its diff_id names",
    "B31": "more diff_ids than layers",
    "B32": "layer that claims the diff_id of another image's",
    "B33": "more layers than a runtime mounts",
    "B34": "one layer many times",
    "B35": "config of more bytes than one may have",
    "B36": "image without contents, or with contents that lie elsewhere",
    "B37": "bomb in a file that the scanner reads",
    "B38": "bomb in a file that nobody reads",
    "B39": "bomb of text",
    "B40": "tar header of a size, or sparse file of a number of pieces, that no file needs",
    "B41": "very many empty files",
    "B42": "gzip that is truncated, none, followed by garbage, of several members",
    "B43": "zstd with a large window, or under the name of gzip",
    "B44": "jar of large jars, jar in jar in jar",
    "B45": "very many secrets, so that a report of them would be large",
    "B46": "very many packages",
    "B47": "path with terminal escapes, or a line break and a false log line",
    "B48": "package name with a bidirectional override",
    "B49": "path with a script in it",
    "B50": "package name with a script, version with a link",
    "B51": "label with an image tag",
    "B52": "secrets in the environment of the config",
    "B53": "secrets in the history of the config",
    "B54": "secrets in files, and on the lines beside",
    "B55": "names that mention a channel, everyone, or a false link",
    "B56": "title with markdown, or of 10,000 characters",
    "B57": "more findings than a notice has room for",
    "B58": "advisories: absent, of garbage, of another schema",
    "B59": "advisories: truncated",
    "B60": "advisories: some bytes damaged",
    "B61": "advisories: a whole database that knows nothing",
    "B62": "advisories: two years old, or of 2096",
    "B63": "image with a jar, without the index of Java archives",
    "B64": "distribution that nobody knows, or none",
    "B65": "package database deleted by whiteouts",
    "B66": "package file that cannot be read",
    "B67": "members that point out of the image, devices, pipes, links",
    "B68": "links aimed at where a sandbox builds its root",
    "B69": "package database of garbage, program of garbage",
    "B70": "files that would tell the scanner what to ignore",
    "C1": "gigabytes of zeros that nobody wants",
    "C2": "gigabytes of zeros, named a jar or a package database",
    "C3": "gigabytes of zeros, named a package or a program",
    "C4": "several large package files that are held in memory together",
    "C5": "small jar that holds a large one",
    "C6": "package database that takes quadratic time",
    "C7": "very many packages, files, layers or jars in jars",
    "C8": "names, links and devices that would write elsewhere",
    "S1": "config without diff_ids",
    "S2": "no layers, a chart, Windows",
    "S3": "unknown distribution",
    "S4": "package database that is a link",
    "S5": "package database of garbage",
    "S6": "release without advisories",
    "S7": "release past its end of life",
    "S8": "jar that nobody knows, package or program of garbage",
    "S9": "packages that the distribution claims as its own",
    "S10": "truncated, missing or surplus layers",
    "S11": "index whose first image is not the one that runs",
}

_EVENTS = "tests/unit/test_events.py::test_"
_INTAKE = "tests/unit/test_intake.py::test_"
_JOBS = "tests/unit/test_jobs.py::test_"
_PULL = "tests/integration/test_registry_pull.py::test_"
_REDIRECTS = "tests/unit/test_registry_redirects.py::test_"
_ACCESS = "tests/integration/test_registry_access.py::test_"
_PULL_REDIRECTS = "tests/integration/test_registry_pull_redirects.py::test_"
_RESOLVE = "tests/integration/test_registry_resolve.py::test_"
_LEAKS = "tests/hostile/test_nothing_leaks.py::test_"
_NAMES = "tests/hostile/test_hostile_names.py::test_"
_PLAIN = "tests/unit/test_plain_text.py::test_"
_COMPOSER = "tests/unit/test_notify_composer.py::test_"
_NOTICES = "tests/hostile/test_hostile_notices.py::test_"
_DELIVERIES = "tests/e2e/test_deliveries.py::test_"
_UPDATE = "tests/integration/test_trivy_update.py::test_"
_DAMAGED = "tests/hostile/test_hostile_advisories.py::test_"
_ADVISORIES = "tests/unit/test_trivy_advisories.py::test_"

ELSEWHERE: Final[Mapping[str, tuple[str, ...]]] = {
    _EVENTS + "a_host_that_the_settings_do_not_name_is_refused": (
        "B1",
        "B2",
        "B3",
        "B4",
        "B5",
        "B6",
    ),
    _EVENTS + "a_configured_host_is_found_whatever_its_case": ("B4",),
    _EVENTS + "a_repository_outside_the_grammar_is_refused": ("B7",),
    _EVENTS + "a_tag_outside_the_grammar_is_refused": ("B8",),
    _EVENTS + "a_body_that_is_no_event_is_refused": ("B17",),
    _INTAKE + "a_registry_that_is_not_ours_is_forbidden": ("B5", "B6"),
    _INTAKE + "a_body_over_the_limit_is_refused": ("B15",),
    _INTAKE + "another_media_type_or_coding_is_refused": ("B16",),
    _ACCESS + "sends_the_token_to_the_registry_only": ("B9", "B10"),
    _ACCESS + "renews_once_when_the_token_is_refused_in_mid_life": ("B9", "B10"),
    _RESOLVE + "believes_the_bytes_and_not_the_headers": ("B14",),
    _RESOLVE + "other_bytes_than_the_digest_names_are_never_parsed": ("B14",),
    _ACCESS + "dials_no_registry_that_is_not_in_the_settings": ("B19",),
    _REDIRECTS + "refuses_to_go_elsewhere": ("B11",),
    _REDIRECTS + "refuses_storage_that_resolves_inwards": ("B11",),
    _PULL_REDIRECTS + "goes_nowhere_that_is_not_the_registrys_storage": ("B11",),
    _PULL_REDIRECTS + "follows_two_redirects_and_not_three": ("B11",),
    _PULL + "asks_once_at_the_registry_and_once_at_the_storage_for_a_blob": ("B12",),
    _PULL_REDIRECTS + "connects_to_the_address_that_was_checked": ("B13",),
    _JOBS + "what_is_no_job_is_refused": ("B18",),
    _JOBS + "a_forged_message_is_refused_by_field": ("B18",),
    _DELIVERIES + "an_unreadable_message_is_kept_and_does_not_block_the_queue": ("B18",),
    _DELIVERIES + "fifty_deliveries_make_one_report_and_one_notice": ("B20",),
    _LEAKS + "a_secret_is_nowhere": ("B52", "B53", "B54"),
    _NAMES + "a_hostile_name_is_inert": ("B47", "B48", "B49", "B50", "B51", "B55", "B56"),
    _PLAIN + "text_that_hides_or_reorders_is_taken_out": ("B55", "B56"),
    _PLAIN + "text_that_is_cut_says_so": ("B56",),
    _COMPOSER + "only_the_worst_findings_are_told_and_fixable_ones_first": ("B57",),
    _NOTICES + "programs_get_plain_text_of_bounded_length": ("B57",),
    _UPDATE + "advisories_that_fail_their_proof_change_nothing": ("B61",),
    _ADVISORIES + "what_is_no_database_of_schema_2_changes_nothing": ("B58",),
    "tests/hostile/test_hostile_images.py::test_advisories_of_another_time_prove_nothing": ("B62",),
    _DAMAGED + "advisories_that_are_not_whole_give_no_verdict": ("B58", "B59", "B60", "B61", "B63"),
    _DAMAGED + "no_advisories_at_all_give_no_verdict": ("B58",),
    _DAMAGED + "a_jar_is_examined_without_an_index_of_java_archives": ("B63",),
    _ADVISORIES + "a_damaged_database_is_not_used": ("B59", "B60"),
}
"""Tests that show what becomes of inputs, beside the corpus of images."""


if __name__ == "__main__":
    sys.stdout.write("".join(f"{test}\n" for test in ELSEWHERE if "/hostile/" not in test))
