"""Audience keys: which of a customer's ids may stand in a file, and which customer wins where two share one.

A key reaches the vendor exactly as it is or not at all: anything done to protect it (a quote before a `=`, a trimmed space, a hash)
would make it match nobody. So what must not be written is left out and counted by reason. Which kind of key a file has is decided in
`audience.py`; names and tiers, which may be mended, are in `values.py`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sahara_assets.exports.formats import KeyKind
from sahara_assets.untrusted import FORMULA_INSIDE, FORMULA_STARTS

if TYPE_CHECKING:
    import pyarrow as pa


class LeftOut(StrEnum):
    """Why a customer is not in an audience file."""

    NO_CLIENT_ID = "no_client_id"
    NO_USER_ID = "no_user_id"
    EMAIL = "looks_like_email"
    PHONE = "looks_like_phone_number"
    CONTROL = "control_character"
    OUTER_SPACE = "outer_space"
    FORMULA = "starts_like_formula"
    NOT_A_CLIENT_ID = "not_a_client_id"
    REPEATED = "repeated_key"


PERSONAL = (LeftOut.EMAIL, LeftOut.PHONE)
REFUSED = (*PERSONAL, LeftOut.CONTROL, LeftOut.OUTER_SPACE, LeftOut.FORMULA, LeftOut.NOT_A_CLIENT_ID)

# Phone numbers only in forms that no shop's numbering has: digits alone may be a customer number, and digits.digits is a client id.
_PHONE = re.compile(
    r"\+[0-9][0-9 ()./-]{5,}[0-9]"  # +44 20 7946 0958
    r"|\(?[0-9]{3}\)?[ -][0-9]{3}[ -][0-9]{4}"  # 555-123-4567
    r"|\(?0[0-9]{1,5}\)?[ /][0-9][0-9 /-]{3,}[0-9]"  # 020 7946 0958, 030/123456
)
_COOKIE = re.compile(r"(?i:GA)[0-9]\.[0-9-]+\.[0-9]+\.[0-9]+")
_VISITOR_ID = re.compile(r"[0-9]{15,}")

# Most keys are plain, and these two patterns say so a million at a time inside Arrow; `refusal` has the last word on the others.
# They may only hold what `refusal` lets pass, which a property test keeps true.
PLAIN_CLIENT_ID = r"^[0-9]+\.[0-9]+$"
PLAIN_USER_ID = (
    r"^(?:[0-9A-Za-z][0-9A-Za-z._]*"
    r"|[A-Za-z][0-9A-Za-z._:/+=-]*"
    r"|[0-9][0-9._:/+=-]*[A-Za-z][0-9A-Za-z._:/+=-]*)$"
)


def refusal(key: str, kind: KeyKind) -> LeftOut | None:
    """Why a key must not be written, or None where it may.

    Personal data comes first, because a file whose keys are mostly personal is refused whole. The vendor forbids it; an `@` in any
    form is enough, since no id of ours needs one. A client id must not be the whole cookie (`GA1.2.` before it) nor a fullVisitorId
    (a long number without a dot): both look right in the file and match nobody.

    >>> refusal("17850", KeyKind.USER_ID) is None
    True
    >>> refusal("anna@example.com", KeyKind.USER_ID).value, refusal("=1+1", KeyKind.USER_ID).value
    ('looks_like_email', 'starts_like_formula')
    >>> refusal("GA1.2.2534169.4418845320", KeyKind.CLIENT_ID).value
    'not_a_client_id'
    """
    if "@" in key[1:] or "\uff20" in key[1:] or "%40" in key:
        return LeftOut.EMAIL
    if _PHONE.fullmatch(key.strip()):
        return LeftOut.PHONE
    reason = None
    # A key that holds what cannot be seen was damaged on its way here, and a line break in it would break line-based readers.
    if any(unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} for character in key):
        reason = LeftOut.CONTROL
    elif key != key.strip():
        reason = LeftOut.OUTER_SPACE
    elif key[:1] in FORMULA_STARTS or FORMULA_INSIDE.search(key):
        reason = LeftOut.FORMULA
    elif kind is KeyKind.CLIENT_ID and (_COOKIE.fullmatch(key) or _VISITOR_ID.fullmatch(key)):
        reason = LeftOut.NOT_A_CLIENT_ID
    return reason


@dataclass(frozen=True)
class ChosenKeys:
    """The customers that a file holds: `rows` are their positions in the customer table, in bytewise order of their keys.

    `offered` counts the customers that had a key at all, `left_out` those that are not in the file, by reason.
    """

    rows: pa.Array
    keys: pa.Array
    offered: int
    left_out: dict[LeftOut, int]

    @property
    def personal(self) -> int:
        """Customers whose key looks like an e-mail address or a phone number."""
        return sum(self.left_out.get(reason, 0) for reason in PERSONAL)


def is_present(column: pa.Array) -> pa.Array:
    """Which values are there: neither null nor blank."""
    import pyarrow.compute as pc

    return pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(column), ""), fill_value=False)


def choose_keys(customers: pa.Table, source: str, kind: KeyKind) -> ChosenKeys:
    """Whose key goes into a file keyed by `kind`, taken from the column `source`.

    Of customers that share a key the one with the latest `last_ordered_at` wins, then the lowest `customer_id` bytewise; without a date
    a customer loses to any that has one. The order of the input rows never matters.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column = customers[source].combine_chunks()
    present = is_present(column)
    offered = pc.sum(present).as_py() or 0
    left_out: Counter[LeftOut] = Counter()
    left_out[LeftOut.NO_CLIENT_ID if kind is KeyKind.CLIENT_ID else LeftOut.NO_USER_ID] = len(column) - offered

    plain = pc.match_substring_regex(column, PLAIN_CLIENT_ID if kind is KeyKind.CLIENT_ID else PLAIN_USER_ID)
    doubtful = pc.indices_nonzero(pc.and_not(present, pc.fill_null(plain, fill_value=False)))
    passed = []
    for position, key in zip(doubtful.to_pylist(), column.take(doubtful).to_pylist(), strict=True):
        reason = refusal(key, kind)
        if reason is None:
            passed.append(position)
        else:
            left_out[reason] += 1
    allowed = pc.indices_nonzero(pc.and_(present, pc.fill_null(plain, fill_value=False)))
    if passed:
        allowed = pa.concat_arrays([allowed, pa.array(passed, allowed.type)])

    rows, keys = _in_order(customers, column, allowed)
    left_out[LeftOut.REPEATED] = len(allowed) - len(rows)
    counted = {reason: left_out[reason] for reason in LeftOut if left_out[reason]}
    return ChosenKeys(rows=rows, keys=keys, offered=offered, left_out=counted)


def _in_order(customers: pa.Table, column: pa.Array, rows: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The rows sorted by key, one per key, and their keys."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = column.take(rows)
    # Customers arrive by customer_id, which often is the key: then there is nothing to sort, and no key can repeat.
    if pc.all(pc.greater(keys[1:], keys[:-1])).as_py() is not False:
        return rows, keys
    rows = rows.take(pc.sort_indices(keys))
    keys = column.take(rows)
    repeats = pc.equal(keys[1:], keys[:-1]).to_numpy(zero_copy_only=False)
    if not repeats.any():
        return rows, keys
    # Only the customers that share a key are ranked among each other: sorting all of them by everything took five times as long.
    # They stand in the same places as before, key by key, so the ranking can be written back over them.
    shared = np.append(repeats, False) | np.append(False, repeats)
    ranked = customers.select(["last_ordered_at", "customer_id", "segment", "segment_name", "tier"]).take(
        rows.filter(shared)
    )
    order = pc.sort_indices(
        ranked.append_column("key", keys.filter(shared)),
        sort_keys=[
            ("key", "ascending"),
            ("last_ordered_at", "descending"),  # nulls come last in either direction
            *((name, "ascending") for name in ("customer_id", "segment", "segment_name", "tier")),
        ],
    )
    positions = rows.to_numpy().copy()
    positions[shared] = positions[shared][order.to_numpy()]
    winners = np.append(True, ~repeats)
    rows = pa.array(positions[winners])
    return rows, column.take(rows)
