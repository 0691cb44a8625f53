"""How a name that nobody knows is told, with the one that may be meant; and what a place in the settings is."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Place = tuple[str, ...]
"""Where a fault is: section, key, and so on down."""


def unknown_key(name: str, known: Sequence[str], *, noun: str) -> str:
    """A sentence that says that a name is not known and which one may be meant.

    >>> unknown_key("recency", ["recency_days", "order_count"], noun="feature")
    "unknown feature 'recency'; did you mean 'recency_days'?"
    """
    lower = {key.lower(): key for key in reversed(known)}
    near = difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.6)
    near = near or [key for key in lower if len(name) > 1 and key.startswith(name.lower())][:1]
    hint = f"did you mean {lower[near[0]]!r}?" if near else f"known: {', '.join(known[:20])}"
    return f"unknown {noun} {name!r}; {hint}"
