from __future__ import annotations

import csv

import pytest

from sahara_assets.drops.correcting import write_corrections
from sahara_assets_tests.drops.drop_desk import HEADER, Desk

GOOD = "A1,C1,P1,d,1,2.50,2011-12-01"


@pytest.fixture(scope="module")
def desk():
    made = Desk()
    yield made
    made.close()


def _books(loaded, paths):
    """Rejects and ledger as the warehouse would give them."""
    rejects, ledger = [], []
    for drop, path in zip(loaded, paths, strict=True):
        layout = drop.reading.layout
        ledger.append(
            {"dataset": "purchases", "drop_id": drop.reading.drop_id, "header": layout.text if layout else None}
        )
        rejects += [{**reject, "path": path} for reject in drop.rejects.values()]
    return rejects, ledger


def test_rejected_rows_come_back_as_drops_with_the_headers_they_stood_under(desk, tmp_path):
    noted = f'"no\nte";{HEADER.replace(",", ";")}\n"tw\no";{GOOD.replace(",", ";").replace("2.50", "x")}\n'
    drops = desk.load_all(
        f'{HEADER}\n{GOOD}\n{GOOD.replace("2.50", "x")}\nA2,"open,1\n',
        noted,
        f"{HEADER}\n,C2,P1,d,1,2.50,2011-12-01\n",
        "order_id\nA1\n",
    )
    rejects, ledger = _books(drops, ["a.csv", "b.csv", "c.csv", "d.csv"])
    written = write_corrections(tmp_path / "out" / "fix.csv", rejects, ledger)
    assert [path.name for path in written] == ["fix.csv", "fix-2.csv", "fix-reasons.csv"]
    again = desk.load_all(*(path.read_bytes() for path in written[:2]))
    assert sum(len(drop.rejects) for drop in again) == sum(len(drop.rejects) for drop in drops[:3])
    before = sorted(reject["raw_text"] for drop in drops[:3] for reject in drop.rejects.values())
    assert sorted(reject["raw_text"] for drop in again for reject in drop.rejects.values()) == before
    with written[2].open(encoding="utf-8", newline="") as stream:
        reasons = list(csv.DictReader(stream))
    assert {(row["file"], row["path"]) for row in reasons} == {
        ("fix.csv", "b.csv"),
        ("fix-2.csv", "a.csv"),
        ("fix-2.csv", "c.csv"),
    }
    assert {(row["path"], row["line"], row["column"]) for row in reasons} == {
        ("a.csv", "3", "unit_price"),
        ("a.csv", "4", ""),
        ("b.csv", "3", "unit_price"),
        ("c.csv", "2", "order_id"),
    }


def test_a_corrected_file_loads(desk, tmp_path):
    (drop,) = desk.load_all(f"{HEADER}\n{GOOD}\n{GOOD.replace('2.50', 'x')}\n")
    (fixed, _) = write_corrections(tmp_path / "fix.csv", *_books([drop], ["a.csv"]))
    loaded = desk.load(fixed.read_text().replace(",x,", ",9.99,"))
    assert (len(loaded.rows), loaded.rejects) == (1, {})


def test_without_rejects_only_the_list_of_reasons_is_written_and_it_is_empty(tmp_path):
    (reasons,) = write_corrections(tmp_path / "fix.csv", [], [])
    assert reasons.read_text() == "file,dataset,path,line,column,reason\n"


def test_lines_that_are_no_rows_are_not_given_back_for_correcting(desk, tmp_path):
    drops = desk.load_all(f"Orders\n{HEADER}\n{GOOD}\n{HEADER}\n{GOOD.replace('2.50', 'x')}\n")
    rejects, ledger = _books(drops, ["a.csv"])
    assert len(rejects) == 3
    written = write_corrections(tmp_path / "again.csv", rejects, ledger)
    assert written[0].read_text().splitlines() == [HEADER, GOOD.replace("2.50", "x")]
