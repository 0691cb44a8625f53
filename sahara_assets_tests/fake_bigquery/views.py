"""Views: CREATE VIEW with its column list and options; what reads one reads a DuckDB view of the translated query.

"CREATE VIEW statement", https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language#create_view_statement:
the column list names the view's columns and may describe them, but has no types. "Default project in view body" there says that a table
without a project is looked for in the view's project; the job's default dataset does not count within the body (unverified wording).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from sahara_assets_tests.fake_bigquery import statements
from sahara_assets_tests.fake_bigquery.catalogue import physical, shown
from sahara_assets_tests.fake_bigquery.errors import duplicate, invalid_query, unknown_to_fake
from sahara_assets_tests.fake_bigquery.schema import Field, quoted
from sahara_assets_tests.fake_bigquery.session import Outcome, Session

if TYPE_CHECKING:
    from collections.abc import Callable


def create(statement: exp.Create, session: Session, option: Callable[[exp.Property], dict[str, Any]]) -> Outcome:
    """Run CREATE VIEW.

    Args:
        statement: outside of any transaction.
        session: the job's.
        option: reads an entry of OPTIONS as the resource's key.

    Raises:
        ApiError: the view is there already, or its body or column list is wrong.
    """
    query = statement.expression
    if not isinstance(query, exp.Query):
        raise invalid_query("CREATE VIEW needs a query")
    _refuse_default_dataset(query)
    made = statements.translated(query, session)
    fields = _named(statement.this, statements.described(made.sql, session))
    properties = statement.args.get("properties")
    options: dict[str, Any] = {}
    for one in properties.expressions if properties else []:
        options |= option(one)
    key = session.tables.key(statements.target_of(statement))
    outcome = Outcome("CREATE_VIEW", table=key, ddl="CREATE", references=list(made.reads))
    if session.dry_run:
        return outcome
    catalogue = session.catalogue
    with catalogue.write_lock:
        present = catalogue.raw_table(key)
        if present is not None and statement.args.get("exists"):
            outcome.ddl = "SKIP"
            return outcome
        if present is not None and not statement.args.get("replace"):
            raise duplicate("Table", shown(key))
        if present is not None and present["type"] != "VIEW":
            raise invalid_query(f"{shown(key)} is not allowed for this operation because it is currently a TABLE.")
        if present is not None:
            catalogue.drop_table(key)
            outcome.ddl = "REPLACE"
        names = ", ".join(quoted(field["name"]) for field in fields)
        session.run(f"CREATE VIEW {physical(key)} ({names}) AS {made.sql}")
        catalogue.add_view(key, query.sql(dialect="bigquery"), fields, options)
    return outcome


def _refuse_default_dataset(query: exp.Query) -> None:
    ctes = {cte.alias.lower() for cte in query.find_all(exp.CTE)}
    for table in query.find_all(exp.Table):
        if not table.db and table.name.lower() not in ctes and not isinstance(table.this, exp.Func):
            raise invalid_query(f'Table "{table.name}" must be qualified with a dataset (e.g. dataset.table).')


def _named(target: exp.Expression, found: list[Field]) -> list[Field]:
    """The query's columns under the names and with the descriptions of the column list."""
    if not isinstance(target, exp.Schema):
        return found
    if len(target.expressions) != len(found):
        raise invalid_query(
            f"The number of columns in the column definition list ({len(target.expressions)}) does not match the number of columns "
            f"produced by the query ({len(found)})"
        )
    fields = []
    for field, column in zip(found, target.expressions, strict=True):
        if isinstance(column, exp.ColumnDef) and column.args.get("kind") is not None:
            raise invalid_query("The column list of a view has no types")
        named = field | {"name": column.name}
        for one in column.find_all(exp.Property):
            if one.name.lower() != "description":
                raise unknown_to_fake(f"the column option {one.name}")
            named["description"] = one.args["value"].name
        fields.append(named)
    return fields
