"""DDL: CREATE TABLE with its partitions, clusters and options, temporary tables, ALTER, DROP; datasets as schemas. Views: `views`.

"Data definition language", https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from sahara_assets_tests.fake_bigquery import statements, views
from sahara_assets_tests.fake_bigquery.catalogue import physical, shown
from sahara_assets_tests.fake_bigquery.errors import ApiError, duplicate, invalid_query, unknown_to_fake
from sahara_assets_tests.fake_bigquery.schema import Field, duckdb_type, normalised, quoted
from sahara_assets_tests.fake_bigquery.session import Outcome, Session

if TYPE_CHECKING:
    from sahara_assets_tests.fake_bigquery.catalogue import Key


def run(statement: exp.Expression, session: Session) -> Outcome:
    """Run a DDL statement.

    Raises:
        ApiError: it fails, or stands in a transaction: "DDL statements that affect permanent entities aren't supported in
            transactions", https://cloud.google.com/bigquery/docs/transactions#statements_supported_in_transactions.
    """
    if isinstance(statement, exp.Create) and statement.kind == "TABLE":
        return _create_table(statement, session)
    if isinstance(statement, exp.Create) and statement.kind == "SCHEMA":
        return _create_schema(statement, session)
    if isinstance(statement, exp.Create) and statement.kind == "VIEW":
        _refuse_in_transaction(session)
        return views.create(statement, session, table_option)
    if isinstance(statement, exp.Drop) and statement.kind in {"TABLE", "VIEW", "SCHEMA"}:
        return _drop(statement, session)
    if isinstance(statement, exp.Alter) and statement.args.get("kind") == "TABLE":
        return _alter(statement, session)
    raise unknown_to_fake(f"the statement {statement.sql(dialect='bigquery')[:60]!r}")


def _refuse_in_transaction(session: Session) -> None:
    if session.transaction is not None:
        raise invalid_query("DDL statements that affect permanent entities are not supported inside a transaction")


def _create_table(statement: exp.Create, session: Session) -> Outcome:
    properties = statement.args.get("properties")
    listed = properties.expressions if properties else []
    temporary = any(isinstance(one, exp.TemporaryProperty) for one in listed)
    target = statements.target_of(statement)
    declared = _declared(statement)
    query = statement.expression
    kind = "CREATE_TABLE_AS_SELECT" if query is not None else "CREATE_TABLE"
    found = statements.select(query, session) if isinstance(query, exp.Query) else None
    fields = declared or list((found.fields if found else None) or [])
    if temporary:
        return _create_temporary(statement, target, kind, normalised(fields), found, session)
    _refuse_in_transaction(session)
    key = session.tables.key(target)
    asked: dict[str, Any] = {"tableReference": {"tableId": key[2]}, "schema": {"fields": fields}} | _asked(
        listed, fields
    )
    outcome = Outcome(kind, table=key, ddl="CREATE", bytes_processed=found.bytes_processed if found else 0)
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
        if present is not None:
            catalogue.drop_table(key)
            outcome.ddl = "REPLACE"
        catalogue.create_table(key[0], key[1], asked)
        if found is not None:
            _fill(physical(key), found, session)
    catalogue.touched(key)
    return outcome


def _fill(table: str, found: Outcome, session: Session) -> None:
    session.cursor.register("_fake_filling", found.rows)
    try:
        session.run(f"INSERT INTO {table} SELECT * FROM _fake_filling")
    finally:
        session.cursor.unregister("_fake_filling")


def _create_temporary(
    statement: exp.Create, target: exp.Table, kind: str, fields: list[Field], found: Outcome | None, session: Session
) -> Outcome:
    name = target.name.lower()
    if target.db:
        raise invalid_query("Temporary tables cannot be qualified with a dataset")
    outcome = Outcome(kind, ddl="CREATE")
    if name in session.tables.temporary and statement.args.get("exists"):
        outcome.ddl = "SKIP"
        return outcome
    if name in session.tables.temporary and not statement.args.get("replace"):
        raise duplicate("Table", target.name)
    columns = ", ".join(
        f"{quoted(field['name'])} {duckdb_type(field)}{' NOT NULL' if field['mode'] == 'REQUIRED' else ''}"
        for field in fields
    )
    session.run(f"CREATE OR REPLACE TEMP TABLE {quoted(name)} ({columns})")
    session.tables.temporary[name] = fields
    if found is not None and not session.dry_run:
        _fill(f"temp.main.{quoted(name)}", found, session)
    return outcome


def _declared(statement: exp.Create) -> list[Field]:
    schema = statement.this
    return (
        [field_of_column(one) for one in schema.expressions if isinstance(one, exp.ColumnDef)]
        if isinstance(schema, exp.Schema)
        else []
    )


def field_of_column(column: exp.ColumnDef) -> Field:
    """A declared column as a field of the API's schema."""
    kind = column.args["kind"]
    constraints = [one.args["kind"] for one in column.args.get("constraints") or []]
    field = field_of_type(column.name, kind)
    for one in constraints:
        if isinstance(one, exp.NotNullColumnConstraint) and not one.args.get("allow_null"):
            field["mode"] = "REQUIRED"
        elif isinstance(one, exp.Properties) or one.find(exp.Property):
            for option in one.find_all(exp.Property):
                if option.name.lower() != "description":
                    raise unknown_to_fake(f"the column option {option.name}")
                field["description"] = option.args["value"].name
        elif not isinstance(one, exp.NotNullColumnConstraint):
            raise unknown_to_fake(f"the column constraint {one.sql(dialect='bigquery')}")
    return field


def field_of_type(name: str, kind: exp.DataType) -> Field:
    """A GoogleSQL type as a field of the API's schema."""
    if kind.this == exp.DataType.Type.ARRAY:
        return field_of_type(name, kind.expressions[0]) | {"mode": "REPEATED"}
    if kind.this == exp.DataType.Type.STRUCT:
        parts = [field_of_type(one.name, one.args["kind"]) for one in kind.expressions]
        return {"name": name, "type": "RECORD", "mode": "NULLABLE", "fields": parts}
    text = kind.sql(dialect="bigquery").upper()
    field: Field = {"name": name, "type": text.partition("(")[0], "mode": "NULLABLE"}
    if "(" in text:
        numbers = [part.strip() for part in text.partition("(")[2].rstrip(")").split(",")]
        if field["type"] not in {"NUMERIC", "DECIMAL", "BIGNUMERIC", "BIGDECIMAL"}:
            raise unknown_to_fake(f"the type {text}")
        field |= {"precision": numbers[0]} | ({"scale": numbers[1]} if len(numbers) > 1 else {})
    return field


def _asked(properties: list[exp.Expression], fields: list[Field]) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    for one in properties:
        if isinstance(one, exp.PartitionedByProperty):
            asked["timePartitioning"] = _partition(one.this, fields)
        elif type(one).__name__ in {"Cluster", "ClusterProperty", "ClusteredByProperty"}:
            asked["clustering"] = {"fields": [column.name for column in one.expressions]}
        elif isinstance(one, exp.Property) and type(one) is exp.Property:
            asked |= table_option(one)
        elif not isinstance(one, (exp.TemporaryProperty,)):
            raise unknown_to_fake(f"the table property {one.sql(dialect='bigquery')}")
    return asked


def _partition(node: exp.Expression, fields: list[Field]) -> dict[str, Any]:
    """PARTITION BY d, DATE(t), DATE_TRUNC(d, MONTH), DATETIME_TRUNC(t, DAY), TIMESTAMP_TRUNC(t, HOUR)."""
    if isinstance(node, (exp.Column, exp.Identifier)):
        found = next((field for field in fields if field["name"].lower() == node.name.lower()), None)
        if found is not None and found["type"] != "DATE":
            raise invalid_query(
                "PARTITION BY expression must be DATE(<timestamp_column>), DATE(<datetime_column>), DATETIME_TRUNC(…), TIMESTAMP_TRUNC(…) or a DATE column"
            )
        return {"type": "DAY", "field": node.name}
    if isinstance(node, exp.Anonymous) and node.name.lower() == "date" and len(node.expressions) == 1:
        return {"type": "DAY", "field": node.expressions[0].name}
    if isinstance(node, exp.Anonymous) and node.name.lower() in {"date_trunc", "datetime_trunc", "timestamp_trunc"}:
        return {"type": node.expressions[1].name.upper(), "field": node.expressions[0].name}
    raise unknown_to_fake(f"PARTITION BY {node.sql(dialect='bigquery')}")


def table_option(option: exp.Property) -> dict[str, Any]:
    """An entry of OPTIONS as the resource's key."""
    name, value = option.name.lower(), option.args["value"]
    if name in {"description", "friendly_name"}:
        return {"description" if name == "description" else "friendlyName": value.name}
    if name == "labels":
        return {"labels": {pair.expressions[0].name: pair.expressions[1].name for pair in value.find_all(exp.Tuple)}}
    if name == "require_partition_filter":
        return {"requirePartitionFilter": isinstance(value, exp.Boolean) and value.this}
    if name == "expiration_timestamp":
        literal = value.find(exp.Literal)
        if literal is None or not isinstance(value, exp.Cast):
            raise unknown_to_fake("an expiration_timestamp that is no literal")
        moment = datetime.fromisoformat(literal.name.replace(" UTC", "+00:00"))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return {"expirationTime": str(int(moment.timestamp() * 1000))}
    raise unknown_to_fake(f"the table option {name}")


def _create_schema(statement: exp.Create, session: Session) -> Outcome:
    _refuse_in_transaction(session)
    table = statement.this
    project, name = table.catalog or table.db or session.tables.project, table.name
    if not table.name:
        project, name = table.catalog or session.tables.project, table.db
    outcome = Outcome("CREATE_SCHEMA", ddl="CREATE")
    if not session.dry_run:
        try:
            session.catalogue.create_dataset(
                project, {"datasetReference": {"datasetId": name}, "location": session.tables.location}
            )
        except ApiError as error:
            if error.code != 409 or not statement.args.get("exists"):
                raise
            outcome.ddl = "SKIP"
    return outcome


def _drop(statement: exp.Drop, session: Session) -> Outcome:
    target = statements.target_of(statement)
    outcome = Outcome(f"DROP_{statement.kind}", ddl="DROP")
    if statement.kind == "TABLE" and session.tables.is_temporary(target):
        session.run(f"DROP TABLE temp.main.{quoted(target.name.lower())}")
        del session.tables.temporary[target.name.lower()]
        return outcome
    _refuse_in_transaction(session)
    if session.dry_run:
        return outcome
    try:
        if statement.kind == "SCHEMA":
            name = target.name or target.db
            session.catalogue.delete_dataset(
                target.catalog or session.tables.project, name, delete_contents=bool(statement.args.get("cascade"))
            )
        else:
            outcome.table = session.tables.key(target)
            present = session.catalogue.raw_table(outcome.table)
            if present is not None and present["type"] != statement.kind:
                raise invalid_query(
                    f"Cannot drop {shown(outcome.table)} which has type {present['type']} with DROP {statement.kind}"
                )
            session.catalogue.drop_table(outcome.table)
    except ApiError as error:
        if error.code != 404 or not statement.args.get("exists"):
            raise
        outcome.ddl = "SKIP"
    return outcome


def _alter(statement: exp.Alter, session: Session) -> Outcome:
    """ADD COLUMN, DROP COLUMN, ALTER COLUMN … DROP NOT NULL and SET OPTIONS of a table."""
    _refuse_in_transaction(session)
    key: Key = session.tables.key(statements.target_of(statement))
    session.tables.existing(key)
    outcome = Outcome("ALTER_TABLE", table=key, ddl="ALTER")
    if session.dry_run:
        return outcome
    for action in statement.args["actions"]:
        fields = session.catalogue.fields(key)
        if isinstance(action, exp.ColumnDef):
            if any(field["name"].lower() == action.name.lower() for field in fields):
                if action.args.get("exists"):
                    continue
                raise invalid_query(f"Column already exists: {action.name}")
            session.catalogue.patch_table(key, {"schema": {"fields": [*fields, field_of_column(action)]}})
        elif isinstance(action, exp.AlterSet):
            for option in action.find_all(exp.Property):
                session.catalogue.patch_table(key, table_option(option))
        else:
            raise unknown_to_fake(f"ALTER TABLE {action.sql(dialect='bigquery')}")
    return outcome
