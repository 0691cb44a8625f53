"""Whether another run has written to a BigQuery dataset since this one began to look at it.

BigQuery has no lock to hold. Of two transactions that update rows of one table it cancels one, but two that only append go on side by side
(https://cloud.google.com/bigquery/docs/transactions#transaction_concurrency), and a run that planned on what another has changed since
would be let through as well. So a table of one row holds the token of the last transaction, and every transaction first replaces the token
that it knows by one of its own: of two, one finds another token there, or is cancelled.
"""

from __future__ import annotations

import uuid
from typing import Any

TABLE = "_turns"

CREATE = f"CREATE TABLE IF NOT EXISTS `{TABLE}` AS SELECT 'none yet' AS token"
"""Makes the table with its row in one step, so that two who do it at once make one row."""

READ = f"SELECT token FROM `{TABLE}`"

_REPLACE = f"UPDATE `{TABLE}` SET token = @{{1}} WHERE token = @{{0}}"
_CHECK = f"ASSERT EXISTS (SELECT 1 FROM `{TABLE}` WHERE token = @{{0}}) AS 'another run has written'"


class Turns:
    """The token that one writer knows to be there, and the one that it puts in its place."""

    def __init__(self) -> None:
        self._there: str | None = None
        self._known: str | None = None
        self._next: str | None = None

    def saw(self, token: str) -> None:
        """This token is there now."""
        self._there = token

    def begin(self) -> None:
        """What is read from now on was written by whoever left the token that is there."""
        self._known = self._there

    def take(self) -> list[tuple[str, list[Any]]]:
        """The statements that a transaction begins with, with their parameters: it fails where another run has written. None before `begin`."""
        from google.cloud import bigquery

        if self._known is None:
            return []
        self._next = uuid.uuid4().hex
        old, new = self._known, self._next

        def text(value: str) -> Any:  # noqa: ANN401 - google's parameter
            return bigquery.ScalarQueryParameter(None, "STRING", value)

        return [(_REPLACE, [text(old), text(new)]), (_CHECK, [text(new)])]

    @property
    def is_taking(self) -> bool:
        """Whether a transaction began with `take`, and what came of it is not known."""
        return self._next is not None

    @property
    def is_mine(self) -> bool:
        """Whether the transaction was committed, going by the token that was seen last."""
        return self._next is not None and self._there == self._next

    @property
    def is_known(self) -> bool:
        """Whether nobody else has written, going by the same."""
        return self.is_mine or self._there == self._known

    def taken(self) -> None:
        """The transaction was committed."""
        if self._next is not None:
            self._known, self._next = self._next, None
