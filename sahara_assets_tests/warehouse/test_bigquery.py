"""What BigQuery has no lock for: two that write at once, and a commit whose answer is lost."""

import re
import threading

import pytest

from sahara_assets.errors import TryAgainError, WarehouseError
from sahara_assets.tables.books import STEP_COUNTS
from sahara_assets.warehouse.bigquery import BigQueryWarehouse
from sahara_assets.warehouse.bigquery_jobs import Jobs


@pytest.fixture
def url(running_bigquery, schema, monkeypatch):
    """An empty dataset of the emulator."""
    running_bigquery.faults.clear()
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", running_bigquery.address)
    monkeypatch.setattr("sahara_assets.warehouse.base._PAUSES_SECONDS", (0.0, 0.0))
    return f"bigquery://test-project/{schema}?location=EU"


@pytest.fixture
def opened(url):
    """Opens one writer after the other on that dataset."""
    writers = []

    def open_one():
        writers.append(BigQueryWarehouse(url))
        writers[-1].prepare()
        return writers[-1]

    yield open_one
    for writer in writers:
        writer.close()


def step(position):
    return {"table_name": "orders", "position": position, "reason": "in", "row_count": 1}


def positions(warehouse):
    return [row["position"] for row in warehouse.rows(STEP_COUNTS)]


@pytest.mark.parametrize("reads_what_it_wrote", [False, True])
def test_of_two_that_looked_before_either_wrote_the_second_is_refused_whole(opened, reads_what_it_wrote):
    first, second = opened(), opened()

    def write(warehouse, *numbers):
        def work():
            for number in numbers:
                # Only appended: BigQuery itself sees no conflict in that.
                warehouse.insert(STEP_COUNTS, [step(number)])
                if reads_what_it_wrote:
                    assert number in positions(warehouse)

        warehouse.in_transaction(work)

    write(first, 1)
    write(first, 2)
    with pytest.raises(WarehouseError, match=r"another run has written since this one began.*run it again"):
        write(second, 3, 4)
    assert positions(first) == [1, 2]
    write(opened(), 5)
    assert positions(first) == [1, 2, 5]
    with pytest.raises(WarehouseError, match="another run has written"):
        first.insert(STEP_COUNTS, [step(6)])


def test_a_reader_hinders_nobody(opened, url):
    writer = opened()
    looking = BigQueryWarehouse(url, read_only=True)
    writer.insert(STEP_COUNTS, [step(1)])
    assert positions(looking) == [1]
    writer.insert(STEP_COUNTS, [step(2)])
    looking.close()


def test_many_writers_that_count_up_neither_skip_nor_repeat(opened, url):
    opened()
    refused = []

    def count_up():
        done = 0
        while done < 3:
            warehouse = BigQueryWarehouse(url)
            try:
                taken = warehouse.count(STEP_COUNTS)
                warehouse.in_transaction(lambda: warehouse.insert(STEP_COUNTS, [step(taken)]))  # noqa: B023 - called at once
                done += 1
            except WarehouseError as error:
                refused.append(str(error))
            finally:
                warehouse.close()

    threads = [threading.Thread(target=count_up) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert positions(opened()) == list(range(9))
    assert all(re.search("another run has written", words) for words in refused)


@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize("reads_what_it_wrote", [False, True])
def test_a_commit_whose_answer_is_lost_counts_once(opened, monkeypatch, is_done, reads_what_it_wrote):
    warehouse = opened()
    # Google's client asks again for ten minutes; here it has given up.
    run, lost = Jobs._run, []

    def run_and_lose(jobs, statement, parameters=()):
        if "COMMIT TRANSACTION" not in statement or lost:
            return run(jobs, statement, parameters)
        lost.append(statement)
        if is_done:
            run(jobs, statement, parameters)
        raise TryAgainError("no answer")

    monkeypatch.setattr(Jobs, "_run", run_and_lose)
    tries = []

    def work():
        tries.append(1)
        warehouse.insert(STEP_COUNTS, [step(1)])
        if reads_what_it_wrote:
            assert positions(warehouse) == [1]

    warehouse.in_transaction(work)
    assert lost
    assert len(tries) == (1 if is_done else 2)
    assert positions(warehouse) == [1]
    warehouse.insert(STEP_COUNTS, [step(2)])
    assert positions(opened()) == [1, 2]


@pytest.mark.parametrize("drop", ["before", "after"])
def test_a_connection_that_is_cut_at_the_commit_costs_nothing(opened, running_bigquery, drop):
    warehouse = opened()
    running_bigquery.faults.add("jobs.insert", drop=drop, containing="COMMIT TRANSACTION")
    warehouse.insert(STEP_COUNTS, [step(1)])
    assert not running_bigquery.faults.waiting or not running_bigquery.faults.waiting[0].times
    assert positions(opened()) == [1]
