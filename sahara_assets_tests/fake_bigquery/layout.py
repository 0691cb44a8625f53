"""How a table may be partitioned and clustered; the table itself is `catalogue`'s."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sahara_assets_tests.fake_bigquery.errors import invalid

if TYPE_CHECKING:
    from sahara_assets_tests.fake_bigquery.schema import Field


def partitioning(asked: dict[str, Any], fields: list[Field]) -> dict[str, Any]:
    """Time-unit partitioning by a top-level DATE, DATETIME or TIMESTAMP column; without a column, by ingestion time.

    "Introduction to partitioned tables", https://cloud.google.com/bigquery/docs/partitioned-tables.
    """
    kind = asked.get("type")
    if kind not in {"DAY", "HOUR", "MONTH", "YEAR"}:
        raise invalid(f"Invalid value for type: {kind} is not a valid value")
    if asked.get("field"):
        found = [field for field in fields if field["name"].lower() == asked["field"].lower()]
        if not found:
            raise invalid(f"The field specified for partitioning cannot be found in the schema: {asked['field']}")
        if found[0]["type"] not in {"DATE", "DATETIME", "TIMESTAMP"} or found[0]["mode"] == "REPEATED":
            raise invalid(
                "The field specified for time partitioning can only be of type TIMESTAMP, DATE or DATETIME. "
                f"The type found is: {found[0]['type']}."
            )
        if kind == "HOUR" and found[0]["type"] == "DATE":
            raise invalid("HOUR partitioning cannot be used with a column of type DATE")
    return {name: asked[name] for name in ("type", "field", "expirationMs") if asked.get(name)}


def check_clustering(names: list[str], fields: list[Field]) -> None:
    """Up to four top-level columns of a type that can be clustered by.

    "Introduction to clustered tables", https://cloud.google.com/bigquery/docs/clustered-tables: BIGNUMERIC, BOOL, DATE, DATETIME,
    GEOGRAPHY, INT64, NUMERIC, RANGE, STRING, TIMESTAMP.
    """
    if len(names) > 4:
        raise invalid("Too many clustering columns: at most 4 are allowed")
    for name in names:
        found = [field for field in fields if field["name"].lower() == name.lower()]
        if not found:
            raise invalid(f"The field specified for clustering cannot be found in the schema: {name}")
        if found[0]["type"] in {"FLOAT", "BYTES", "JSON", "RECORD", "TIME"} or found[0]["mode"] == "REPEATED":
            raise invalid(f"Clustering is not supported on column {name} of type {found[0]['type']}")
