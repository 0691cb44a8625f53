"""Customers for the export tests, by hand and drawn, and how a folder of files is looked at from outside."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

NAMES = {1: "Champions, the best", 2: 'The "loyal" ones', 3: "Lapsed big spenders", 4: "=New+here"}
# Without an offset, as a warehouse hands out UTC.
JANUARY = dt.datetime.fromisoformat("2011-01-01")
TIERS = {1: "Platinum", 2: "Gold", 3: "Silver", 4: "Bronze"}


def customer(
    customer_id: str,
    segment: int = 1,
    *,
    client_id: str | None = None,
    user_id: str | None = None,
    last: dt.datetime | None = None,
) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "segment": segment,
        "segment_name": NAMES[segment],
        "tier": TIERS[segment],
        "client_id": client_id,
        "user_id": user_id,
        "last_ordered_at": last,
    }


def many(count: int, *, client_ids: bool = True, shift: int = 0) -> list[dict[str, Any]]:
    """So many customers, a few of which lack a client id or share one; `shift` moves them all to other segments."""
    return [
        customer(
            f"{number:06d}",
            (number * 7 + shift) % 4 + 1,
            client_id=f"{100_000 + number - (number % 11 == 5)}.{number % 3 + 7}"
            if client_ids and number % 13
            else None,
            last=JANUARY + dt.timedelta(hours=number),
        )
        for number in range(1, count + 1)
    ]


def read_rows(content: bytes) -> list[list[str]]:
    """The file as the csv module reads it, header first."""
    return list(csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))


def bytes_by_name(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# What breaks exporters, more often than chance would have it.
awkward = st.one_of(
    st.sampled_from(
        [
            "",
            " ",
            "=1+1",
            "-123",
            "@me",
            "a@b",
            "anna%40example.com",
            "\ta",
            "a\nb",
            "a\rb",
            "\x00",
            "\u200b=1",
            "\uff1d1",
            "\ufeff1",
        ]
    ),
    st.sampled_from(
        ["+44 20 7946 0958", "555-123-4567", "020 7946 0958", "1234567890123456", "GA1.2.3.4", "1.1", "1.10", "1.2"]
    ),
    st.sampled_from(
        [
            "a,b",
            'a"b',
            '"',
            "a'b",
            "'=1",
            "a;b",
            "a b",
            "null",
            "0",
            "00",
            "7.0",
            "\u00e9",
            "e\u0301",
            "x\u2028y",
            "\u00df",
        ]
    ),
    st.sampled_from(["\U0001f600" * 20, "x" * 40, "\uff41"]),
    st.text(max_size=45),
    st.integers(0, 30).map(str),
    st.from_regex(r"[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True),
    st.text("0123456789abcdef-/=+.", min_size=1, max_size=12),
)


@st.composite
def customer_lists(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to thirty customers with awkward ids, names and ties; `customer_id` is unique, as in the table it comes from."""
    ids = draw(st.lists(awkward, min_size=1, max_size=30, unique=True))
    names = draw(st.lists(awkward, min_size=4, max_size=4))
    tiers = draw(st.lists(awkward, min_size=4, max_size=4))
    has_client_ids, has_user_ids = draw(st.booleans()), draw(st.booleans())
    rows = []
    for customer_id in ids:
        segment = draw(st.integers(0, 3))
        rows.append(
            {
                "customer_id": customer_id,
                "segment": segment,
                "segment_name": names[segment],
                "tier": tiers[segment],
                "client_id": draw(st.none() | awkward) if has_client_ids else None,
                "user_id": draw(st.none() | awkward) if has_user_ids else None,
                "last_ordered_at": draw(st.none() | st.integers(1, 3).map(lambda days: JANUARY + dt.timedelta(days))),
            }
        )
    return rows
