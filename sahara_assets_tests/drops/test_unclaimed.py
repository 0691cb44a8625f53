"""Files in the drop folder that no dataset claims are told by every run, and by nothing else read."""

from __future__ import annotations

import json

import pytest

from sahara_assets.report.publishing import REPORT_NAME
from sahara_assets_tests.commands import sahara

HEAD = "order_id,customer_id,product_id,quantity,unit_price,ordered_at\n"
SETTINGS = '[datasets.purchases]\npatterns = ["sales_*.csv"]\n\n[project]\ncurrency = "GBP"\n\n[segmentation]\nk_min = 2\nk_max = 3\n\n[insights]\nenabled = false\n'


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "sahara.toml").write_text(SETTINGS, encoding="utf-8")
    lines = [
        f"o{i},c{i % 40},p{i % 7},{1 + i % 3},{2 + i % 5}.50,2025-0{1 + i % 9}-1{i % 9} 10:00:00\n" for i in range(200)
    ]
    (tmp_path / "data" / "sales_2025.csv").write_text(HEAD + "".join(lines), encoding="utf-8")
    return tmp_path


def told(shop, *words):
    done = sahara("run", *words, cwd=shop)
    assert done.code == 0, done.out + done.err
    return " ".join(done.out.split())


def test_a_file_that_nobody_reads_is_told_until_it_is_claimed_ignored_or_gone(shop):
    assert "patterns match" not in told(shop)
    stray = shop / "data" / "Sales October.csv"
    stray.write_text(HEAD + "x,y,z,1,1.00,2025-10-01 10:00:00\n", encoding="utf-8")
    (shop / "data" / "notes.md").write_text("not data", encoding="utf-8")
    planned = json.loads(sahara("run", "--dry-run", "--json", cwd=shop).out)
    assert (planned["planned"], planned["unclaimed"]) == ([], ["Sales October.csv"])
    for _ in range(2):  # also where nothing else is new
        assert (
            "1 file lies in the drop folder that no dataset's patterns match, so nobody reads it: Sales October.csv"
            in told(shop)
        )
    assert "Nothing new" in told(shop)
    assert "Sales October.csv" in sahara("drops", cwd=shop).out
    assert "Sales October.csv" in (shop / "exports" / REPORT_NAME).read_text(encoding="utf-8")

    (shop / "sahara.toml").write_text(SETTINGS + '\n[drops]\nignore = ["Sales*.csv"]\n', encoding="utf-8")
    assert "Sales October.csv" not in told(shop)
    (shop / "sahara.toml").write_text(SETTINGS.replace("sales_*.csv", "[sS]ales*.csv"), encoding="utf-8")
    assert "1 row read, 1 loaded" in told(shop)
    assert "Sales October.csv" not in told(shop)


def test_many_are_counted_and_few_are_named(shop):
    for number in range(120):
        (shop / "data" / f"other_{number:03d}.csv").write_text(HEAD, encoding="utf-8")
    assert "120 files lie in the drop folder" in (said := told(shop))
    assert "other_002.csv and 117 more" in said


def test_why_there_is_nobody_to_measure_is_said_from_the_first_cause_on(shop):
    """A run that finds nothing says what a person can mend, not what follows from it."""
    data = shop / "data" / "sales_2025.csv"
    whole = data.read_text(encoding="utf-8")

    def why():
        done = sahara("run", cwd=shop)
        assert done.code == 2
        return " ".join(done.err.split())

    data.unlink()
    assert "nothing was delivered yet: there is no drop in data" in why()
    (shop / "data" / "umsatz.csv").write_text(whole, encoding="utf-8")
    assert "no file in data matches a dataset's patterns: umsatz.csv" in why()
    data.write_text(whole.replace("unit_price", "preis"), encoding="utf-8")
    assert "no drop could be read: sales_2025.csv" in (said := why())
    assert "no line is a sale" not in said
    data.write_text(HEAD + "o1,c1,p1,one,2.50,2025-01-01 10:00:00\n", encoding="utf-8")
    assert "every row was rejected: `sahara rejects` says why" in why()
    data.write_text(HEAD + "C1,c1,p1,-1,2.50,2025-01-01 10:00:00\n", encoding="utf-8")
    assert "nothing was sold yet: no line is a sale" in why()


def test_a_repeat_is_no_row_of_this_run(shop):
    told(shop)
    whole = (shop / "data" / "sales_2025.csv").read_text(encoding="utf-8")
    (shop / "data" / "sales_2025 (1).csv").write_text(whole, encoding="utf-8")
    assert "this run: 1 drop (1 with a content that was there), 0 rows read, 0 loaded, 0 rejected" in told(shop)
    (shop / "data" / "sales_more.csv").write_text(HEAD + "x,y,z,1,1.00,2025-10-01 10:00:00\n", encoding="utf-8")
    assert "this run: 1 drop, 1 row read, 1 loaded, 0 rejected in all: 3 drops, 201 rows" in told(shop)


def test_a_refused_content_is_told_by_each_file_that_holds_it(shop):
    whole = (shop / "data" / "sales_2025.csv").read_text(encoding="utf-8")
    for name in ("sales_b.csv", "sales_b (1).csv"):
        (shop / "data" / name).write_text(whole.replace("unit_price", "preis"), encoding="utf-8")
    told(shop)
    refused = {
        row["path"]: row["reason"]
        for row in json.loads(sahara("drops", "--json", cwd=shop).out)
        if row["status"] == "rejected"
    }
    assert set(refused) == {"sales_b.csv", "sales_b (1).csv"}
    assert all(reason.startswith(f"{path}: the header lacks") for path, reason in refused.items())


def test_a_file_that_two_datasets_claim_stops_no_other(shop):
    (shop / "sahara.toml").write_text(
        SETTINGS + '\n[datasets.customers]\npatterns = ["*_customers.csv"]\n', encoding="utf-8"
    )
    both = shop / "data" / "sales_customers.csv"
    both.write_text("customer_id\nc1\n", encoding="utf-8")
    assert "200 loaded" in (said := told(shop))
    assert (
        "sales_customers.csv: claimed by purchases and customers; make their patterns in sahara.toml tell them apart"
        in said
    )
    apart = (shop / "sahara.toml").read_text(encoding="utf-8").replace("sales_*.csv", "sales_2*.csv")
    (shop / "sahara.toml").write_text(apart, encoding="utf-8")
    assert "claimed by" not in told(shop)
