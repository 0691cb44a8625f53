"""`sahara init` on analytics exports: known by their names in every format, and read whole by what it writes."""

from __future__ import annotations

import gzip
import json
import tomllib
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sahara_assets.onboarding.known_exports import KNOWN_EXPORTS, recognise
from sahara_assets.onboarding.propose import propose
from sahara_assets.onboarding.render import render_config
from sahara_assets.settings.document import parse_settings
from sahara_assets.tables.analytics import PRODUCT_EVENTS, SESSIONS
from sahara_assets.tables.books import DROPS
from sahara_assets.tables.datasets import DATASETS
from sahara_assets.tables.sales import PURCHASES
from sahara_assets_tests.analytics import clickstream
from sahara_assets_tests.analytics import made_exports as made
from sahara_assets_tests.onboarding.shop import lines
from sahara_assets_tests.small_shop import SmallShop

VISITS = [
    made.session("0017", 1, made.hit(1, made.product(quantity=2, revenue=26.0), action="6", order="ORD1")),
    made.session("0018", 2, made.hit(1), made.hit(2, made.product("P2"), kind="EVENT", action="1")),
]
HAPPENED = [
    made.event("5.6", "page_view", 0, params={"page_location": "/a"}),
    made.event("5.6", "purchase", 9, made.item(), made.item("P2", 2.5, 3), order="T1", revenue=12.5),
]
CLICKED = clickstream.as_csv(
    clickstream.clicks("5.6", "view_item", 0, ("P1", "5.0", ""), engaged="700"),
    clickstream.clicks("5.6", "purchase", 9, ("P1", "5.0", "1"), ("P2", "2.5", "3"), engaged="20"),
)
TILL = "order_no,customer_no,sku,qty,price,order_date\n" + "".join(
    f"B{x.order},{x.customer},S{x.product:03},{x.quantity},{x.price},{x.at}\n" for x in lines()
)


def as_lines(documents):
    return made.lines(*documents).encode()


def as_parquet(documents):
    out = BytesIO()
    pq.write_table(pa.Table.from_pylist(documents), out)
    return out.getvalue()


FORMATS = {
    "lines.jsonl": as_lines,
    "packed.ndjson.gz": lambda documents: gzip.compress(as_lines(documents)),
    "array.json": lambda documents: json.dumps(documents).encode(),
    "table.parquet": as_parquet,
}


def built(folder, **files):
    """A project that `sahara init` set up from some files, taken in and built; and what it proposed."""
    drops = folder / "drops"
    drops.mkdir()
    for name, content in files.items():
        (drops / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    proposal = propose([drops], folder)
    shop = SmallShop(folder)
    shop.settings = parse_settings(tomllib.loads(render_config(proposal)), root=folder)
    shop.build(features=False)
    assert [(row["status"], row["rows_rejected"]) for row in shop.rows(DROPS)] == [("loaded", 0)] * len(files)
    return shop, proposal


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_sessions_of_360_are_known_in_every_format(tmp_path, name):
    shop, proposal = built(tmp_path, **{name: FORMATS[name](VISITS)})
    assert proposal.complete
    assert [known.name for known in proposal.known] == ["sessions"]
    assert len(shop.rows(SESSIONS)) == 2
    assert [(row["action"], row["product_id"]) for row in shop.rows(PRODUCT_EVENTS)] == [
        ("purchase", "P1"),
        ("click", "P2"),
    ]
    assert [(row["order_id"], row["customer_id"]) for row in shop.rows(PURCHASES)] == [("ORD1", "0017")]


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_events_of_4_are_known_in_every_format(tmp_path, name):
    shop, proposal = built(tmp_path, **{name: FORMATS[name](HAPPENED)})
    assert proposal.complete
    assert [(row["session_id"], row["page_views"]) for row in shop.rows(SESSIONS)] == [("5.6/1", 1)]
    assert [(row["order_id"], row["product_id"]) for row in shop.rows(PURCHASES)] == [("T1", "P1"), ("T1", "P2")]


def test_a_clickstream_file_is_known_though_its_names_are_written_otherwise(tmp_path):
    shop, proposal = built(tmp_path, **{"clickstream.csv": CLICKED})
    assert proposal.complete
    # It names no transaction and no visitor but the user.
    assert proposal.analytics == {"customer": "user_id", "purchases": "transactions", "order": "session"}
    assert [(row["session_id"], row["engagement_msec"]) for row in shop.rows(SESSIONS)] == [("5.6/1", 720)]
    assert [(row["order_id"], row["product_id"]) for row in shop.rows(PURCHASES)] == [("5.6/1", "P1"), ("5.6/1", "P2")]


@pytest.mark.parametrize(
    ("digits", "unit"), [("000000", "epoch_microseconds"), ("000", "epoch_milliseconds"), ("", "epoch_seconds")]
)
def test_a_flat_files_moments_count_what_their_digits_show(tmp_path, digits, unit):
    text = f"event_name,event_timestamp,user_pseudo_id,session_id\npage_view,,5.6,1\npage_view,{made.STARTED}{digits},5.6,1\n"
    (tmp_path / "flat.csv").write_text(text)
    (known,) = propose([tmp_path / "flat.csv"], tmp_path).known
    assert known.reading["date_formats"] == [unit, "iso"]
    assert known.reading["columns"]["visit_id"] == "session_id"


def test_where_a_till_exports_lines_analytics_adds_no_purchases(tmp_path):
    shop, proposal = built(tmp_path, **{"orders.csv": TILL, "ga.jsonl": as_lines(VISITS)})
    assert [dataset.name for dataset in proposal.datasets] == ["purchases"]
    assert proposal.analytics == {}
    assert shop.settings.analytics.purchases == "none"
    assert len(shop.rows(PURCHASES)) == len(list(lines()))
    assert "ORD1" not in {row["order_id"] for row in shop.rows(PURCHASES)}


def test_sessions_without_products_are_no_purchases_and_that_is_said(tmp_path):
    (tmp_path / "visits.csv").write_text("Visit_ID,User_ID,Activity_Date,timeOnSite,Medium\n1,7,2003-10-12,77,1\n")
    proposal = propose([tmp_path / "visits.csv"], tmp_path)
    assert [known.name for known in proposal.known] == ["sessions"]
    assert not proposal.complete
    assert any(reason.startswith("find purchases") for reason in proposal.could_not)
    assert parse_settings(tomllib.loads(render_config(proposal)), root=tmp_path).analytics.customer == "user_id"


def test_two_exports_of_one_dataset_are_not_mixed(tmp_path):
    (tmp_path / "events_20160801.jsonl").write_bytes(as_lines(HAPPENED))
    (tmp_path / "events_20160802.jsonl").write_bytes(as_lines(HAPPENED))
    (tmp_path / "flat.csv").write_text(CLICKED)
    proposal = propose([tmp_path], tmp_path)
    assert [(known.title, known.patterns) for known in proposal.known] == [
        ("Google Analytics 4 events (events_*)", ("events_*.jsonl",))
    ]
    assert [unused.path for unused in proposal.unused] == ["flat.csv"]
    assert "export both alike" in proposal.unused[0].reason


def test_what_is_found_is_said(tmp_path):
    _, proposal = built(tmp_path, **{"ga.jsonl": as_lines(VISITS)})
    said = "\n".join(proposal.summary_lines)
    assert "sessions: 1 file (99 %)" in said
    assert "Google Analytics 360 sessions (ga_sessions), known by" in said
    assert "analytics.purchases: transactions" in said


@pytest.mark.parametrize("export", KNOWN_EXPORTS, ids=lambda export: export.title)
def test_an_export_maps_columns_of_its_dataset_and_is_known_by_its_own_marks(export):
    assert set(export.columns) | set(export.constants) <= set(DATASETS[export.dataset].column_names)
    assert set(DATASETS[export.dataset].required) <= set(export.columns)
    assert recognise([mark.split(" | ")[0] for mark in export.marks]) is export
