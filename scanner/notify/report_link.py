"""Where a report can be read: a place of the operators, with what names the report filled in."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

from scanner.model import ImageReference

EXPECTED: Final = (
    "an https:// URL without credentials, that names nothing in braces but {registry}, "
    "{repository}, {digest} and {report_id}"
)
_PLAIN = re.compile(r"https://[!#-;=?-\[\]_a-z{}~]{1,300}")
_BLANK = re.compile(r"\{(registry|repository|digest|report_id)\}")
_SECRET_PARAMETERS = frozenset({"sig", "code", "key", "apikey", "api_key", "token", "access_token"})


@dataclass(frozen=True, slots=True)
class ReportLink:
    """A template; an empty one leads nowhere. Many read messages: it must hold no secret."""

    template: str = ""

    @classmethod
    def parse(cls, text: str) -> "ReportLink":
        """Read a template. Raises ValueError for an unfit one."""
        parts = urlsplit(text)
        is_open = not parts.username and not parts.password and "@" not in parts.netloc
        parameters = {name.lower() for name in parse_qs(parts.query, keep_blank_values=True)}
        blanks = _BLANK.findall(text)
        if (
            not _PLAIN.fullmatch(text)
            or not parts.hostname
            or "{" in parts.netloc
            or len(blanks) > len(set(blanks))
            or set("{}") & set(_BLANK.sub("", text))
            or not is_open
            or parameters & _SECRET_PARAMETERS
        ):
            raise ValueError(text)
        return cls(text)

    def to(self, image: ImageReference, report_id: str) -> str:
        """Return the address of a report, or nothing."""
        names = {
            "registry": image.registry,
            "repository": image.repository,
            "digest": str(image.digest),
            "report_id": report_id,
        }
        return _BLANK.sub(lambda blank: quote(names[blank[1]], safe=""), self.template)


NO_LINK: Final = ReportLink()
