"""Writes `docs/configuration.md` from the settings model, so that no key is documented anywhere but where it is declared.

python -m sahara_assets.settings.reference > docs/configuration.md
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from sahara_assets.features.declarations import FEATURES
from sahara_assets.features.declared import on_offer
from sahara_assets.settings.attributes import AttributeSettings
from sahara_assets.settings.dataset import DatasetSettings
from sahara_assets.settings.document import Settings
from sahara_assets.settings.environment import environment_variables
from sahara_assets.settings.extracts import ExtractSettings
from sahara_assets.settings.measuring import PreprocessingSettings, TreatmentSettings
from sahara_assets.settings.recommendations import ProductAudienceSettings, RecommendationSettings
from sahara_assets.tables.attributes import WELL_KNOWN
from sahara_assets.tables.datasets import DATASETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

    from sahara_assets.tables.datasets import Dataset

_INTRODUCTION = """\
# Configuration

<!-- Written by `python -m sahara_assets.settings.reference`; a test compares. Edit the descriptions in `sahara_assets/settings/sections.py`. -->

Everything is set in one `sahara.toml`. `sahara init FILE…` writes one for your own CSVs; without any the defaults hold, which run the
sample shop in `data/`. It is looked for under `--config`, else `$SAHARA_CONFIG`, else in the working folder. Paths in it start from
its own folder.

The file is checked as a whole: every problem is listed at once, an unknown key with the nearest known one. A quoted number is not
taken for a number.

Every key below but those of `[datasets]` and `[extracts]` can be overridden by an environment variable. There, lists are separated by commas, tables
are JSON, and an empty variable overrides nothing. Each has a twin with `_FILE` behind its name, which holds the path of a file with the
value, as containers and systemd hand over secrets: `SAHARA_WAREHOUSE_URL_FILE=/run/secrets/warehouse_url`. The two together are a
problem, and so is a file that is empty, larger than 64 KiB or not UTF-8; line ends behind the value do not count. Secrets belong into
the environment or such a file only: a warehouse URL with a password and a webhook's URL are refused in `sahara.toml`.

```toml
[project]
name = "Corner shop"
time_zone = "Europe/London"
currency = "GBP"

[drops]
folder = "drops"

[datasets.purchases]
patterns = ["sales-*.csv", "sales-*.csv.gz"]
date_formats = ["%d/%m/%Y %H:%M"]

[datasets.purchases.columns]
order_id = "InvoiceNo"
customer_id = "CustomerID"

[segmentation]
k = 5
```
"""


def render_reference() -> str:
    """The whole document."""
    variables = {place: variable for variable, place in environment_variables(Settings).items()}
    parts = [_INTRODUCTION]
    for section, field in Settings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            parts += [f"## `[{section}]`", _sentence(model), _table(model, section, variables)]
            if model is PreprocessingSettings:
                parts += [
                    "### `[preprocessing.features.NAME]`",
                    _sentence(TreatmentSettings),
                    _table(TreatmentSettings, None, {}),
                ]
            if model is RecommendationSettings:
                parts += [
                    "### `[recommendations.audiences.NAME]`",
                    _sentence(ProductAudienceSettings),
                    _table(ProductAudienceSettings, None, {}),
                ]
        elif section == "datasets":
            parts += [
                "## `[datasets.NAME]`",
                _about_datasets(),
                _table(DatasetSettings, None, {}),
                *_attributes(),
                *(part for dataset in DATASETS.values() for part in _columns(dataset)),
            ]
        elif section == "extracts":
            parts += ["## `[extracts.NAME]`", _sentence(ExtractSettings), _table(ExtractSettings, None, {})]
    parts += ["## Features for `features.model`", _features()]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _about_datasets() -> str:
    names = ", ".join(f"`{name}`" for name in DATASETS)
    return (
        f"{_sentence(DatasetSettings)} NAME is one of {names}. Where there is no `[datasets…]` at all, each has its usual patterns; "
        "else only those that are named are read, and `purchases` must be."
    )


def _sentence(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip()


def _table(model: type[BaseModel], section: str | None, variables: dict[tuple[str, str], str]) -> str:
    head = ["key", "type", "default", "meaning", *(["environment"] if section else [])]
    rows = [
        [
            f"`{key}`",
            _type(field),
            _default(model, key, field),
            field.description or "",
            *([f"`{variables[section, key]}`"] if section else []),
        ]
        for key, field in model.model_fields.items()
    ]
    return _markdown(head, rows)


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _type(field: FieldInfo) -> str:
    words = _word(field.annotation)
    low = next((f"from {m.ge:g}" for m in field.metadata if getattr(m, "ge", None) is not None), "")
    low = low or next((f"above {m.gt:g}" for m in field.metadata if getattr(m, "gt", None) is not None), "")
    high = next((f"to {m.le:g}" for m in field.metadata if getattr(m, "le", None) is not None), "")
    return ", ".join(part for part in (words, f"{low} {high}".strip()) if part)


def _word(annotation: Any) -> str:  # noqa: ANN401 - a type
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{json.dumps(value)}`" for value in arguments)
    if origin in {Union, UnionType}:
        return " or ".join(_word(argument) for argument in arguments if argument is not NoneType)
    if origin is list:
        return "list of text" if arguments[0] is str else f"list of {_word(arguments[0])}"
    if origin is dict:
        return f"table of {'lists' if get_origin(arguments[1]) is list else _word(arguments[1]) + 's'}"
    if hasattr(annotation, "__metadata__"):
        return _word(arguments[0])
    words = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return words.get(annotation, "table")


def _default(model: type[BaseModel], key: str, field: FieldInfo) -> str:
    if field.default is PydanticUndefined and field.default_factory is None:
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "not set"
    if model is DatasetSettings and key == "patterns":
        value = [pattern.replace("purchases", "NAME") for pattern in Settings().datasets["purchases"].patterns]
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _columns(dataset: Dataset) -> Iterator[str]:
    yield f"### Columns of `{dataset.name}`"
    yield dataset.description
    rows = []
    for column in dataset.columns:
        needed = (
            "in every row"
            if column.name in dataset.required
            else "header only"
            if column.name in dataset.expected
            else ""
        )
        rows.append([f"`{column.name}`", column.kind.value, needed, column.description])
    yield _markdown(["column", "type", "required", "meaning"], rows)
    if dataset.stand_ins:
        listed = "; ".join(f'`{name} = ""`: {what}' for name, what in dataset.stand_ins.items())
        yield f"Files that have none of these columns are declared so: {listed}."


def _attributes() -> Iterator[str]:
    yield "### Attributes"
    yield (
        "What the files of `customers`, `accounts` and `sign_ups` say of a customer beside their own columns. A well-known name needs nothing "
        "but the header's name; any other is declared in full. A value that does not fit its kind rejects the row with the reason, as in "
        "every column. Where several files say something of a customer, the customer's own row goes before its account's, and that before "
        "the sign-up's. Every attribute becomes a feature: see `docs/features.md`."
    )
    yield (
        '```toml\n[datasets.customers.attributes]\nbirth_year = "Year_Birth"\nhousehold_income = "Income"\n'
        'spend_on_wine = "MntWines"\nshoe_size = { column = "Shoe", kind = "number", label = "shoe size" }\n```'
    )
    yield _table(AttributeSettings, None, {})
    yield "Well-known names, beside `spend_on_WHAT` (money), `CHANNEL_purchases` (orders) and `accepted_campaign_WHICH` (flag):"
    rows = [[f"`{one.name}`", one.kind.value, one.unit, one.description] for one in WELL_KNOWN]
    yield _markdown(["attribute", "kind", "unit", "meaning"], rows)


def _features() -> str:
    rows = [[f"`{f.name}`", f.unit or "category", f.description] for f in FEATURES]
    offered = [one.feature for one in on_offer(Settings())]
    rows += [[f"`{f.name}`", f.unit, f"{f.description} Computed where `model` or `also` names it."] for f in offered]
    rows.append(["`NAME_lines`", "lines", "Sale lines of a category, as `features.category_lines` declares it."])
    rows.append(["attributes", "", "Every declared attribute: see `docs/features.md`."])
    return _markdown(["feature", "unit", "meaning"], rows)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(render_reference(), encoding="utf-8")
    else:
        sys.stdout.write(render_reference())
