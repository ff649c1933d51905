"""Text from an image or from the scanner, made fit to keep: short, and nothing in it but text."""


def visible(untrusted: str, limit: int) -> str:
    r"""Cut to `limit` characters, then write what would not show as an escape: `\x1b`, `\u202e`.

    That covers control characters (C0, C1), line and paragraph separators, bidirectional overrides
    and lone surrogates. What merely looks like markup stays: whoever renders it escapes it.
    """
    text = untrusted[:limit]
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else _escape(character) for character in text
    )


def unobeyed(untrusted: str, limit: int) -> str:
    r"""Do what `visible` does, and let nothing be a command to who reads a log.

    Azure Pipelines obeys `##vso[` and GitHub Actions `##[` wherever they stand in a line: the
    second sign is written as `\x23`.
    """
    return visible(untrusted, limit).replace("##", r"#\x23")


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
