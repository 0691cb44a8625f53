"""Whatever names, values and settings say, it reaches the databases as data: on DuckDB, on Postgres, and in what is sent to BigQuery."""

from __future__ import annotations

import re
import shutil

import duckdb
import ibis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibis.backends.sql.compilers.bigquery import BigQueryCompiler

from sahara_assets.settings.document import parse_settings
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.tables.reporting import REPORT_VIEWS
from sahara_assets.tables.schema import ALL_TABLES
from sahara_assets.warehouse.base import quoted
from sahara_assets.warehouse.expressions import is_one_of, starts_with_code
from sahara_assets.warehouse.opening import warehouse_at
from sahara_assets_tests.commands import sahara
from sahara_assets_tests.equal_tables import compare, tables_of
from sahara_assets_tests.security.hostile_shop import EVIL, SHOWN_NAMES, SQL
from sahara_assets_tests.warehouse.conftest import PLACES

SERVERS = [place for place in PLACES if place != "duckdb"]
TEXTS = [text for text in EVIL if "\0" not in text]


def test_hostile_names_headers_values_and_settings_are_data_on_duckdb(hostile_project):
    with duckdb.connect(str(hostile_project / "sahara.duckdb"), read_only=True) as connection:
        tables = {name for (name,) in connection.execute("SHOW TABLES").fetchall()}
        drops = dict(connection.execute("SELECT path, rows_loaded FROM drops WHERE status = 'loaded'").fetchall())
        countries = {value for (value,) in connection.execute("SELECT DISTINCT country FROM raw_purchases").fetchall()}
        extra = connection.execute("SELECT DISTINCT _extra FROM raw_purchases").fetchall()
    assert tables == {table.name for table in (*ALL_TABLES, *REPORT_VIEWS)}
    assert set(drops) == {f"purchases/{name}" for name in SHOWN_NAMES}
    assert all(drops.values())
    assert countries == set(SQL[:3])
    assert len(extra) == 1
    assert not (hostile_project / "pwned").exists()


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "place", [SERVERS[-1], *(pytest.param(place, marks=pytest.mark.long) for place in SERVERS[:-1])]
)
def test_they_are_the_same_data_on_every_warehouse(place, hostile_project, address_of, tmp_path):
    root = tmp_path / "project"
    shutil.copytree(hostile_project, root, ignore=shutil.ignore_patterns("exports", ".sahara"))
    (root / "sahara.duckdb").unlink()
    embedded = tables_of(hostile_project / "sahara.toml", "duckdb:///sahara.duckdb")
    url = address_of(place)
    outcome = sahara("run", cwd=root, env={"SAHARA_WAREHOUSE_URL": url})
    assert outcome.code == 0, outcome.err
    found = tables_of(root / "sahara.toml", url)
    for row in (*embedded["drops"], *found["drops"]):
        row["signature"] = None  # the copied files have other inodes
    compare(embedded, found)


@pytest.mark.parametrize("place", PLACES)
def test_any_text_is_found_by_itself_and_by_nothing_else(place, address_of, tmp_path):
    settings = parse_settings({}, root=tmp_path, environment={"SAHARA_WAREHOUSE_URL": address_of(place)})
    warehouse = warehouse_at(settings)
    try:
        warehouse.prepare()
        raw = RAW_TABLES["products"]
        rows = [
            {
                "_drop_id": "d",
                "_line": line,
                "product_id": text,
                "description": text,
                "_line_hash": "h",
                "_occurrence": 1,
            }
            for line, text in enumerate(TEXTS, start=1)
        ]
        warehouse.insert(raw, rows)
        table = warehouse.table(raw)
        tests = {
            **{f"is {text}": table.product_id == text for text in TEXTS},
            **{f"one of {text}": is_one_of(table.description, [text, "{}"]) for text in TEXTS},
            **{f"begins with {text}": table.product_id.startswith(text) for text in TEXTS},
        }
        counts = warehouse.rows(
            table.aggregate(**{f"n{n}": t.ifelse(1, 0).sum() for n, t in enumerate(tests.values())})
        )
        begins = [sum(other.startswith(text) for other in TEXTS) for text in TEXTS]
        assert list(counts[0].values()) == [1] * (2 * len(TEXTS)) + begins
        # As parameters they delete themselves only.
        warehouse.delete(raw, {"product_id": TEXTS[::2]})
        assert {row["product_id"] for row in warehouse.rows(raw)} == set(TEXTS[1::2])
        assert warehouse.rows(table.filter(starts_with_code(table.product_id, TEXTS))) == []
        labelled = ibis.cases(*((table.product_id == text, text[::-1]) for text in TEXTS), else_="none")
        found = warehouse.rows(table.select("product_id", label=labelled))
        assert {(row["product_id"], row["label"]) for row in found} == {(text, text[::-1]) for text in TEXTS[1::2]}
    finally:
        warehouse.close()


_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "?": "?",
    '"': '"',
    "'": "'",
    "`": "`",
}


def read_as_bigquery_does(sql: str) -> tuple[str, str]:
    """The value of the string literal that a text begins with, and what follows it.

    https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#string_and_bytes_literals: quoted by ' or ", without line breaks,
    with the escape sequences listed there.
    """
    quote, rest = sql[0], sql[1:]
    assert quote in "'\""
    pattern = rf"(?:[^\\{quote}\r\n]|\\(?:[abfnrtv\\?\"'`]|[0-7]{{3}}|[xX][0-9a-fA-F]{{2}}|u[0-9a-fA-F]{{4}}|U[0-9a-fA-F]{{8}}))*"
    inside = re.match(pattern, rest)[0]
    assert rest[len(inside)] == quote, f"BigQuery would not read {sql!r}"

    def meant(found):
        code = found[1]
        if code in _ESCAPES:
            return _ESCAPES[code]
        return chr(int(code, 8) if code[0] in "01234567" else int(code[1:], 16))

    return re.sub(r"\\([0-7]{3}|[xXuU][0-9a-fA-F]+|.)", meant, inside), rest[len(inside) + 1 :]


@given(
    text=st.one_of(
        st.sampled_from(TEXTS), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
    )
)
def test_a_text_in_a_statement_to_bigquery_reads_back_as_itself_by_its_documented_rules(text):
    compiled = BigQueryCompiler().to_sqlglot(ibis.literal(text).name("x").as_table()).sql("bigquery")
    assert compiled.startswith(("SELECT\n  ", "SELECT "))
    value, rest = read_as_bigquery_does(compiled.removeprefix("SELECT").lstrip())
    assert value == text
    assert re.fullmatch(r" AS `x`", rest)


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0"), min_size=1), min_size=1, max_size=5, unique_by=str.casefold
    )
)
def test_any_name_can_be_quoted(names):
    columns = ", ".join(f"{n} AS {quoted(name)}" for n, name in enumerate(names) if name.isprintable())
    with duckdb.connect(":memory:") as connection:
        if columns:
            assert [c[0] for c in connection.execute(f"SELECT {columns}").description] == [
                n for n in names if n.isprintable()
            ]


@pytest.mark.parametrize("column", sorted({column.name for table in ALL_TABLES for column in table.columns}))
def test_declared_names_need_no_quotes(column):
    """Statements name declared columns only, and where one of them is written without quotes, it is one that could be."""
    assert re.fullmatch(r"[a-z_][a-z0-9_]*", column)


def test_nul_in_a_setting_is_refused_before_it_cuts_a_statement_short(tmp_path):
    places = {
        "project.currency": {"project": {"currency": "G\0"}},
        "project.currency_rates": {"project": {"currency": "GBP", "currency_rates": {"E\0": 1.0}}},
        "rules.fee_codes": {"rules": {"fee_codes": ["\0"]}},
        "datasets.purchases.null_values": {"datasets": {"purchases": {"null_values": ["a\0b"]}}},
        "datasets.purchases.date_formats": {"datasets": {"purchases": {"date_formats": ["%Y\0"]}}},
        "datasets.purchases.columns": {"datasets": {"purchases": {"columns": {"order_id": "a\0"}}}},
        "features.category_separator": {"features": {"category_separator": "\0"}},
    }
    for place, document in places.items():
        with pytest.raises(Exception, match=re.escape(place)) as caught:
            parse_settings(document, root=tmp_path)
        assert "NUL" in str(caught.value)
