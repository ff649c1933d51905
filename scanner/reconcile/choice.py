"""Which repositories are reconciled."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which repositories are reconciled: globs in which `*` also matches slashes."""

    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()

    def admits(self, repository: str) -> bool:
        """Whether a repository is allowed by one glob and denied by none."""
        return any(fnmatchcase(repository, glob) for glob in self.allow) and not any(
            fnmatchcase(repository, glob) for glob in self.deny
        )

    @property
    def names(self) -> tuple[str, ...] | None:
        """The repositories, where they are all named: then no right to the catalogue is needed."""
        if any(map(_GLOB.search, self.allow)):
            return None
        return tuple(sorted(set(self.allow)))
