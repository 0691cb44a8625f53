"""Folders of several datasets, odd files and odd names: nothing crashes, and what is written always parses."""

from __future__ import annotations

import gzip
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sahara_assets.errors import SaharaError
from sahara_assets.onboarding.propose import propose
from sahara_assets.onboarding.render import render_config, toml_string
from sahara_assets.settings.document import parse_settings
from sahara_assets_tests.onboarding.shop import lines


def _csv(header, rows):
    return "\n".join(",".join(str(cell) for cell in row) for row in [header, *rows]) + "\n"


@pytest.fixture
def shop(tmp_path):
    """A drop folder with monthly orders, a product list and a customer list."""
    drops = tmp_path / "drops"
    drops.mkdir()
    months = {}
    for line in lines():
        months.setdefault(f"{line.at:%Y%m}01", []).append(line)
    header = ["order_no", "customer_no", "sku", "qty", "price", "order_date"]
    for month, found in months.items():
        rows = []
        for line in found:
            back = line.order % 17 == 0
            rows.append(
                [
                    f"{'K' if back else 'B'}{line.order}",
                    line.customer,
                    f"S{line.product:03}",
                    -line.quantity if back else line.quantity,
                    line.price,
                    line.at,
                ]
            )
        rows.append([f"B{month}", 5, "SHIP", 1, 4.95, found[-1].at])
        (drops / f"orders_{month}.csv").write_text(_csv(header, rows))
    products = {line.product: line for line in lines()}
    (drops / "products.csv").write_text(
        _csv(
            ["id", "name", "category", "price"],
            [[f"S{n:03}", p.title, p.category, p.price] for n, p in sorted(products.items())],
        )
    )
    people = {line.customer: line for line in lines()}
    (drops / "customers.csv").write_text(
        _csv(
            ["id", "first_name", "email", "country", "created_at"],
            [[n, p.name.split()[0], p.email, p.country, p.at.date()] for n, p in sorted(people.items())],
        )
    )
    (drops / "empty.csv").write_bytes(b"")
    (drops / "notes.txt").write_text("remember the milk\nand the bread\n")
    return tmp_path


def test_a_folder_of_several_datasets_is_told_apart(shop):
    proposal = propose([shop / "drops"], shop)

    assert {dataset.name: dataset.patterns for dataset in proposal.datasets} == {
        "purchases": ("orders_*.csv",),
        "products": ("products.csv",),
        "customers": ("customers.csv",),
    }
    assert proposal.folder == "drops"
    assert [item.path for item in proposal.unused] == ["empty.csv", "notes.txt"]
    assert proposal.dataset("products").key.value is True
    assert proposal.dataset("customers").key.value is True
    assert proposal.complete


def test_an_id_prefix_with_negative_lines_only_is_a_cancellation(shop):
    rules = propose([shop / "drops"], shop).rules

    assert rules.cancellations.prefixes == ("K",)
    assert rules.adjustments.prefixes == ()
    assert [fee.code for fee in rules.fees] == ["SHIP"]


def test_the_drop_folder_is_absolute_where_it_lies_elsewhere(shop):
    elsewhere = shop / "project"
    elsewhere.mkdir()

    assert Path(propose([shop / "drops"], elsewhere).folder) == (shop / "drops").resolve()


def test_single_files_share_their_common_folder(shop):
    files = [shop / "drops" / "products.csv", shop / "drops" / "orders_20230101.csv"]

    proposal = propose(files, shop)

    assert proposal.folder == "drops"
    assert {dataset.name for dataset in proposal.datasets} == {"purchases", "products"}


def test_progress_counts_up_to_the_number_of_files(shop):
    heard = []

    propose([shop / "drops"], shop, progress=lambda what, done, total: heard.append((what, done, total)))

    assert ("looking at headers", 14, 14) in heard
    assert all(done <= total for _, done, total in heard)


def test_a_gzip_file_reads_like_a_plain_one(shop):
    plain = shop / "drops" / "orders_20230101.csv"
    packed = shop / "orders_20230101.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))

    from_plain, from_packed = propose([plain], shop).datasets[0], propose([packed], shop).datasets[0]

    assert from_packed.columns == from_plain.columns
    assert from_packed.rows == from_plain.rows
    assert from_packed.patterns == ("orders_*.csv.gz",)


def test_the_same_names_in_another_case_and_order_are_one_dataset(tmp_path):
    (tmp_path / "a1.csv").write_text(
        "order_id,customer_id,product_id,quantity,unit_price,ordered_at\n1,7,A1,2,3.50,2024-01-02\n1,7,A2,1,2.50,2024-01-02\n"
    )
    (tmp_path / "a2.csv").write_text(
        "Customer ID;Order ID;Product ID;Ordered At;Quantity;Unit Price\n7;2;A1;2024-01-03;2;3.50\n8;3;A2;2024-01-04;1;2.50\n"
    )

    dataset = propose([tmp_path], tmp_path).dataset("purchases")

    assert dataset.paths == ("a1.csv", "a2.csv")
    assert dataset.delimiter.value == "auto"
    assert dataset.rows == 4


def test_a_file_beyond_the_budget_is_sampled_and_said_to_be(shop, monkeypatch):
    whole = propose([shop / "drops"], shop).dataset("purchases")
    monkeypatch.setattr("sahara_assets.onboarding.scan._ALL_BYTES", 9_000)

    sampled = propose([shop / "drops"], shop).dataset("purchases")

    assert whole.extent.startswith("all ")
    assert 0 < sampled.rows < whole.rows
    assert "rows read of 10 of 10 files" in sampled.extent
    assert sampled.columns == whole.columns


def test_a_header_alone_is_mapped_by_its_words(tmp_path):
    (tmp_path / "orders.csv").write_text("Order ID,Customer ID,SKU,Quantity,Unit Price,Order Date\n")

    dataset = propose([tmp_path / "orders.csv"], tmp_path).dataset("purchases")

    assert dataset.missing == ()


def test_a_file_without_a_header_is_said_to_lack_one(tmp_path):
    rows = "".join(
        f"{line.order},{line.customer},S{line.product},{line.quantity},{line.price},{line.at}\n" for line in lines()
    )
    (tmp_path / "orders.csv").write_text(rows)

    proposal = propose([tmp_path / "orders.csv"], tmp_path)

    assert not proposal.complete
    assert all(not dataset.has_header.value for dataset in proposal.datasets)


def test_a_name_that_stands_twice_is_not_mapped_and_said(tmp_path):
    rows = "".join(
        f"{line.order},{line.customer},S{line.product},{line.quantity},{line.price},{line.at:%Y-%m-%d},{line.shipped:%Y-%m-%d}\n"
        for line in lines()
    )
    (tmp_path / "orders.csv").write_text("order,customer,sku,qty,price,Date,Date\n" + rows)

    proposal = propose([tmp_path / "orders.csv"], tmp_path)

    assert proposal.dataset("purchases").missing == ("ordered_at",)
    assert "names 'Date' twice" in render_config(proposal)


def test_what_would_be_rejected_is_said_beforehand(tmp_path):
    rows = "".join(
        f"{line.order},{line.email},S{line.product},{line.quantity},${line.price},{line.at:%Y-%m-%d}\n"
        for line in lines()
    )
    (tmp_path / "orders.csv").write_text(
        "order,email,sku,qty,price,order date\n" + rows + "9999,x@y.org,,n.a,$1,2023-01-01\n"
    )

    proposal = propose([tmp_path / "orders.csv"], tmp_path)
    told = "\n".join(proposal.dataset("purchases").warnings)

    assert proposal.dataset("purchases").amounts.signs == ("$",)  # which can be declared, so it is no fault
    assert "currency_text = true" in render_config(proposal)
    assert "'qty' (quantity) is no number in 1 row, such as 'n.a'" in told
    assert "'sku' (product_id) is empty in 1 row" in told
    assert "e-mail addresses" in told
    assert "no time of day" in told
    assert proposal.currency.value == "USD"


def test_day_or_month_first_is_said_loudly_where_no_value_decides(tmp_path):
    rows = "".join(
        f"{line.order},{line.customer},S{line.product},{line.quantity},{line.price},{min(line.at.day, 12):02}/{line.at.month:02}/2023\n"
        for line in lines()
    )
    (tmp_path / "orders.csv").write_text("order,customer,sku,qty,price,order date\n" + rows)

    proposal = propose([tmp_path / "orders.csv"], tmp_path)
    written = render_config(proposal)

    assert proposal.dataset("purchases").date_formats.value == ("%d/%m/%Y",)  # the rows stand in order of time
    assert proposal.dataset("purchases").date_formats.sure <= 0.7
    assert "!!! DAY OR MONTH FIRST COULD NOT BE DECIDED" in written
    assert '# date_formats = ["%m/%d/%Y"]' in written
    assert '# date_formats = ["%d/%m/%Y"]' in written
    assert not proposal.complete  # asked, not guessed: until a line is chosen every such date is a reject
    assert any("could not: decide whether the day or the month" in line for line in proposal.summary_lines)
    settings_ = parse_settings(tomllib.loads(written), root=tmp_path)
    assert settings_.datasets["purchases"].date_formats == []
    assert any("DAY OR MONTH FIRST could not be decided" in line for line in proposal.summary_lines)


def test_one_impossible_date_does_not_unsettle_what_hundreds_prove(tmp_path):
    rows = "".join(
        f"{line.order},{line.customer},S{line.product},{line.quantity},{line.price},{line.at:%d.%m.%Y %H:%M}\n"
        for line in lines()
    )
    bad = "999999,1,S1,1,2.50,31.02.2023 10:00\n"
    (tmp_path / "orders.csv").write_text("order,customer,sku,qty,price,order date\n" + bad + rows)

    purchases = propose([tmp_path / "orders.csv"], tmp_path).dataset("purchases")

    assert purchases.date_formats.value == ("%d.%m.%Y %H:%M",)
    assert purchases.date_formats.sure > 0.95
    assert "1 distinct date cannot be read and would be rejected" in purchases.warnings


@pytest.mark.parametrize("given", [[], ["absent.csv"], ["folder"]])
def test_nothing_to_look_at_is_an_error_with_a_remedy(tmp_path, given):
    (tmp_path / "folder").mkdir()

    with pytest.raises(SaharaError, match=r"no file was given|no such file|no CSV file"):
        propose([tmp_path / name for name in given], tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\0\0a\0\0\0", "NUL"),
        (b"PK\x03\x04rest", "zip archive is corrupt"),
        (b"PAR1rest", "Parquet file cannot be read"),
        (b"[]", "is empty"),
        (bytes(range(256)) * 40, "NUL"),
        (b"\x1f\x8bbroken", "damaged gzip"),
    ],
)
def test_a_file_that_is_no_table_is_named_with_the_reason(tmp_path, content, reason):
    (tmp_path / "orders.csv").write_bytes(content)

    proposal = propose([tmp_path / "orders.csv"], tmp_path)

    assert reason in proposal.unused[0].reason
    assert not proposal.complete
    assert "NOT COMPLETE" in render_config(proposal)


_CELLS = st.one_of(
    st.text(max_size=10),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        [
            "order_id",
            "Order ID",
            "qty",
            "price",
            "sku",
            "Date",
            "customer",
            "12,5",
            "1/2/2010",
            "€5",
            "'",
            '"',
            "(3)",
            "9" * 400,
        ]
    ),
)
_TABLES = st.builds(
    lambda table, delimiter, encoding: "\n".join(delimiter.join(row) for row in table).encode(encoding, "replace"),
    st.lists(st.lists(_CELLS, min_size=1, max_size=8), max_size=10),
    st.sampled_from([",", ";", "\t", "|", "^"]),
    st.sampled_from(["utf-8", "cp1252", "utf-16", "utf-8-sig"]),
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=300), _TABLES))
def test_whatever_a_file_holds_the_written_settings_parse(tmp_path, content):
    (tmp_path / "orders.csv").write_bytes(content)

    proposal = propose([tmp_path / "orders.csv"], tmp_path)

    parse_settings(tomllib.loads(render_config(proposal)), root=tmp_path)
    assert proposal.summary_lines


@given(st.text())
def test_any_text_reads_back_from_its_toml_string(text):
    assert (
        tomllib.loads(f"name = {toml_string(text)}")["name"] == text.encode("utf-8", "replace").decode()
        or "\ufffd" in text
    )


@pytest.mark.parametrize("odd", ['Order "No"', "Order\\No", "Bestellung № ü", "Order # 'x' ]"])
def test_an_odd_header_name_survives_the_round_trip(tmp_path, odd):
    quoted = '"' + odd.replace('"', '""') + '"'
    rows = "".join(
        f"{line.order},{line.customer},S{line.product},{line.quantity},{line.price},{line.at}\n" for line in lines()
    )
    (tmp_path / "orders.csv").write_text(f"{quoted},customer,sku,qty,price,order date\n{rows}", encoding="utf-8")

    written = render_config(propose([tmp_path / "orders.csv"], tmp_path))

    assert parse_settings(tomllib.loads(written), root=tmp_path).datasets["purchases"].columns["order_id"] == odd


def test_the_same_files_give_the_same_text(shop):
    assert render_config(propose([shop / "drops"], shop)) == render_config(propose([shop / "drops"], shop))
