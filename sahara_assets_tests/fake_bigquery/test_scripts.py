"""Many statements in one query: transactions that are atomic, conflicts between them, variables, blocks."""

from __future__ import annotations

import threading

import pytest
from google.api_core.exceptions import BadRequest

from sahara_assets_tests.fake_bigquery import scripts
from sahara_assets_tests.fake_bigquery.errors import ApiError

MOVE = "BEGIN TRANSACTION; DELETE FROM shop.t WHERE id = 1; INSERT INTO shop.t (id) VALUES (10); {between} COMMIT TRANSACTION;"


@pytest.fixture
def table(bigquery_client):
    bigquery_client.query_and_wait("CREATE TABLE shop.t (id INT64 NOT NULL)")
    bigquery_client.query_and_wait("INSERT INTO shop.t VALUES (1), (2)")
    return bigquery_client


def rows(client, sql):
    return [tuple(row) for row in client.query(sql).result()]


def ids(client):
    return [row.id for row in client.query_and_wait("SELECT id FROM shop.t ORDER BY id")]


def test_a_transaction_commits_all_of_it(table):
    rows(table, MOVE.format(between=""))
    assert ids(table) == [2, 10]


@pytest.mark.parametrize(
    "between",
    [
        "SELECT 1 / 0;",
        "ASSERT FALSE AS 'no';",
        "INSERT INTO shop.t VALUES (NULL);",
        "RAISE USING MESSAGE = 'stop';",
        "SELECT * FROM shop.nothing;",
        "SELEC 1;",
        "ROLLBACK TRANSACTION; BEGIN TRANSACTION;",
    ],
)
def test_an_error_in_the_middle_leaves_nothing(table, between):
    if between.startswith("ROLLBACK"):
        rows(table, MOVE.format(between=between))
    else:
        with pytest.raises(Exception, match=r"at \[1:\d+\]|Not found"):
            rows(table, MOVE.format(between=between))
    assert ids(table) == [1, 2]


def test_a_handler_reads_the_error_and_rolls_back_as_in_the_documentation(table):
    # Multi-statement transactions, transaction scope, the example of a handler
    script = (
        "BEGIN BEGIN TRANSACTION; INSERT INTO shop.t VALUES (9); SELECT 1 / 0; COMMIT TRANSACTION; "
        "EXCEPTION WHEN ERROR THEN SELECT @@error.message; ROLLBACK TRANSACTION; END; SELECT COUNT(*) FROM shop.t;"
    )
    assert rows(table, script) == [(2,)]
    with pytest.raises(Exception, match="does not know committing a transaction after an error"):
        rows(table, script.replace("ROLLBACK", "COMMIT"))
    kept = script.replace("SELECT 1 / 0", "RAISE USING MESSAGE = 'stop'").replace("ROLLBACK", "COMMIT")
    assert rows(table, kept) == [(3,)]


def test_a_transaction_left_open_is_rolled_back(table):
    # Multi-statement transactions, transaction scope: a query that ends before its COMMIT is rolled back
    rows(table, "BEGIN TRANSACTION; DELETE FROM shop.t WHERE TRUE;")
    assert ids(table) == [1, 2]


def test_a_transaction_sees_its_own_changes_and_others_do_not(table):
    assert rows(
        table,
        "BEGIN TRANSACTION; DELETE FROM shop.t WHERE id = 1; SELECT COUNT(*) FROM shop.t; ROLLBACK; SELECT COUNT(*) FROM shop.t;",
    ) == [(2,)]
    assert rows(
        table,
        "BEGIN TRANSACTION; DELETE FROM shop.t WHERE id = 1; CREATE TEMP TABLE seen AS SELECT COUNT(*) AS n FROM shop.t; COMMIT; SELECT n FROM seen;",
    ) == [(1,)]


@pytest.mark.parametrize(
    "ddl",
    [
        "CREATE TABLE shop.other (id INT64)",
        "DROP TABLE shop.t",
        "ALTER TABLE shop.t ADD COLUMN x INT64",
        "BEGIN TRANSACTION",
    ],
)
def test_permanent_ddl_and_nesting_are_refused_in_a_transaction(table, ddl):
    with pytest.raises(BadRequest):
        rows(table, f"BEGIN TRANSACTION; DELETE FROM shop.t WHERE id = 1; {ddl}; COMMIT TRANSACTION;")
    assert ids(table) == [1, 2]


class Held:
    """A transaction that stops in its middle until it is let go, on the server's own objects."""

    def __init__(self, fake, statement):
        self.reached, self.go = threading.Event(), threading.Event()
        self.error = None
        jobs = fake.api.jobs
        job_class = type(
            "Config",
            (),
            {
                "configuration": {"query": {"query": "", "useLegacySql": False}},
                "project": "test-project",
                "location": "EU",
                "cancelled": threading.Event(),
            },
        )
        self.session = jobs._session(job_class)
        self.statement = statement
        self.thread = threading.Thread(target=self.run)

    def run(self):
        def pause(statement, outcome):
            if statement.sql == self.statement:
                self.reached.set()
                self.go.wait(30)

        try:
            scripts.run(scripts.read(f"BEGIN TRANSACTION; {self.statement}; COMMIT TRANSACTION;"), self.session, pause)
        except ApiError as error:
            self.error = error
        finally:
            self.session.close()

    def __enter__(self):
        self.thread.start()
        assert self.reached.wait(30)
        return self

    def __exit__(self, *_):
        self.go.set()
        self.thread.join()


def test_a_second_transaction_that_mutates_the_same_table_is_aborted(table, fake_bigquery):
    with Held(fake_bigquery, "DELETE FROM shop.t WHERE id = 1") as first:
        # other rows of the same table conflict too: transactions go by table
        with pytest.raises(
            BadRequest, match=r"Transaction is aborted due to concurrent update against table test-project:shop\.t"
        ):
            rows(table, "BEGIN TRANSACTION; UPDATE shop.t SET id = 5 WHERE id = 2; COMMIT TRANSACTION;")
        assert ids(table) == [1, 2]
    assert first.error is None
    assert ids(table) == [2]


def test_reading_and_appending_go_on_beside_a_mutating_transaction(table, fake_bigquery):
    with Held(fake_bigquery, "DELETE FROM shop.t WHERE id = 1") as first:
        rows(table, "INSERT INTO shop.t VALUES (3)")
        rows(table, "BEGIN TRANSACTION; INSERT INTO shop.t VALUES (4); COMMIT TRANSACTION;")
        assert ids(table) == [1, 2, 3, 4]
    assert first.error is None
    assert ids(table) == [2, 3, 4]


def test_dml_outside_of_a_transaction_waits_for_it(table, fake_bigquery):
    fake_bigquery.api.patience_seconds = 0.1
    with Held(fake_bigquery, "DELETE FROM shop.t WHERE id = 1") as first:
        job = table.query("UPDATE shop.t SET id = id + 100 WHERE TRUE")
        assert not job.done()
        first.go.set()
        job.result()
    assert ids(table) == [102]


def test_a_transaction_that_began_before_a_mutation_was_committed_is_aborted(table, fake_bigquery):
    with Held(fake_bigquery, "SELECT COUNT(*) FROM shop.t") as first:
        rows(table, "DELETE FROM shop.t WHERE id = 1")
        with pytest.raises(Exception, match="concurrent update"):
            first.session.mutations.mutate(first.session.transaction, ("test-project", "shop", "t"))


@pytest.mark.parametrize("fails", [False, True])
def test_a_session_that_is_aborted_lets_go_of_its_tables(table, fails):
    from google.cloud import bigquery

    made = table.query("SELECT 1", job_config=bigquery.QueryJobConfig(create_session=True))
    made.result()
    in_it = bigquery.QueryJobConfig(
        connection_properties=[bigquery.ConnectionProperty("session_id", made.session_info.session_id)]
    )

    def ask(sql):
        table.query(sql, job_config=in_it).result()

    ask("BEGIN TRANSACTION")
    ask("DELETE FROM shop.t WHERE id = 1")
    if fails:
        with pytest.raises(BadRequest, match="Assertion failed: no"):
            ask("ASSERT FALSE AS 'no'")
    ask("CALL BQ.ABORT_SESSION()")
    assert ids(table) == [1, 2]
    rows(table, "BEGIN TRANSACTION; DELETE FROM shop.t WHERE id = 2; COMMIT TRANSACTION;")
    assert ids(table) == [1]
    with pytest.raises(BadRequest, match="no longer available"):
        ask("SELECT 1")


def test_many_transactions_at_once_lose_and_double_nothing(table):
    failed = []

    def move(number):
        try:
            rows(
                table,
                f"BEGIN TRANSACTION; DELETE FROM shop.t WHERE id = -{number}; INSERT INTO shop.t VALUES ({100 + number}); COMMIT TRANSACTION;",
            )
        except BadRequest:
            failed.append(number)

    threads = [threading.Thread(target=move, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted([1, 2, *(100 + number for number in range(8) if number not in failed)]) == ids(table)
    assert len(failed) < 8


def test_variables_conditions_and_handlers(table):
    assert rows(
        table,
        "DECLARE x, y INT64 DEFAULT 2; DECLARE s STRING; DECLARE l DEFAULT [1, 2]; SET x = x + y; SET s = 'it\\'s'; SELECT x, y, s, l;",
    ) == [(4, 2, "it's", [1, 2])]
    assert rows(
        table,
        "DECLARE n INT64; SET n = (SELECT COUNT(*) FROM shop.t); IF n > 5 THEN SELECT 'many'; ELSEIF n = 2 THEN SELECT 'two'; ELSE SELECT 'few'; END IF;",
    ) == [("two",)]
    assert rows(table, "BEGIN SELECT 1 / 0; EXCEPTION WHEN ERROR THEN SELECT @@error.message; END;") == [
        ("Query error: division by zero: 1 / 0 at [1:7]",)
    ]
    with pytest.raises(BadRequest, match="Undeclared variable"):
        rows(table, "SET x = 1")
    with pytest.raises(Exception, match="a variable that has the name of a column"):
        rows(table, "DECLARE id INT64 DEFAULT 1; SELECT COUNT(*) FROM shop.t WHERE id = 2;")


def test_a_script_has_a_child_job_for_every_statement_and_answers_with_its_last(table):
    job = table.query("SELECT 1; INSERT INTO shop.t VALUES (7); SELECT id FROM shop.t WHERE id = 7;")
    assert [tuple(row) for row in job.result()] == [(7,)]
    assert (job.statement_type, job.num_child_jobs) == ("SCRIPT", 3)
    children = list(table.list_jobs(parent_job=job))
    assert sorted(child.statement_type for child in children) == ["INSERT", "SELECT", "SELECT"]
    assert {child.parent_job_id for child in children} == {job.job_id}
    assert job.job_id in [one.job_id for one in table.list_jobs()]


@pytest.mark.parametrize("sql", ["WHILE TRUE DO SELECT 1; END WHILE;", "EXECUTE IMMEDIATE 'SELECT 1';", "CALL x();"])
def test_what_scripts_were_not_taught_is_refused(table, sql):
    with pytest.raises(Exception, match="does not know"):
        rows(table, sql)
