"""What `[extracts.NAME]` may say: which database a dataset is read from, and by what its new rows are told.

What is asked of the database lives in `extracts/`; where secrets come from is said at `addresses_of`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, field_validator, model_validator

from sahara_assets.settings.base import Section
from sahara_assets.settings.environment import FILE_SUFFIX, content_of
from sahara_assets.settings.unknown import unknown_key
from sahara_assets.tables.datasets import DATASETS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sahara_assets.settings.unknown import Place

FROM_ENVIRONMENT = "env:"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_SPAN = re.compile(r"(\d{1,6}) (second|minute|hour|day|week)s?")
_SECRET_OPTIONS = frozenset(
    {"password", "passwd", "pwd", "sslpassword", "authmechanismproperties", "token", "private_key"}
)

ExtractKind = Literal["sql", "mongo", "bigquery"]


def span_of(text: str) -> timedelta:
    """A span of time such as `15 minutes`.

    Raises:
        ValueError: it is none.

    >>> span_of("15 minutes"), span_of("1 day")
    (datetime.timedelta(seconds=900), datetime.timedelta(days=1))
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no span of time such as 15 minutes, 2 hours or 3 days")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


class ExtractSettings(Section):
    """A dataset that is read from a database, from the last watermark on. What is read lands as immutable files in `drops.extracts_folder`, and is taken in like drops."""

    dataset: str = Field(
        description="The dataset that it fills. Its `columns` and other reading settings hold for what is extracted too."
    )
    url: str = Field(
        repr=False,
        description="Where the database is: a SQLAlchemy URL such as `postgresql://HOST/DATABASE` or `sqlite:///shop.db` (relative to sahara.toml), `mongodb://HOST/DATABASE`, or `bigquery://PROJECT/DATASET?location=EU`. One with a password stands in a variable that is named here: `env:SHOP_DB_URL`; `SHOP_DB_URL_FILE` may name a file that holds it.",
    )
    table: str = Field(
        "",
        description="The table or view, such as `order_lines` or `shop.order_lines`; of BigQuery the day tables, such as `events_*`.",
    )
    query: str = Field("", description="A SELECT instead of a table, without a semicolon.")
    collection: str = Field("", description="The collection of a MongoDB.")
    watermark: str = Field(
        "",
        description="The column (or field) that only grows as rows are added or changed: a moment, a date, a number, or MongoDB's `_id`. Day tables need none.",
    )
    lookback: int | str = Field(
        description='How far below the newest watermark the next extract begins, so that rows which became visible late are read: a span such as `"15 minutes"`, longer than the longest transaction that writes; for a watermark that counts, a number. Of day tables, how old a day may be and still be asked whether it has changed.',
    )

    @property
    def kind(self) -> ExtractKind:
        """What kind of database it asks."""
        if self.collection:
            return "mongo"
        return "bigquery" if self.url.startswith("bigquery://") else "sql"

    @property
    def lookback_span(self) -> timedelta | None:
        """`lookback` where it is a span of time; None where it is a number."""
        return span_of(self.lookback) if isinstance(self.lookback, str) else None

    @field_validator("dataset")
    @classmethod
    def _known(cls, name: str) -> str:

        if name not in DATASETS:
            raise ValueError(unknown_key(name, list(DATASETS), noun="dataset"))
        return name

    @field_validator("url")
    @classmethod
    def _without_secrets(cls, url: str) -> str:
        # What is wrong is said without the URL, because it may hold a password.
        if url.startswith(FROM_ENVIRONMENT):
            variable = url.removeprefix(FROM_ENVIRONMENT)
            if not _VARIABLE.fullmatch(variable) or variable.startswith("SAHARA_"):
                raise ValueError(
                    "names no variable; write env:SHOP_DB_URL (names that begin with SAHARA_ are settings)"
                )
            return url
        try:
            parts = urlsplit(url)
            options = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
            secret = bool(parts.password) or bool(options & _SECRET_OPTIONS)
        except ValueError:
            raise ValueError("is no URL such as postgresql://HOST/DATABASE") from None
        if secret:
            raise ValueError('holds a secret; put the whole URL into a variable and name that: url = "env:SHOP_DB_URL"')
        if not parts.scheme or "://" not in url:
            raise ValueError(
                "is no URL such as postgresql://HOST/DATABASE, and names no variable such as env:SHOP_DB_URL"
            )
        return url

    @field_validator("lookback", mode="before")
    @classmethod
    def _span_or_number(cls, value: object) -> object:
        if isinstance(value, str):
            span_of(value)
            return value
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        raise ValueError(f'must be a span such as "15 minutes", or a number for a watermark that counts, not {value!r}')

    @field_validator("query")
    @classmethod
    def _one_statement(cls, query: str) -> str:
        if query.rstrip().endswith(";"):
            raise ValueError("ends with a semicolon; leave it out, the query becomes part of a larger one")
        return query.strip()

    @model_validator(mode="after")
    def _one_source(self) -> ExtractSettings:
        named = [name for name in ("table", "query", "collection") if getattr(self, name)]
        if len(named) != 1:
            found = f" (found {' and '.join(named)})" if named else ""
            raise ValueError(f"needs one of table, query and collection{found}")
        scheme = urlsplit(self.url).scheme
        if scheme.startswith("mongodb") and self.kind != "mongo":
            raise ValueError("a MongoDB has collections; set collection instead of table or query")
        if self.kind == "mongo" and scheme not in {"mongodb", "mongodb+srv", "env"}:
            raise ValueError("a collection needs a URL that begins with mongodb:// or mongodb+srv://")
        if self.kind == "bigquery":
            if not re.fullmatch(r"[A-Za-z0-9_]+_\*", self.table):
                raise ValueError("of BigQuery day tables are read; write them like events_* or ga_sessions_*")
            if self.watermark:
                raise ValueError("day tables are told apart by their day; leave watermark out")
            if self.lookback_span is None:
                raise ValueError('day tables need a lookback in time, such as "4 days"')
        elif not self.watermark:
            raise ValueError("needs a watermark: the column that only grows as rows are added or changed")
        return self


def extract_problems(document: Mapping[str, Any], datasets: Mapping[str, Any]) -> list[tuple[Place, str]]:
    """What is wrong between extracts and the datasets that they fill; values of a wrong type are left to the models."""
    problems: list[tuple[Place, str]] = []
    found = document.get("extracts")
    for name, extract in found.items() if isinstance(found, dict) else ():
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
            problems.append((("extracts",), f"{name!r} is no name of an extract; use lower-case letters, digits and _"))
        if not isinstance(extract, dict):
            continue
        dataset = extract.get("dataset")
        if not isinstance(dataset, str) or dataset not in DATASETS:
            continue
        reading = datasets.get(dataset)
        if reading is None:
            problems.append(
                (("extracts", name, "dataset"), f"there is no [datasets.{dataset}]; add it, if need be without a key")
            )
            continue
        if not isinstance(reading, dict):
            continue
        place = ("extracts", name)
        if extract.get("collection") and dataset == "purchases" and not reading.get("explode"):
            problems.append(
                (
                    place,
                    "documents of purchases must be whole orders, so that a changed one replaces what it said before: set explode under [datasets.purchases] to the list of its lines",
                )
            )
        if str(extract.get("url", "")).startswith("bigquery://") and reading.get("same_path") == "append":
            problems.append(
                (
                    place,
                    f"a day table that changed replaces what it said before; leave same_path out under [datasets.{dataset}]",
                )
            )
        if reading.get("format") in {"csv", "parquet"}:
            problems.append((place, f'extracts are JSON lines; set format = "auto" under [datasets.{dataset}]'))
    return problems


def addresses_of(
    document: Mapping[str, Any], environment: Mapping[str, str]
) -> tuple[dict[str, str], list[tuple[Place, str]]]:
    """The URLs that stand in variables, by the extract's name, and what is wrong with the files that variables name.

    A variable that is not set is no problem here: who lists drops or writes the report needs no way into the shop's database.
    """
    found: dict[str, str] = {}
    problems: list[tuple[Place, str]] = []
    extracts = document.get("extracts")
    for name, extract in extracts.items() if isinstance(extracts, dict) else ():
        url = extract.get("url") if isinstance(extract, dict) else None
        if not isinstance(url, str) or not url.startswith(FROM_ENVIRONMENT):
            continue
        variable = url.removeprefix(FROM_ENVIRONMENT)
        if environment.get(variable):
            found[name] = environment[variable]
        elif path := environment.get(f"{variable}{FILE_SUFFIX}"):
            try:
                found[name] = content_of(path)
            except ValueError as error:
                problems.append((("environment",), f"{variable}{FILE_SUFFIX}: {error}"))
    return found, problems
