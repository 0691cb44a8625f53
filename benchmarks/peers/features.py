"""The features that every shop has, as one would write them by hand in polars and in pandas, over the same lines.

Both read a Parquet file of order lines, and give one row per customer with the columns of `customer_features`; `summed` is what the
benchmark holds them against each other by. Money is in pence, in whole numbers, so that no engine's rounding shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

TOP = 5
_DAY = 86_400


def with_polars(path: Path, cut_off: datetime) -> dict[str, float]:
    """The sums of all features, lazily, as polars is meant to be used."""
    import polars as pl

    lines = pl.scan_parquet(path).filter(pl.col("customer_id").is_not_null() & (pl.col("ordered_at_local") < cut_off))
    sales = lines.filter(pl.col("line_kind") == "sale")
    orders = sales.group_by("customer_id", "order_id").agg(
        pl.col("pence").sum().alias("value"),
        pl.len().alias("lines"),
        pl.col("units").sum().alias("units"),
        pl.col("ordered_at_local").min().alias("first"),
        pl.col("ordered_at_local").max().alias("last"),
    )
    totals = orders.group_by("customer_id").agg(
        pl.col("first").min(),
        pl.col("last").max(),
        pl.col("first").max().alias("last_order"),
        pl.len().alias("order_count"),
        pl.col("lines").sum().alias("line_count"),
        pl.col("units").sum().alias("unit_count"),
        pl.col("value").sum().alias("gross"),
        pl.col("value").median().alias("median"),
    )
    products = sales.group_by("customer_id").agg(pl.col("product_id").n_unique().alias("distinct_products"))
    back = (
        lines.filter(pl.col("line_kind").is_in(["return", "cancellation"]))
        .group_by("customer_id")
        .agg((-pl.col("pence")).sum().alias("back"))
    )
    top = (
        sales.group_by("category")
        .agg(pl.col("pence").sum())
        .sort(["pence", "category"], descending=[True, False])
        .head(TOP)
        .with_row_index("rank", offset=1)
        .select("category", pl.col("rank").cast(pl.Int64))
    )
    ranked = sales.join(top, on="category")
    spent = ranked.group_by("customer_id").agg(
        *[pl.col("pence").filter(pl.col("rank") == rank).sum().alias(f"spent_{rank}") for rank in range(1, TOP + 1)]
    )
    joined = totals
    for part in (products, back, spent):
        joined = joined.join(part, on="customer_id", how="left")
    end = pl.lit(cut_off)
    seconds = (end - pl.col("last")).dt.total_seconds(), (end - pl.col("first")).dt.total_seconds()
    gross, returned = pl.col("gross") / 100, pl.col("back").fill_null(0) / 100
    between = (pl.col("last_order") - pl.col("first")).dt.total_seconds() / _DAY
    features = joined.select(
        "customer_id",
        (seconds[0] // _DAY).alias("recency_days"),
        (seconds[1] // _DAY).alias("tenure_days"),
        "order_count",
        "line_count",
        "unit_count",
        "distinct_products",
        gross.alias("gross_spend"),
        (gross - returned).alias("net_spend"),
        (gross / pl.col("order_count")).alias("average_order_value"),
        (pl.col("median") / 100).alias("median_order_value"),
        pl.when(pl.col("order_count") > 1)
        .then(between / (pl.col("order_count") - 1))
        .alias("mean_days_between_orders"),
        pl.when(gross > 0).then(returned / gross).otherwise(0.0).alias("return_rate"),
        *[
            pl.when(gross > 0)
            .then(pl.col(f"spent_{rank}").fill_null(0) / 100 / gross)
            .otherwise(0.0)
            .alias(f"category_share_{rank}")
            for rank in range(1, TOP + 1)
        ],
    ).collect()
    return summed({name: features[name].sum() for name in features.columns if name != "customer_id"}, features.height)


def with_pandas(path: Path, cut_off: datetime) -> dict[str, float]:
    """The sums of all features."""
    import pandas as pd

    lines = pd.read_parquet(path)
    lines = lines[lines["customer_id"].notna() & (lines["ordered_at_local"] < cut_off)]
    sales = lines[lines["line_kind"] == "sale"]
    orders = sales.groupby(["customer_id", "order_id"], sort=False).agg(
        value=("pence", "sum"),
        lines=("pence", "size"),
        units=("units", "sum"),
        first=("ordered_at_local", "min"),
        last=("ordered_at_local", "max"),
    )
    features = orders.groupby("customer_id", sort=False).agg(
        first=("first", "min"),
        last=("last", "max"),
        last_order=("first", "max"),
        order_count=("value", "size"),
        line_count=("lines", "sum"),
        unit_count=("units", "sum"),
        gross=("value", "sum"),
        median=("value", "median"),
    )
    features["distinct_products"] = sales.groupby("customer_id", sort=False)["product_id"].nunique()
    back = lines[lines["line_kind"].isin(["return", "cancellation"])]
    features["returned"] = -back.groupby("customer_id", sort=False)["pence"].sum() / 100
    features["returned"] = features["returned"].fillna(0.0)
    features["gross_spend"] = features["gross"] / 100
    features["recency_days"] = (cut_off - features["last"]).dt.days
    features["tenure_days"] = (cut_off - features["first"]).dt.days
    features["net_spend"] = features["gross_spend"] - features["returned"]
    features["average_order_value"] = features["gross_spend"] / features["order_count"]
    features["median_order_value"] = features["median"] / 100
    between = (features["last_order"] - features["first"]).dt.total_seconds() / _DAY
    features["mean_days_between_orders"] = (between / (features["order_count"] - 1)).where(features["order_count"] > 1)
    sold = features["gross_spend"].where(features["gross_spend"] > 0)
    features["return_rate"] = (features["returned"] / sold).fillna(0.0)
    by_category = sales.groupby("category")["pence"].sum().reset_index()
    top = by_category.sort_values(["pence", "category"], ascending=[False, True])["category"].head(TOP)
    for rank, category in enumerate(top, start=1):
        spent = sales[sales["category"] == category].groupby("customer_id", sort=False)["pence"].sum() / 100
        features[f"category_share_{rank}"] = (spent.reindex(features.index).fillna(0.0) / sold).fillna(0.0)
    dropped = ["first", "last", "last_order", "gross", "median", "returned"]
    return summed(features.drop(columns=dropped).sum().to_dict(), len(features))


def summed(sums: Mapping[str, Any], customers: int) -> dict[str, float]:
    """What features come to: their sums and the number of customers, in the order of their names."""
    found = {name: float(value) for name, value in sums.items() if value is not None}
    return {"customers": float(customers), **dict(sorted(found.items()))}
