"""Views of the fake: described columns, replaced, read through their tables, refused where BigQuery refuses them."""

import pytest
from google.api_core.exceptions import BadRequest, Conflict
from google.cloud import bigquery

BODY = "SELECT a, CASE WHEN a > 1 THEN 'many' ELSE 'one' END FROM `test-project.shop.t`"


@pytest.fixture
def shop(bigquery_client):
    config = bigquery.QueryJobConfig(default_dataset="test-project.shop")

    def run(statement):
        return [tuple(row.values()) for row in bigquery_client.query(statement, job_config=config).result()]

    run("CREATE TABLE t (a INT64)")
    run("INSERT INTO t (a) VALUES (1), (2)")
    return run


def test_a_view_has_the_names_and_descriptions_of_its_column_list_and_shows_what_its_table_holds_now(
    shop, bigquery_client
):
    columns = "x OPTIONS (description = 'A number.'), word OPTIONS (description = \"It's a word.\")"
    shop(f"CREATE VIEW v ({columns}) OPTIONS (description = 'Both.', labels = [('app', 'sahara')]) AS {BODY}")
    assert shop("SELECT x, word FROM v ORDER BY x") == [(1, "one"), (2, "many")]
    shop("DELETE FROM t WHERE true")
    shop("INSERT INTO t (a) VALUES (5)")
    assert shop("SELECT * FROM v") == [(5, "many")]
    found = bigquery_client.get_table("test-project.shop.v")
    assert (found.table_type, found.description, found.labels) == ("VIEW", "Both.", {"app": "sahara"})
    assert [(f.name, f.field_type, f.description) for f in found.schema] == [
        ("x", "INTEGER", "A number."),
        ("word", "STRING", "It's a word."),
    ]
    listed = "SELECT table_name, column_name FROM INFORMATION_SCHEMA.COLUMNS WHERE table_name = 'v' ORDER BY 2"
    assert shop(listed) == [("v", "word"), ("v", "x")]
    assert shop("SELECT table_name, table_type FROM INFORMATION_SCHEMA.TABLES ORDER BY 1") == [
        ("t", "BASE TABLE"),
        ("v", "VIEW"),
    ]


def test_a_view_is_replaced_and_dropped_as_what_it_is(shop, bigquery_client):
    shop(f"CREATE VIEW v (x, word) AS {BODY}")
    with pytest.raises(Conflict, match="Already Exists"):
        shop(f"CREATE VIEW v (x, word) AS {BODY}")
    shop("CREATE OR REPLACE VIEW v AS SELECT a AS only FROM shop.t")
    assert shop("SELECT only FROM v ORDER BY only") == [(1,), (2,)]
    with pytest.raises(BadRequest, match="has type VIEW"):
        shop("DROP TABLE v")
    shop("DROP VIEW v")
    shop("CREATE VIEW v AS SELECT a FROM shop.t")
    bigquery_client.delete_table("test-project.shop.v")
    assert shop("SELECT count(*) FROM INFORMATION_SCHEMA.TABLES") == [(1,)]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("CREATE VIEW v AS SELECT a FROM t", "must be qualified with a dataset"),
        (f"CREATE VIEW v (x) AS {BODY}", "does not match the number of columns"),
        ("CREATE OR REPLACE VIEW t AS SELECT a FROM shop.t", "currently a TABLE"),
        (
            f"BEGIN TRANSACTION; CREATE VIEW v (x, word) AS {BODY}; COMMIT TRANSACTION",
            "not supported inside a transaction",
        ),
    ],
)
def test_what_bigquery_refuses_is_refused(shop, statement, said):
    with pytest.raises(BadRequest, match=said):
        shop(statement)
