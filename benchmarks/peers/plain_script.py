"""What an analyst would write by hand: Online Retail's files → segments and an audience file, in pandas and scikit-learn.

The same steps as `sahara run` without what makes one sleep: nothing is remembered, checked or explained, every run reads everything, and a
file that is delivered twice counts twice. `python -m benchmarks.peers.plain_script FILES FOLDER` prints what its features come to.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import davies_bouldin_score, silhouette_score
from sklearn.preprocessing import StandardScaler

KS = range(3, 16)
MODEL = ["recency_days", "order_count", "gross_spend"]


def main(files: Path, folder: Path) -> None:
    """Read, derive, sweep, choose, describe, export."""
    texts = {"InvoiceNo": "str", "StockCode": "str", "Description": "str", "CustomerID": "str", "Country": "str"}
    lines = pd.concat([pd.read_csv(path, dtype=texts) for path in sorted(files.glob("*.csv"))], ignore_index=True)
    lines.columns = [
        "order_id",
        "product_id",
        "description",
        "quantity",
        "ordered_at",
        "unit_price",
        "customer_id",
        "country",
    ]
    lines["ordered_at"] = pd.to_datetime(lines["ordered_at"])
    lines["customer_id"] = lines["customer_id"].str.removesuffix(".0")
    lines["line_total"] = lines["quantity"] * lines["unit_price"]
    is_back = lines["order_id"].str.startswith("C") | (lines["quantity"] < 0)
    sales = lines[~is_back & ~lines["order_id"].str.startswith("A") & (lines["unit_price"] > 0)]

    orders = lines.groupby("order_id").agg(
        customer_id=("customer_id", "first"),
        ordered_at=("ordered_at", "min"),
        lines=("product_id", "size"),
        total=("line_total", "sum"),
    )
    products = sales.groupby("product_id").agg(
        description=("description", "last"),
        units=("quantity", "sum"),
        spend=("line_total", "sum"),
        sold_in=("order_id", "nunique"),
    )
    known = sales[sales["customer_id"].notna()].copy()
    features = customer_features(known, lines[is_back & lines["customer_id"].notna()])

    points = StandardScaler().fit_transform(np.log1p(features[MODEL].clip(lower=0)))
    best, labels = -1.0, np.zeros(len(points), dtype=int)
    measures = []
    for k in KS:
        model = KMeans(k, n_init=10, random_state=0).fit(points)
        silhouette = float(silhouette_score(points, model.labels_))
        measures.append(
            {
                "k": k,
                "inertia": model.inertia_,
                "silhouette": silhouette,
                "davies_bouldin": davies_bouldin_score(points, model.labels_),
            }
        )
        if silhouette > best:
            best, labels = silhouette, model.labels_

    features["segment"] = labels
    profiles = features.select_dtypes("number").groupby("segment").agg(["median", "mean", "size"])
    names = {
        segment: f"Segment {place}"
        for place, segment in enumerate(features.groupby("segment")["gross_spend"].mean().sort_values().index[::-1], 1)
    }
    features["segment_name"] = features["segment"].map(names)
    features[["segment_name"]].to_csv(folder / "audience.csv")
    features.to_parquet(folder / "features.parquet")
    orders.to_parquet(folder / "orders.parquet")
    products.to_parquet(folder / "products.parquet")
    pd.DataFrame(measures).to_csv(folder / "sweep.csv", index=False)
    profiles.to_csv(folder / "profiles.csv")
    print(
        json.dumps([len(features), int(features["order_count"].sum()), round(float(features["gross_spend"].sum()), 4)])
    )


def customer_features(known: pd.DataFrame, back: pd.DataFrame) -> pd.DataFrame:
    """One row a customer, measured as Sahara's default features measure."""
    cut_off = known["ordered_at"].max().normalize() + pd.Timedelta(days=1)
    day = known["ordered_at"].dt.normalize()
    known = known.assign(
        day=day,
        weekend=day.dt.dayofweek >= 5,
        part=pd.cut(known["ordered_at"].dt.hour, [-1, 5, 11, 17, 23], labels=False),
    )
    by = known.groupby("customer_id")
    features = by.agg(
        line_count=("product_id", "size"), order_count=("order_id", "nunique"), gross_spend=("line_total", "sum"), unit_count=("quantity", "sum"),
        distinct_products=("product_id", "nunique"), first_day=("day", "min"), last_day=("day", "max"), country=("country", "last"),
    )  # fmt: skip
    features["recency_days"] = (cut_off - features.pop("last_day")).dt.days
    features["tenure_days"] = (cut_off - features.pop("first_day")).dt.days
    features["average_order_value"] = features["gross_spend"] / features["order_count"]
    per_order = known.groupby(["customer_id", "order_id"]).agg(
        total=("line_total", "sum"),
        at=("ordered_at", "min"),
        units=("quantity", "sum"),
        part=("part", "first"),
        weekend=("weekend", "first"),
    )
    features["median_order_value"] = per_order.groupby("customer_id")["total"].median()
    per_order = per_order.sort_values(["customer_id", "at"])
    gaps = per_order.groupby("customer_id")["at"].diff().dt.total_seconds() / 86_400
    features["mean_gap_days"] = gaps.groupby("customer_id").mean()
    features["weekend_share"] = per_order.groupby("customer_id")["weekend"].mean()
    for part in range(4):
        features[f"part_{part}_share"] = (per_order["part"] == part).groupby("customer_id").mean()
    returned = back.groupby("customer_id").agg(
        returned_value=("line_total", "sum"), returned_lines=("product_id", "size")
    )
    features = features.join(returned).fillna({"returned_value": 0.0, "returned_lines": 0})
    features["net_spend"] = features["gross_spend"] + features["returned_value"]
    return features


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
