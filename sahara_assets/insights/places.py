"""What is said of when, where and in what sales happen: parts of the day, places, countries and channels, categories, groups, brands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from sahara_assets.insights.products import described
from sahara_assets.insights.slices import SLICE, cube, rank_over, rolled_up, total_over, with_all_buyers
from sahara_assets.tables.insights import NONE, NOT_STATED
from sahara_assets.tables.sales import PRODUCTS
from sahara_assets.warehouse.expressions import ratio

if TYPE_CHECKING:
    from sahara_assets.insights.slices import Scope

PLACE_KINDS = {"place": "place_id", "country": "country", "channel": "channel"}
CATEGORY_KINDS = {"category": "category", "product_group": "product_group", "brand": "brand"}


def sales_by_part_of_day(scope: Scope) -> ibis.Table:
    """What was sold in each part of the day."""
    cells = rolled_up(scope, cube(scope.sales, ["part_of_day"]), ["part_of_day"])
    positions = [(cells.part_of_day == name, place) for place, (name, _) in enumerate(_parts(scope), start=1)]
    return cells.select(
        *SLICE,
        "part_of_day",
        "line_count",
        "unit_count",
        "order_count",
        position=ibis.cases(*positions, else_=0),
        gross_spend=scope.spend(cells.gross_spend),
        line_share=ratio(cells.line_count, total_over(cells, "line_count", SLICE)),
        spend_share=scope.spend_share(cells.gross_spend, total_over(cells, "gross_spend", SLICE)),
    )


def _parts(scope: Scope) -> tuple[tuple[str, int], ...]:
    return scope.settings.parts_of_day.parts


def sales_by_place(scope: Scope) -> ibis.Table:
    """What was sold at each place, in each country and through each channel, as far as lines state them."""
    kinds = _stated(scope, PLACE_KINDS) or {"place": "place_id"}
    parts = [
        _ranked(scope, scope.sales, "place_kind", kind, "place", column, NOT_STATED) for kind, column in kinds.items()
    ]
    return _none_where(ibis.union(*parts) if len(parts) > 1 else parts[0], nothing=not _stated(scope, PLACE_KINDS))


def sales_by_category(scope: Scope) -> ibis.Table:
    """What was sold of each category, group and brand, as far as products have them."""
    brands = scope.warehouse.table(PRODUCTS).select("product_id", "brand")
    goods = scope.goods
    kinds = _stated(scope, CATEGORY_KINDS) or {"category": "category"}
    parts = []
    for kind, column in kinds.items():
        lines = goods.left_join(brands, "product_id").drop("product_id_right") if column == "brand" else goods
        parts.append(_ranked(scope, lines, "category_kind", kind, "category", column, NONE))
    return _none_where(ibis.union(*parts) if len(parts) > 1 else parts[0], nothing=not _stated(scope, CATEGORY_KINDS))


def place_products(scope: Scope) -> ibis.Table:
    """Which products sell most where."""
    kinds = _stated(scope, PLACE_KINDS) or {"place": "place_id"}
    parts = [_ranked_products(scope, kind, column) for kind, column in kinds.items()]
    return _none_where(ibis.union(*parts) if len(parts) > 1 else parts[0], nothing=not _stated(scope, PLACE_KINDS))


def _stated(scope: Scope, kinds: dict[str, str]) -> dict[str, str]:
    return {kind: column for kind, column in kinds.items() if column in scope.known}


def _none_where(rows: ibis.Table, *, nothing: bool) -> ibis.Table:
    """No rows where nothing is stated: a table of `(not stated)` alone would say nothing."""
    return rows.limit(0) if nothing else rows


def _named(lines: ibis.Table, column: str, name: str, nothing: str) -> ibis.Table:
    """Lines with a column filled and named alike for every kind."""
    return lines.mutate(**{name: lines[column].coalesce(nothing)})


def _ranked(
    scope: Scope, lines: ibis.Table, kind_name: str, kind: str, name: str, column: str, nothing: str
) -> ibis.Table:
    cells = rolled_up(scope, cube(_named(lines, column, name, nothing), [name]), [name])
    ranked = cells.mutate(
        all_lines=total_over(cells, "line_count", SLICE),
        all_spend=total_over(cells, "gross_spend", SLICE),
        rank_by_lines=rank_over(cells, "line_count", SLICE, [name]),
        rank_by_spend=rank_over(cells, "gross_spend", SLICE, [name]),
    )
    best = ranked.rank_by_lines <= scope.kept_rows
    rows = ranked.filter(best | (ranked.rank_by_spend <= scope.kept_rows) if scope.has_money else best)
    return rows.select(
        *SLICE,
        name,
        "line_count",
        "unit_count",
        "order_count",
        "rank_by_lines",
        **{kind_name: ibis.literal(kind)},
        gross_spend=scope.spend(rows.gross_spend),
        line_share=ratio(rows.line_count, rows.all_lines),
        spend_share=scope.spend_share(rows.gross_spend, rows.all_spend),
        rank_by_spend=scope.spend_rank(rows.rank_by_spend),
    )


def _ranked_products(scope: Scope, kind: str, column: str) -> ibis.Table:
    by = ["place", "product_id"]
    cells = with_all_buyers(scope, cube(_named(scope.goods, column, "place", NOT_STATED), by, months=False), by)
    ranked = cells.mutate(rank_by_lines=rank_over(cells, "line_count", ["buyers"], by))
    rows = described(scope, ranked.filter(ranked.rank_by_lines <= scope.kept_rows))
    return rows.select(
        "buyers",
        "place",
        "product_id",
        "description",
        "line_count",
        "unit_count",
        "order_count",
        "rank_by_lines",
        place_kind=ibis.literal(kind),
        gross_spend=scope.spend(rows.gross_spend),
    )
