"""Who may change rows of which table: the conflicts between transactions that BigQuery makes, which are coarser than DuckDB's.

"If a transaction mutates (update or deletes) rows in a table, then other transactions or DML statements that mutate rows in the same
table cannot run concurrently. Conflicting transactions are cancelled. Conflicting DML statements that run outside of a transaction are
queued to run later." Reading, appending and load jobs with WRITE_APPEND go on: "Transaction concurrency", Multi-statement transactions,
https://cloud.google.com/bigquery/docs/transactions#transaction_concurrency.

A transaction works on the snapshot of its beginning; that a mutation committed since then conflicts too follows from snapshot isolation
("Transactions guarantee ACID properties and support snapshot isolation"). The wording of the error is what users report.
"""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from typing import TYPE_CHECKING

from sahara_assets_tests.fake_bigquery.catalogue import shown
from sahara_assets_tests.fake_bigquery.errors import ApiError

if TYPE_CHECKING:
    from sahara_assets_tests.fake_bigquery.catalogue import Key

_QUEUE_SECONDS = 60.0


class Transaction:
    """One open transaction: when it began, and the tables it has mutated."""

    def __init__(self, began: int) -> None:
        self.id = str(uuid.uuid4())
        self.began = began
        self.mutated: set[Key] = set()
        self.appended: set[Key] = set()


class Mutations:
    """The tables that someone mutates now, and the count of commits by which a transaction sees what happened since it began."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._holders: dict[Key, Transaction] = {}
        self._commits = 0
        self._last: Counter[Key] = Counter()

    def begin(self) -> Transaction:
        with self._free:
            return Transaction(self._commits)

    def mutate(self, transaction: Transaction, key: Key) -> None:
        """Take a table for a transaction that is to update or delete rows.

        Raises:
            ApiError: another one mutates it, or has since this one began.
        """
        with self._free:
            holder = self._holders.get(key)
            if (holder is not None and holder is not transaction) or self._last[key] > transaction.began:
                raise ApiError(
                    400,
                    "invalidQuery",
                    f"Transaction is aborted due to concurrent update against table {shown(key)}. Transaction ID: {transaction.id}",
                    "query",
                )
            self._holders[key] = transaction
            transaction.mutated.add(key)

    def wait_and_mutate(self, transaction: Transaction, key: Key) -> None:
        """The same for one DML statement outside of a transaction, which is queued behind whoever mutates the table."""
        with self._free:
            if not self._free.wait_for(lambda: key not in self._holders, timeout=_QUEUE_SECONDS):
                raise ApiError(
                    400,
                    "invalidQuery",
                    f"Could not serialize access to table {shown(key)} due to concurrent update",
                    "query",
                )
            self._holders[key] = transaction
            transaction.began = self._commits
            transaction.mutated.add(key)

    def end(self, transaction: Transaction, *, committed: bool) -> None:
        with self._free:
            if committed and transaction.mutated:
                self._commits += 1
                for key in transaction.mutated:
                    self._last[key] = self._commits
            for key in [key for key, holder in self._holders.items() if holder is transaction]:
                del self._holders[key]
            self._free.notify_all()
