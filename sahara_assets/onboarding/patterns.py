"""Which glob patterns stand for a dataset's files: general enough for tomorrow's file, and never another dataset's.

`*` does not cross a folder here, as in `pathlib`; a pattern is only used if it would be right under either reading.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_DATE_OR_NUMBER = re.compile(r"\d+(?:[-_.T]?\d+)*")


def matches(path: str, pattern: str) -> bool:
    """Whether a relative path (with `/`) fits a pattern, `*` staying within one folder.

    >>> matches("a/b.csv", "*.csv"), matches("a/b.csv", "a/*.csv")
    (False, True)
    """
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(fnmatchcase(part, want) for part, want in zip(parts, wanted, strict=True))


def propose_patterns(mine: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """Globs that match all of the paths and none of the others.

    >>> propose_patterns(["2010-12-01.csv", "2010-12-02.csv"], [])
    ('*.csv',)
    >>> propose_patterns(["orders_20240101.csv"], ["products.csv"])
    ('orders_*.csv',)
    >>> propose_patterns(["2010-12-01.csv"], ["stock.csv"])
    ('[0-9]*-[0-9]*-[0-9]*.csv',)
    >>> propose_patterns(["north.csv", "south.csv"], ["products.csv"])
    ('north.csv', 'south.csv')
    """
    found: list[str] = []
    left = list(mine)
    while left:
        path = left[0]
        pattern = next(candidate for candidate in _candidates(path, mine) if _is_safe(candidate, path, others))
        found.append(pattern)
        left = [one for one in left if not matches(one, pattern)]
    return _fewer(found, mine, others)


def _is_safe(pattern: str, path: str, others: Sequence[str]) -> bool:
    return matches(path, pattern) and not any(
        matches(other, pattern) or fnmatchcase(other, pattern) for other in others
    )


def _candidates(path: str, mine: Sequence[str]) -> list[str]:
    """From general to exact."""
    folder, _, name = path.rpartition("/")
    stem = (name.partition(".csv")[0] if ".csv" in name else name.rpartition(".")[0]) or name
    ending = _literal(name[len(stem) :])
    folder_pattern = (
        "/".join("*" if _DATE_OR_NUMBER.fullmatch(part) else _literal(part) for part in folder.split("/")) + "/"
        if folder
        else ""
    )
    masked = re.sub(r"\*+", "*", "*".join(_literal(part) for part in _DATE_OR_NUMBER.split(stem)))
    digits = "[0-9]*".join(_literal(part) for part in re.split(r"\d+", stem))
    candidates = []
    # A bare `*` says nothing about the dataset, so it takes a name made of digits alone, or several files that share nothing.
    if masked.strip("*-_. ") or stem.strip("0123456789-_.T") == "":
        candidates.append(f"{folder_pattern}{masked}{ending}")
    if len(mine) > 6:
        candidates.append(f"{folder_pattern}*{ending}")
    candidates += [
        f"{folder_pattern}{digits}{ending}",
        f"{_literal(folder)}/{digits}{ending}" if folder else f"{digits}{ending}",
        _literal(path),
    ]
    # Only `*`, digits and separators: without a letter the next-best is to ask for digits.
    return [candidate for candidate in candidates if len(candidate) > 0]


def _literal(text: str) -> str:
    """The text with glob characters taken literally."""
    return re.sub(r"([*?\[{])", r"[\1]", text)


def _fewer(found: list[str], mine: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """Many patterns are worse than one with a common beginning or end, where that is safe."""
    if len(found) <= 4:
        return tuple(dict.fromkeys(found))
    starts, ends = _shared(found), _shared([pattern[::-1] for pattern in found])[::-1]
    one = f"{_until_glob(starts)}*{_until_glob(ends[::-1])[::-1]}"
    if (
        "/" not in one[len(starts) :]
        and all(matches(path, one) for path in mine)
        and not any(matches(other, one) or fnmatchcase(other, one) for other in others)
    ):
        return (one,)
    return tuple(dict.fromkeys(found))


def _shared(texts: Sequence[str]) -> str:
    shortest = min(texts, key=len)
    for length in range(len(shortest), 0, -1):
        if all(text.startswith(shortest[:length]) for text in texts):
            return shortest[:length]
    return ""


def _until_glob(text: str) -> str:
    return re.split(r"[*?\[\]]", text, maxsplit=1)[0]
