"""The real files: 305 days of Online Retail, mapped and ruled without a word about them in the code."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from sahara_assets.onboarding.propose import propose
from sahara_assets.onboarding.render import render_config
from sahara_assets.settings.document import parse_settings

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "online_retail"
pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def proposal():
    if not REAL.is_dir():
        pytest.skip("../shared/data/online_retail is not there")
    return propose([REAL], Path(__file__).parent)


def test_the_mapping_is_found(proposal):
    dataset = proposal.dataset("purchases")

    assert {match.column: match.header for match in dataset.columns if match.header} == {
        "order_id": "InvoiceNo",
        "customer_id": "CustomerID",
        "product_id": "StockCode",
        "description": "Description",
        "quantity": "Quantity",
        "unit_price": "UnitPrice",
        "ordered_at": "InvoiceDate",
        "country": "Country",
    }
    assert dataset.rows == 541_909
    assert len(dataset.paths) == 305
    assert dataset.patterns == ("*.csv",)
    assert dataset.date_formats.value == ()
    assert dataset.encoding.value == "utf-8"
    assert [(item.column, item.steps) for item in dataset.normalise] == [("customer_id", ("strip_float_suffix",))]
    assert dataset.key.value is False
    assert "10,684 lines" in dataset.key.evidence
    assert "5,268 lines equal another" in dataset.key.evidence
    assert proposal.complete


def test_the_rules_are_found(proposal):
    assert proposal.rules.cancellations.prefixes == ("C",)
    assert proposal.rules.adjustments.prefixes == ("A",)
    assert {fee.code for fee in proposal.rules.fees} == {
        "POST",
        "DOT",
        "M",
        "D",
        "C2",
        "S",
        "BANK CHARGES",
        "AMAZONFEE",
        "CRUK",
    }
    assert {fee.code: fee.lines for fee in proposal.rules.fees}["POST"] == 1256
    offered = {fee.code: fee.reason for fee in proposal.rules.candidates}
    assert "adjustment documents" in offered["B"]
    assert "merchandise" in offered["PADS"]


def test_what_is_left_without_the_proposed_fees_are_the_known_totals(proposal):
    settings = parse_settings(tomllib.loads(render_config(proposal)), root=Path(__file__).parent)
    with duckdb.connect() as connection:
        found = connection.execute(
            """
            SELECT count(*), count(DISTINCT customer), count(DISTINCT order_id), round(sum(quantity * price), 2)
            FROM (
              SELECT "InvoiceNo" AS order_id, "CustomerID" AS customer, CAST("Quantity" AS INTEGER) AS quantity,
                     CAST("UnitPrice" AS DECIMAL(18, 4)) AS price, "StockCode" AS product
              FROM read_csv(?, all_varchar = true, header = true, delim = ',', quote = '"', escape = '"'))
            WHERE customer IS NOT NULL AND quantity > 0 AND price > 0 AND order_id NOT LIKE 'C%' AND product NOT IN (SELECT unnest(?))
            """,
            [str(REAL / "*.csv"), settings.rules.fee_codes],
        ).fetchone()
    assert found == (396_340, 4_334, 18_402, Decimal("8761066.65"))


@pytest.mark.parametrize(
    ("name", "dataset", "columns", "complete"),
    [
        (
            "marketing_campaign/marketing_campaign.csv",
            "customers",
            {"customer_id": "ID", "signed_up_on": "Dt_Customer"},
            True,  # what it says of customers is enough to measure them by
        ),
        ("byte_foods/product_info.csv", "products", {"product_id": "product_id", "description": "product_name"}, False),
        (
            "sahara_crm/users_signup_dates.csv",
            "customers",
            {"customer_id": "User_ID", "signed_up_on": "Signup_Date"},
            False,
        ),
        ("sahara_crm/crm_account.csv", "customers", {"customer_id": "Account Number", "country": "Country Code"}, True),
    ],
)
def test_other_real_files_are_told_apart(name, dataset, columns, complete):
    path = REAL.parent / name
    if not path.exists():
        pytest.skip(f"../shared/data/{name} is not there")

    found = propose([path], path.parent)

    assert [item.name for item in found.datasets] == [dataset]
    mapped = {match.column: match.header for match in found.datasets[0].columns if match.header}
    assert columns.items() <= mapped.items()
    assert found.complete is complete
