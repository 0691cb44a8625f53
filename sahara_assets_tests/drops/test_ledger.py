"""The books: what people see in them and do with them, and what makes a content be read again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets.drops.ledger import (
    Ledger,
    allow_drops,
    forget_drops,
    ledger_rows,
    raw_fingerprint,
    reading_fingerprint,
    rejected_rows,
)
from sahara_assets.drops.plan import Status
from sahara_assets.errors import DropError
from sahara_assets.settings.document import parse_settings
from sahara_assets.tables.books import REJECTED_ROWS
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets_tests.small_shop import SmallShop, line

BAD = [line(), line(order="2", quantity="many")]


@pytest.fixture
def shop(tmp_path):
    return SmallShop(tmp_path)


def deliver(shop, *paths, rows=BAD):
    for path in paths:
        shop.deliver(f"purchases/{path}.csv", rows)
    return shop.load()


def fingerprint_under(tmp_path, dataset="purchases", **sections):
    return reading_fingerprint(parse_settings(sections, root=tmp_path), dataset)


def test_every_setting_that_reaches_the_rows_changes_the_reading(tmp_path):
    changes = [
        {"project": {"time_zone": "Europe/London"}},
        {"project": {"currency": "GBP"}},
        {"project": {"currency": "GBP", "currency_rates": {"EUR": 0.86}}},
        *(
            {"datasets": {"purchases": change}}
            for change in (
                {"columns": {"order_id": "Order"}},
                {"delimiter": ";"},
                {"quote": "'"},
                {"encoding": "windows-1252"},
                {"decimal_mark": ","},
                {"null_values": []},
                {"date_formats": ["%Y"]},
                {"normalise": {"order_id": ["upper"]}},
            )
        ),
    ]
    found = [fingerprint_under(tmp_path, **change) for change in ({}, *changes)]
    assert len(set(found)) == len(found)


def test_settings_that_do_not_reach_the_rows_leave_the_reading(tmp_path):
    quiet = [
        {"project": {"seed": 1, "name": "Other"}},
        {"rules": {"fee_codes": ["POST"]}},
        {"segmentation": {"k": 4}},
        {"export": {"stream_id": "1"}},
        *(
            {"datasets": {"purchases": change}}
            for change in (
                {"patterns": ["x.csv"]},
                {"same_path": "append"},
                {"hold_above": 0.5},
                {"version_column": "country"},
            )
        ),
        {"datasets": {"purchases": {}, "products": {"delimiter": ";"}}},
    ]
    assert {fingerprint_under(tmp_path, **change) for change in quiet} == {fingerprint_under(tmp_path)}
    dear, cheap = ({"project": {"currency": "GBP", "currency_rates": {"EUR": rate}}} for rate in (0.9, 0.8))
    assert fingerprint_under(tmp_path, **dear) == fingerprint_under(tmp_path, **cheap)


def test_rejects_name_a_path_that_still_delivers_them(shop):
    deliver(shop, "a", "b", "c")
    assert [(r["path"], r["line"]) for r in rejected_rows(shop.warehouse)] == [("purchases/a.csv", 3)]
    forget_drops(shop.warehouse, ["purchases/a.csv"])
    assert [(r["path"], r["line"]) for r in rejected_rows(shop.warehouse)] == [("purchases/b.csv", 3)]
    forget_drops(shop.warehouse, ["purchases/b.csv", "purchases/c.csv"])
    assert rejected_rows(shop.warehouse) == shop.rows(REJECTED_ROWS) == []


def test_the_reject_of_a_refused_content_stays_while_any_path_delivers_it(shop):
    deliver(shop, "a", "b", rows="order_id\n1\n")
    forget_drops(shop.warehouse, ["purchases/a.csv"])
    assert [r["path"] for r in rejected_rows(shop.warehouse)] == ["purchases/b.csv"]
    deliver(shop, "b", rows=[line()])
    assert rejected_rows(shop.warehouse) == []


def test_forgetting_takes_effect_at_once_and_says_what_it_did(shop):
    deliver(shop, "a")
    (changed,) = forget_drops(shop.warehouse, ["purchases/a.csv", "purchases/a.csv"], reason="wrong month")
    assert (changed["path"], changed["rows_loaded"]) == ("purchases/a.csv", 1)
    (row,) = ledger_rows(shop.warehouse)
    assert (row["status"], row["reason"]) == ("forgotten", "wrong month")
    assert shop.rows(RAW_TABLES["purchases"]) == []


def test_what_cannot_be_done_is_said_with_what_could_and_nothing_of_it_is_done(shop):
    deliver(shop, "a", "b")
    with pytest.raises(
        DropError, match=r"c\.csv: no such drop that could be forgotten.*\(purchases/a\.csv, purchases/b\.csv\)"
    ):
        forget_drops(shop.warehouse, ["purchases/a.csv", "purchases/c.csv"])
    assert [row["status"] for row in ledger_rows(shop.warehouse)] == ["loaded", "loaded"]
    with pytest.raises(DropError, match=r"purchases/a\.csv: no such drop that could be allowed.*\(there is none\)"):
        allow_drops(shop.warehouse, ["purchases/a.csv"])


def test_the_fingerprint_of_a_raw_table_is_of_its_contents_readings_and_precedence(shop):
    def now():
        return raw_fingerprint(shop.warehouse, "purchases")

    seen = [now()]
    deliver(shop, "a")
    seen.append(now())
    assert deliver(shop, "a").outcomes == []
    deliver(shop, "a", "b")
    seen.append(now())
    forget_drops(shop.warehouse, ["purchases/b.csv"])
    seen.append(now())
    shop.set(datasets={"purchases": {"null_values": []}})
    shop.load()
    seen.append(now())
    assert len(set(seen)) == 5
    assert raw_fingerprint(shop.warehouse, "products") == raw_fingerprint(shop.warehouse, "customers")


keys = st.tuples(st.sampled_from("abc"), st.sampled_from(["", "1", "2"]))
acts = st.lists(st.tuples(keys, st.sampled_from([*Status, None])), max_size=12)


class _NoWarehouse:
    """A warehouse whose ledger is empty and stays so."""

    def rows(self, _):
        return []


@given(acts)
def test_the_ledger_answers_by_content_what_it_was_told_by_path(told):
    ledger, expected = Ledger(_NoWarehouse(), "purchases"), {}
    for (path, drop_id), status in told:
        if status is None:
            ledger.drop(path, drop_id)
            expected.pop((path, drop_id), None)
        else:
            ledger.put({"path": path, "drop_id": drop_id, "status": str(status), "reading_fingerprint": "f"})
            expected[path, drop_id] = status
    for drop_id in ("", "1", "2", "3"):
        for status in Status:
            found = [row["path"] for row in ledger.content_rows(drop_id, status)]
            assert found == sorted(p for (p, d), s in expected.items() if (d, s) == (drop_id, status))
    assert {(v.path, v.drop_id): v.status for v in ledger.versions()} == expected
