"""`sahara features`: what customers are measured by, now or as it was at a past moment."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path  # noqa: TC003 - Click's annotations are read by people
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from sahara_assets import console
from sahara_assets.commands.options import common_options, json_option, settings_of
from sahara_assets.errors import SaharaError
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.features.feature_set import FeatureSet
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Row


@click.command(short_help="What customers are measured by, now or at a past moment.")
@click.argument("customer", required=False)
@click.option("--as-of", "as_of", metavar="MOMENT", help="As it was at a local moment, such as 2011-09-01.")
@click.option("--known", is_flag=True, help="With --as-of: count only files that had been written by then.")
@json_option
@common_options
def features(customer: str | None, as_of: str | None, known: bool, as_json: bool, config: Path | None) -> None:
    """Show one customer's features, or how many customers have each.

    Without --as-of they are looked up where the last run left them. With it they are computed from what had happened by then and nothing
    that came later; see docs/features.md for what that means for files that were replaced.
    """
    from sahara_assets.features.feature_set import feature_set
    from sahara_assets.running import reading

    settings = settings_of(config)
    if known and as_of is None:
        raise SaharaError("--known says what counts at a past moment; name it with --as-of, such as --as-of 2011-09-01")
    moment = None if as_of is None else _moment(as_of)
    with reading(settings) as warehouse:
        declared = feature_set(settings)
        if moment is None:
            found = _looked_up(warehouse, declared, customer)
        else:
            found = _at(warehouse, settings, moment, known=known, customer=customer)
    rows = found.pop("customers")
    if customer is not None and not rows:
        raise SaharaError(
            f"{customer}: no such customer is measured{f' as of {moment:%Y-%m-%d %H:%M}' if moment else ''}; ids are compared exactly"
        )
    if as_json:
        console.as_json({**found, "customers": rows})
        return
    _show(declared, settings, rows, found, customer)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SaharaError(f"--as-of: {text!r} is not a date or time such as 2011-09-01 or 2011-09-01T06:00") from error
    if moment.tzinfo is not None:
        raise SaharaError("--as-of is local to project.time_zone; leave the offset out")
    return moment


def _looked_up(warehouse: Any, declared: FeatureSet, customer: str | None) -> dict[str, Any]:  # noqa: ANN401 - a warehouse
    table = warehouse.table(declared.online_table)
    if customer is not None:
        table = table.filter(table.customer_id == customer)
    rows = warehouse.rows(table.order_by("customer_id"))
    stamps = {name: {row.pop(name) for row in rows} for name in ("cut_off", "computed_at")}
    return {name: next(iter(seen), None) for name, seen in stamps.items()} | {"customers": rows}


def _at(
    warehouse: Any,  # noqa: ANN401 - a warehouse
    settings: Settings,
    moment: datetime,
    *,
    known: bool,
    customer: str | None,
) -> dict[str, Any]:
    from sahara_assets.features.past import features_as_of

    past = features_as_of(warehouse, settings, moment, known=known, customer_id=customer)
    return {
        "as_of": past.moment,
        "known": past.known,
        "replaced_since": past.lost,
        "categories": past.categories,
        "customers": past.rows,
    }


def _show(
    declared: FeatureSet, settings: Settings, rows: Sequence[Row], found: dict[str, Any], customer: str | None
) -> None:
    currency = settings.project.currency
    if customer is not None:
        lines = [
            {"feature": name, "value": _value(rows[0][name], feature.unit, currency), "meaning": feature.label}
            for name, feature in declared.by_name.items()
        ]
        console.table(lines, {"feature": "feature", "value": "value", "meaning": "meaning"}, optional=["meaning"])
    else:
        lines = []
        for name, feature in declared.by_name.items():
            values = [row[name] for row in rows if row[name] is not None]
            middle = None if feature.is_category or not values else _value(median(values), feature.unit, currency)
            lines.append({"feature": name, "known": f"{len(values):,}", "median": middle, "meaning": feature.label})
        columns = {"feature": "feature", "known": "customers with it", "median": "median", "meaning": "meaning"}
        console.table(lines, columns, optional=["meaning"])
    console.say()
    if "as_of" in found:
        console.paragraph(
            f"{counted(len(rows), 'customer')} as of {found['as_of']:%Y-%m-%d %H:%M}, from "
            + ("files written by then" if found["known"] else "what had happened by then")
        )
        if found["replaced_since"]:
            console.paragraph(
                f"{counted(found['replaced_since'], 'file')} written by then {'has' if found['replaced_since'] == 1 else 'have'} been "
                "replaced or forgotten since: what only they said is not in this answer"
            )
    elif rows:
        computed = f"{found['computed_at']:%Y-%m-%d %H:%M} UTC"
        console.paragraph(
            f"{counted(len(rows), 'customer')}, cut-off {found['cut_off']:%Y-%m-%d %H:%M}, computed {computed}"
        )


def _value(value: Any, unit: str, currency: str) -> str | None:  # noqa: ANN401 - any kind of value
    from sahara_assets.report.wording import in_unit

    if value is None or isinstance(value, str):
        return value
    # As many decimals of a double as a profile keeps of it: the same median is the same text in `sahara segments`.
    return in_unit(round(value, 4) if isinstance(value, float) else value, unit, currency)
