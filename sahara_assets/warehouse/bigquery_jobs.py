"""Query jobs of a BigQuery dataset, and the transaction they make: changes collected into one script, or the jobs of a session.

A script of several statements between BEGIN and COMMIT TRANSACTION is one job and costs one round trip. Where a transaction reads what it
has changed, its changes so far are carried out in a session (https://cloud.google.com/bigquery/docs/sessions), whose jobs share it.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sahara_assets.errors import OutdatedTablesError, TryAgainError, WarehouseError
from sahara_assets.warehouse import bigquery_turns as turns
from sahara_assets.warehouse.bigquery_service import Place, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LOG = logging.getLogger(__name__)

LABELS = {"app": "sahara"}
"""On every job and table, so that a bill can be read."""

_PAGE_ROWS = 50_000

Change = tuple[str, list[Any]]
"""A statement, with `@{0}`, `@{1}`, … where its parameters go, and these, under any name."""


class Jobs:
    """Runs queries and changes.

    Args:
        client: google's.
        place: the dataset.
    """

    def __init__(self, client: Any, place: Place) -> None:  # noqa: ANN401 - google's client
        self._client = client
        self._place = place
        self._session: str | None = None
        self._pending: list[Change] | None = None
        self._turns = turns.Turns()

    def take_turns(self, *, made: bool) -> None:
        """From now on commit only what was done on tables that no other run has changed meanwhile.

        Args:
            made: make the table that this takes; without it a dataset that has none is written to as it is.
        """
        if made:
            self._run(turns.CREATE)
        with suppress(OutdatedTablesError):
            self._see_turn()
            self._turns.begin()

    @property
    def has_begun(self) -> bool:
        """Whether a transaction is open on the server: it sees no table that is younger than itself."""
        return self._session is not None

    def begin(self) -> None:
        """Collect changes from now on."""
        self._pending = []

    def change(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Change rows: at once, or with the rest of the transaction."""
        change = (statement, list(parameters))
        if self._pending is None:
            self._commit_script([change])
        else:
            self._pending.append(change)

    def define(self, statement: str) -> None:
        """Run DDL on what lasts, which no transaction takes."""
        self._run(statement)

    def commit(self) -> None:
        """Carry out what is pending and commit: in the session that has begun, else as one script.

        Raises:
            WarehouseError: another run has written since the tables were first looked at; nothing was committed.
        """
        try:
            if self._session is not None:
                with self._my_turn():
                    self._carry_out()
                    self._run("COMMIT TRANSACTION")
                self._turns.taken()
            elif self._pending:
                self._commit_script(self._pending)
        finally:
            self.roll_back()

    def _commit_script(self, changes: Sequence[Change]) -> None:
        with self._my_turn():
            script, parameters = _numbered([*self._turns.take(), *changes])
            self._run(f"BEGIN TRANSACTION;\n{script};\nCOMMIT TRANSACTION;", parameters)
        self._turns.taken()

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        """A part of a transaction. Where its answer is an error, or lost, see what came of it: it may have been committed."""
        try:
            yield
        except WarehouseError as error:
            self._abort()
            if not self._turns.is_taking or not self._was_committed(error):
                raise

    def _was_committed(self, error: WarehouseError) -> bool:
        try:
            self._see_turn()
        except TryAgainError as away:
            raise WarehouseError(
                f"{self._place.description}: cannot be reached, and whether the last step was committed is not known: run it again"
            ) from away
        if not self._turns.is_known:
            raise WarehouseError(
                f"{self._place.description}: another run has written since this one began; nothing of this step was kept: run it again"
            ) from error
        return self._turns.is_mine

    def _see_turn(self) -> None:
        with told(self._place):
            ((token,),) = self._query(turns.READ).result()
        self._turns.saw(token)

    def roll_back(self) -> None:
        """Forget what is pending, and end the session with what was not committed in it."""
        self._pending = None
        self._abort()

    def _abort(self) -> None:
        if self._session is not None:
            with suppress(WarehouseError):
                self._run("CALL BQ.ABORT_SESSION()")
            self._session = None

    def found(self, statement: str) -> Any:  # noqa: ANN401 - google's rows
        """What a query finds; in a transaction that includes what it has changed."""
        if self._pending:
            with self._my_turn():
                self._carry_out()
        return self._query(statement).result(page_size=_PAGE_ROWS)

    def fetch(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows that a query finds."""
        with told(self._place):
            return [tuple(row.values()) for row in self.found(statement)]

    def announce(self, query: str) -> None:
        """Say what a query reads before it does, where that is much."""
        from google.cloud import bigquery

        if not self._place.announce_bytes:
            return
        config = bigquery.QueryJobConfig(default_dataset=self._place.dataset_id, dry_run=True, use_query_cache=False)
        with told(self._place):
            job = self._client.query(query, job_config=config, location=self._place.location)
        if job.total_bytes_processed > self._place.announce_bytes:
            size = job.total_bytes_processed / 1e9
            _LOG.warning("%s: the next query reads %.1f GB", self._place.description, size)

    def _carry_out(self) -> None:
        """Carry out what is pending, in a session, so that what is read next sees it."""
        if self._session is None:
            self._session = self._new_session()
            self._run("BEGIN TRANSACTION")
            self._pending = [*self._turns.take(), *(self._pending or [])]
        pending, self._pending = self._pending or [], []
        for change in pending:
            self._run(*_numbered([change]))

    def _new_session(self) -> str:
        from google.cloud import bigquery

        config = bigquery.QueryJobConfig(create_session=True, labels=LABELS, use_query_cache=False)
        with told(self._place):
            job = self._client.query("SELECT 1", job_config=config, location=self._place.location)
            job.result()
            return str(job.session_info.session_id)

    def _run(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        with told(self._place):
            self._query(statement, parameters).result()

    def _query(self, statement: str, parameters: Sequence[Any] = ()) -> Any:  # noqa: ANN401 - google's job
        from google.cloud import bigquery

        config = bigquery.QueryJobConfig(
            default_dataset=self._place.dataset_id,
            labels=LABELS,
            query_parameters=list(parameters),
            use_query_cache=self._session is None,
        )
        if self._place.maximum_bytes:
            config.maximum_bytes_billed = self._place.maximum_bytes
        if self._session is not None:
            config.connection_properties = [bigquery.ConnectionProperty("session_id", self._session)]
        return self._client.query(statement, job_config=config, location=self._place.location)


def _numbered(changes: Sequence[Change]) -> Change:
    """Statements as one script, with parameters that no two of them share."""
    statements, together = [], []
    for number, (statement, parameters) in enumerate(changes):
        names = [f"p{number}_{place}" for place in range(len(parameters))]
        statements.append(statement.format(*names))
        for name, parameter in zip(names, parameters, strict=True):
            parameter.name = name
            together.append(parameter)
    return ";\n".join(statements), together
