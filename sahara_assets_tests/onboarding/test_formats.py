"""`sahara init` on other formats, packings, encodings and ways to write numbers: what it writes loads every row, or says what it cannot decide."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tomllib
import zipfile
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sahara_assets.drops.loading import load_drops
from sahara_assets.drops.numbers import NumberFormat
from sahara_assets.errors import SaharaError
from sahara_assets.onboarding.amounts import decide_amounts
from sahara_assets.onboarding.inference import lost_digits
from sahara_assets.onboarding.propose import propose
from sahara_assets.onboarding.render import render_config
from sahara_assets.settings.document import parse_settings
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.warehouse.duckdb import DuckDBWarehouse
from sahara_assets_tests.onboarding.shop import lines
from sahara_assets_tests.small_shop import NOW

NAMES = ["order_no", "customer_no", "sku", "title", "qty", "price", "order_date"]
FEW = list(lines())[:400]


def rows(price=lambda line: f"{line.price:.2f}", when=lambda line: f"{line.at:%Y-%m-%d %H:%M:%S}"):
    return [
        [f"B{x.order}", str(17000 + x.customer), f"S{x.product:03}", x.title, str(x.quantity), price(x), when(x)]
        for x in FEW
    ]


def as_csv(made, delimiter=","):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(NAMES)
    writer.writerows(made)
    return out.getvalue().encode()


def as_objects(made):
    return [dict(zip(NAMES, row, strict=True)) | {"qty": int(row[4]), "price": float(row[5])} for row in made]


def nested(record):
    return {
        "order_no": record["order_no"],
        "customer": {"customer_no": record["customer_no"], "vip": True},
        "item": {name: record[name] for name in ("sku", "title", "qty", "price")},
        "order_date": record["order_date"],
    }


def as_parquet(made):
    columns = dict(zip(NAMES, zip(*made, strict=True), strict=True))
    columns |= {"qty": [int(q) for q in columns["qty"]], "price": [Decimal(p) for p in columns["price"]]}
    columns["order_date"] = pa.array([x.at for x in FEW], pa.timestamp("us"))
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def zipped(data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("orders.csv", data)
    return out.getvalue()


def zstd(data):
    try:
        from compression.zstd import compress
    except ImportError:
        from backports.zstd import compress
    return compress(data)


FILES = {
    "orders.jsonl": lambda: "\n".join(json.dumps(row) for row in as_objects(rows())).encode(),
    "orders.json": lambda: json.dumps(as_objects(rows()), indent=1).encode(),
    "nested.ndjson.gz": lambda: gzip.compress(
        "\n".join(json.dumps(nested(row)) for row in as_objects(rows())).encode()
    ),
    "orders.parquet": lambda: as_parquet(rows()),
    "orders.parquet.zst": lambda: zstd(as_parquet(rows())),
    "orders.csv.zip": lambda: zipped(as_csv(rows())),
    "orders.csv.zst": lambda: zstd(as_csv(rows())),
    "orders.zip": lambda: zipped("\n".join(json.dumps(row) for row in as_objects(rows())).encode()),
    "utf-16.csv": lambda: as_csv(rows(), "\t").decode().encode("utf-16"),
    "utf-16-be.csv": lambda: as_csv(rows(), ";").decode().encode("utf-16-be"),
    "latin.csv.zip": lambda: zipped(as_csv([[*row[:3], "Café", *row[4:]] for row in rows()]).decode().encode("cp1252")),
}


def loaded(proposal, tmp_path, complete=True, **project):
    """What a run makes of the settings that were written: its rows and how many it rejected."""
    assert proposal.complete is complete, proposal.summary_lines
    document = tomllib.loads(render_config(proposal))
    document["project"] |= project
    settings = parse_settings(document, root=tmp_path)
    warehouse = DuckDBWarehouse(None, threads=2)
    warehouse.prepare()
    try:
        report = load_drops(warehouse, settings, run_id="r", now=NOW)
        assert [outcome.reason for outcome in report.outcomes] == [None] * len(report.outcomes)
        return warehouse.rows(RAW_TABLES["purchases"]), report.rows_rejected
    finally:
        warehouse.close()


@pytest.mark.parametrize("name", sorted(FILES))
def test_what_is_written_for_any_format_loads_every_row(tmp_path, name):
    (tmp_path / "drops").mkdir()
    (tmp_path / "drops" / name).write_bytes(FILES[name]())

    proposal = propose([tmp_path / "drops"], tmp_path)
    found, rejected = loaded(proposal, tmp_path)

    assert rejected == 0
    assert len(found) == len(FEW)
    assert sum(row["unit_price"] for row in found) == sum(Decimal(f"{x.price:.2f}") for x in FEW)
    assert {row["customer_id"] for row in found} == {str(17000 + x.customer) for x in FEW}
    mapped = {match.column: match.header for match in proposal.dataset("purchases").columns if match.header}
    assert mapped["unit_price"] == ("item.price" if name.startswith("nested") else "price")


def test_files_of_several_formats_with_the_same_names_are_one_dataset(tmp_path):
    for name in ("orders.jsonl", "orders.parquet", "orders.csv.zst"):
        (tmp_path / name).write_bytes(FILES[name]())

    dataset = propose([tmp_path], tmp_path).dataset("purchases")

    assert len(dataset.paths) == 3
    assert dataset.format.value == "auto"
    assert "1 file of CSV, 1 file of JSON lines, 1 file of Parquet" in dataset.format.evidence


def german(x):
    return f"{x.price * 1000:,.2f}".replace(",", "#").replace(".", ",").replace("#", ".")


PRICES = {
    "German with euro": (lambda x: f"{german(x)} €", 1000, {"thousands_mark": ".", "decimal_mark": ",", "currency_text": True}, "EUR"),
    "dollars, accounting": (lambda x: f"${x.price * 1000:,.2f}" if x.order % 9 else f"$({x.price * 1000:,.2f})", None, {"thousands_mark": ",", "negatives": ["parentheses"], "currency_text": True}, "USD"),
    "French spaces": (lambda x: f"{x.price * 1000:,.2f}".replace(",", "\u202f").replace(".", ","), 1000, {"thousands_mark": " ", "decimal_mark": ","}, ""),
    "Swiss": (lambda x: f"CHF {x.price * 1000:,.2f}".replace(",", "'"), 1000, {"thousands_mark": "'", "currency_text": True}, "CHF"),
    "pounds": (lambda x: f"£{x.price:.2f}", 1, {"currency_text": True}, "GBP"),
    "plain": (lambda x: f"{x.price:.2f}", 1, {}, ""),
    "trailing minus": (lambda x: f"{x.price:.2f}" if x.order % 9 else f"{x.price:.2f}-", None, {"negatives": ["trailing"]}, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(PRICES))
def test_what_is_written_for_any_way_to_write_prices_loads_every_row(tmp_path, name):
    price, factor, expected, currency = PRICES[name]
    (tmp_path / "orders.csv").write_bytes(as_csv(rows(price), ";"))

    proposal = propose([tmp_path / "orders.csv"], tmp_path)
    found, rejected = loaded(proposal, tmp_path)
    written = parse_settings(tomllib.loads(render_config(proposal)), root=tmp_path).datasets["purchases"]

    assert rejected == 0
    assert len(found) == len(FEW)
    plain = {"decimal_mark": ".", "thousands_mark": "", "currency_text": False, "negatives": []}
    assert {key: getattr(written, key) for key in plain} == plain | expected
    assert proposal.currency.value == currency
    if factor:
        assert sum(row["unit_price"] for row in found) == sum(Decimal(f"{x.price * factor:.2f}") for x in FEW)
    else:
        assert min(row["unit_price"] for row in found) < 0


def test_numbers_that_read_two_ways_are_asked_about_and_not_guessed(tmp_path):
    (tmp_path / "orders.csv").write_bytes(as_csv(rows(lambda x: f"{x.order % 90 + 1},{x.product % 10}00"), ";"))

    proposal = propose([tmp_path / "orders.csv"], tmp_path)
    written = render_config(proposal)
    settings = parse_settings(tomllib.loads(written), root=tmp_path).datasets["purchases"]

    assert any("could not: decide what its numbers mean" in line for line in proposal.summary_lines)
    assert "HOW NUMBERS ARE WRITTEN COULD NOT BE DECIDED" in written
    assert '# decimal_mark = ","' in written
    assert '# thousands_mark = ","' in written
    assert (settings.decimal_mark, settings.thousands_mark) == (".", "")
    found, rejected = loaded(proposal, tmp_path, complete=False)
    assert (found, rejected) == ([], len(FEW))


def test_a_sign_that_several_currencies_share_waits_for_the_project_to_name_one(tmp_path):
    (tmp_path / "orders.csv").write_bytes(as_csv(rows(lambda x: f"{x.price:.2f} kr"), ";"))
    proposal = propose([tmp_path / "orders.csv"], tmp_path)
    assert proposal.currency.value == ""
    assert "# currency_text = true" in render_config(proposal)


def test_percentages_are_asked_about(tmp_path):
    (tmp_path / "orders.csv").write_bytes(as_csv(rows(lambda x: f"{x.price:.2f}" if x.order % 50 else "12.5 %")))
    proposal = propose([tmp_path / "orders.csv"], tmp_path)
    assert '# percent = "?"' in render_config(proposal)
    assert any("percentages, such as '12.5 %'" in line for line in proposal.summary_lines)


def test_an_archive_that_cannot_be_read_is_named_with_the_reason_and_the_others_count(tmp_path):
    (tmp_path / "a.csv").write_bytes(as_csv(rows()))
    (tmp_path / "b.csv.zip").write_bytes(zipped(as_csv(rows()))[:-30])
    (tmp_path / "c.csv.zst").write_bytes(zstd(as_csv(rows()))[:-30])
    proposal = propose([tmp_path], tmp_path)
    assert {unused.path: unused.reason.split("(")[0] for unused in proposal.unused} == {
        "b.csv.zip": "the zip archive is corrupt or cut short ",
        "c.csv.zst": "the zstd archive is corrupt or cut short ",
    }


# --- amounts ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "readings"),
    [
        (["1,234"], {"1.234", "1234"}),
        (["1.234", "12", "950"], {"1.234", "1234"}),
        (["1.000", "2.000"], {"1.000", "1000"}),
        (["-1,234 €"], {"-1.234", "-1234"}),
        (["1,234", "1.5"], set()),
        (["1,234", "0,5"], set()),
        (["1,234", "1,234,567"], set()),
        (["0.125"], set()),
        (["1234.567"], set()),
        (["12"], set()),
        (["1 234"], set()),
        (["12,34,567"], set()),
        ([], set()),
    ],
)
def test_only_what_other_values_decide_is_decided(texts, readings):
    found = decide_amounts({"unit_price": dict.fromkeys(texts, 1)})
    assert {reading.rsplit(" ", 1)[1] for _, reading in found.readings} == readings


def test_all_number_columns_decide_together():
    found = decide_amounts({"unit_price": {"12,50": 9}, "quantity": {"1,000": 5, "2,000": 5}})
    assert (found.form.decimal_mark, found.form.thousands_mark, found.undecided) == (",", "", False)


@hypothesis_settings(deadline=None, max_examples=60)
@given(
    numbers=st.lists(st.decimals(-(10**7), 10**7, places=2), min_size=3, max_size=20),
    marks=st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'"), (".", ""), (",", "")]),
    sign=st.sampled_from(["{}", "€{}", "{} €", "USD {}"]),
)
def test_a_column_is_read_as_it_was_written_or_said_to_be_undecidable(numbers, marks, sign):
    point, thousands = marks
    texts = {}
    for number in numbers:
        text = f"{number:,.2f}".replace(",", "#").replace(".", point).replace("#", thousands)
        texts[sign.format(text)] = number
    found = decide_amounts({"unit_price": dict.fromkeys(texts, 1)})
    if not found.undecided:
        assert {text: found.form.to_decimal(text) for text in texts} == texts


@pytest.mark.parametrize("form", [NumberFormat(), NumberFormat(",", ".")])
def test_what_no_format_reads_is_counted_with_an_example(form):
    found = decide_amounts({"unit_price": {"12.50": 4, "abc": 2, "£": 1}, "quantity": {"£5": 3, "1": 9}})
    assert found.unread == {"unit_price": (3, "abc"), "quantity": (3, "£5")}


# --- ids -------------------------------------------------------------------------------------------------------------------------


def test_ids_that_a_spreadsheet_rounded_or_shortened_are_reported():
    (told,) = lost_digits("product_id", "EAN", {"4.00636E+12": 3, "4006381333931": 1})
    assert "rounded by a spreadsheet in 3 rows, such as '4.00636E+12'" in told
    codes = {str(number): 1 for number in range(37, 100_000, 97)}
    (told,) = lost_digits("product_id", "code", codes)
    assert "may have lost leading zeros" in told
    padded = {f"{number:05}": 1 for number in range(5, 90, 2)} | {"17": 1, "4": 2}
    assert "begin with one" in lost_digits("product_id", "code", padded)[0]


@pytest.mark.parametrize(
    "ids",
    [
        [str(number) for number in range(1, 12_000)],  # a running number
        [str(number) for number in range(12_346, 18_287)],
        [f"{number:05}" for number in range(1000)],
        ["85123A", "71053", "POST"] * 10,
        ["1", "22"],
    ],
)
def test_ordinary_ids_are_not_suspected(ids):
    assert lost_digits("order_id", "id", dict.fromkeys(ids, 1)) == []


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path):
    with pytest.raises(SaharaError, match="no such file"):
        propose([tmp_path / "absent.parquet"], tmp_path)
