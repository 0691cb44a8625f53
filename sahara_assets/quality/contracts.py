"""The contract of every derived table: its declared key is unique and what may not be null is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.features.feature_set import table_of
from sahara_assets.quality.questions import Answer, Question
from sahara_assets.tables.analytics import PRODUCT_EVENTS, SESSIONS
from sahara_assets.tables.features import CUSTOMER_FEATURES, CUSTOMER_FEATURES_ONLINE
from sahara_assets.tables.prediction import PREDICTED_SEGMENTS, REPEAT_BUYER_SCORES
from sahara_assets.tables.recommendations import (
    BOUGHT_TOGETHER,
    POPULAR_PRODUCTS,
    PRODUCT_AUDIENCES,
    PRODUCT_RECOMMENDATIONS,
)
from sahara_assets.tables.sales import CUSTOMERS, ORDERS, PRODUCTS, PURCHASES
from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS, SEGMENT_PROFILES
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sahara_assets.settings.document import Settings
    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Warehouse


def _contract(declared: Table) -> Callable[[Warehouse, Settings], Answer]:
    """The declared key is unique and the columns that may not be null are not."""

    def ask(warehouse: Warehouse, settings: Settings) -> Answer:
        table = table_of(declared, settings)
        rows = warehouse.table(table)
        total = warehouse.count(table)
        if not total:
            return True, "0 rows", {"row_count": 0}
        required = [column.name for column in table.columns if not column.nullable]
        nulls = warehouse.rows(rows.aggregate(**{name: rows[name].isnull().ifelse(1, 0).sum() for name in required}))[0]
        faults = [f"{name} is null in {counted(count, 'row')}" for name, count in nulls.items() if count]
        keys = rows.select(*table.key).distinct()
        different = warehouse.how_many(keys)
        if different != total:
            faults.append(f"{', '.join(table.key)} repeats in {counted(total - different, 'row')}")
        if faults:
            return (
                False,
                f"{'; '.join(faults)}; `sahara run` builds it anew once its inputs are right",
                {"row_count": total},
            )
        return True, f"{counted(total, 'row')}, {', '.join(table.key)} unique, nothing missing", {"row_count": total}

    return ask


def _contracts() -> Iterator[Question]:
    for table in (
        SESSIONS,
        PRODUCT_EVENTS,
        PURCHASES,
        ORDERS,
        PRODUCTS,
        CUSTOMERS,
        CUSTOMER_FEATURES,
        CUSTOMER_FEATURES_ONLINE,
        CUSTOMER_SEGMENTS,
        SEGMENT_PROFILES,
        REPEAT_BUYER_SCORES,
        PREDICTED_SEGMENTS,
        BOUGHT_TOGETHER,
        POPULAR_PRODUCTS,
        PRODUCT_RECOMMENDATIONS,
        PRODUCT_AUDIENCES,
    ):
        yield Question(
            f"{table.name}_contract",
            table.name,
            f"{', '.join(table.key)} is unique and no required column of {table.name} is null.",
            blocking=True,
            ask=_contract(table),
        )


QUESTIONS: tuple[Question, ...] = tuple(_contracts())
"""One for each derived table."""
