"""A table, view or query of any SQL database that SQLAlchemy knows, read by a watermark column.

Of a dataset with a key (products, customers) each row speaks for itself. Of the others what counts is the order (session, event) as a
whole: where any of its rows has changed, all of them are read again, so that the newer statement can replace the older one. Which column
tells the order is said by the dataset's `columns`.

A statement sees the database as it was when it began, as Postgres, MySQL (InnoDB), SQLite and Oracle have it; SQL Server needs
READ_COMMITTED_SNAPSHOT for that.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sahara_assets.drops.binding import matches
from sahara_assets.extracts.documents import as_line
from sahara_assets.extracts.sources import Stated, WatermarkedSource
from sahara_assets.extracts.watermarks import ExtractError, Watermark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sahara_assets.settings.dataset import DatasetSettings
    from sahara_assets.settings.extracts import ExtractSettings
    from sahara_assets.tables.datasets import Dataset

_FETCHED = 1_000
_SOURCE, _TOUCHED, _NEWEST = "sahara_source", "sahara_touched", "sahara_newest"
_USUAL_DRIVERS = {"postgresql": "postgresql+psycopg2", "postgres": "postgresql+psycopg2", "mysql": "mysql+pymysql"}


class SqlSource(WatermarkedSource):
    """One extract's connection.

    Args:
        extract: what to read.
        address: its URL, secrets included.
        root: the folder that a SQLite file's relative path starts from.
        dataset: what it fills.
        reading: how that is read.

    Raises:
        ExtractError: the database cannot be reached, or lacks what the extract names.
    """

    def __init__(
        self, extract: ExtractSettings, address: str, root: Path, dataset: Dataset, reading: DatasetSettings
    ) -> None:
        import sqlalchemy as sa

        self._extract = extract
        self._secrets = _secrets_of(address)
        with self._told():
            url = _prepared(sa.make_url(address), root)
            self._engine = sa.create_engine(url, poolclass=sa.NullPool)
            self._quote = self._engine.dialect.identifier_preparer.quote
            self._connection = self._engine.connect().execution_options(
                stream_results=True, max_row_buffer=_FETCHED, postgresql_readonly=True
            )
        try:
            self._columns = self._column_names()
            self._watermark = self._found(extract.watermark, "watermark")
            self._document = [] if dataset.key else self._document_columns(dataset, reading)
            self._key = [found for name in dataset.key if (found := self._mapped(name, reading)) is not None]
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
        self._engine.dispose()

    def unmarked(self) -> int:
        """Rows without a watermark."""
        (found,) = next(
            self._rows(f"SELECT count(*) AS n FROM {self._from} WHERE {self._own(self._watermark)} IS NULL")
        )
        return int(found)

    def stated(self, start: Watermark | None) -> Iterator[Stated]:
        """Rows, or whole documents, by their newest watermark."""
        yield from self._documents(start) if self._document else self._single_rows(start)

    def _single_rows(self, start: Watermark | None) -> Iterator[Stated]:
        order = ", ".join(self._own(name) for name in dict.fromkeys([self._watermark, *self._key]))
        statement = f"SELECT {_SOURCE}.* FROM {self._from} WHERE {self._since(start)} ORDER BY {order}"
        place = self._columns.index(self._watermark)
        for row in self._rows(statement, start):
            yield Stated(Watermark.of(row[place]), (self._line(row),))

    def _documents(self, start: Watermark | None) -> Iterator[Stated]:
        """First the rows that belong to no document, which the reader will reject; then the touched documents, each whole."""
        needed = [name for name, required in self._document if required]
        place = self._columns.index(self._watermark)
        homeless = " OR ".join(f"{self._own(name)} IS NULL" for name in needed)
        statement = f"SELECT {_SOURCE}.* FROM {self._from} WHERE {self._since(start)} AND ({homeless}) ORDER BY {self._own(self._watermark)}"
        for row in self._rows(statement, start):
            yield Stated(Watermark.of(row[place]), (self._line(row),), in_order=False)
        names = [name for name, _ in self._document]
        listed = ", ".join(self._own(name) for name in names)
        touched = f"SELECT {listed}, max({self._own(self._watermark)}) AS {_NEWEST} FROM {self._from} WHERE {self._since(start)} GROUP BY {listed}"
        same = " AND ".join(self._same(name, required=required) for name, required in self._document)
        # Without statistics SQLite goes through the whole table for every document; a cross join keeps its order, and looks documents up.
        join = "CROSS JOIN" if self._engine.dialect.name == "sqlite" else "JOIN"
        order = ", ".join([f"{_TOUCHED}.{_NEWEST}", *(f"{_TOUCHED}.{self._quote(name)}" for name in names)])
        statement = f"SELECT {_SOURCE}.*, {_TOUCHED}.{_NEWEST} FROM {self._from} {join} ({touched}) {_TOUCHED} ON {same} ORDER BY {order}"
        keys = [self._columns.index(name) for name in names]
        for _, rows in groupby(self._rows(statement, start), key=lambda row: (row[-1], *(row[key] for key in keys))):
            # A database gives the rows of a document in any order; the same rows are to be the same bytes.
            newest, lines = None, []
            for row in rows:
                newest = row[-1]
                lines.append(self._line(row[:-1]))
            yield Stated(Watermark.of(newest), tuple(sorted(lines)))

    @property
    def _from(self) -> str:
        if self._extract.query:
            # In a text of SQLAlchemy's a colon before a word is a parameter; in the query it is whatever the database takes it for.
            return f"({self._extract.query.replace(':', chr(92) + ':')}) {_SOURCE}"
        return f"{'.'.join(self._quote(part) for part in self._extract.table.split('.'))} {_SOURCE}"

    def _own(self, name: str) -> str:
        return f"{_SOURCE}.{self._quote(name)}"

    def _since(self, start: Watermark | None) -> str:
        return f"{self._own(self._watermark)} {'IS NOT NULL' if start is None else '>= :start'}"

    def _same(self, name: str, *, required: bool) -> str:
        one, other = self._own(name), f"{_TOUCHED}.{self._quote(name)}"
        return f"{one} = {other}" if required else f"({one} = {other} OR ({one} IS NULL AND {other} IS NULL))"

    def _line(self, row: Sequence[Any]) -> bytes:
        return as_line(dict(zip(self._columns, row, strict=True)))

    def _rows(self, statement: str, start: Watermark | None = None) -> Iterator[Sequence[Any]]:
        import sqlalchemy as sa

        parameters: Mapping[str, Any] = {} if start is None else {"start": start.value}
        with self._told(), self._connection.execute(sa.text(statement), parameters) as result:
            for rows in result.partitions(_FETCHED):
                yield from rows

    def _column_names(self) -> list[str]:
        import sqlalchemy as sa

        with (
            self._told(),
            self._connection.execute(sa.text(f"SELECT {_SOURCE}.* FROM {self._from} WHERE 1 = 0")) as found,
        ):
            names = list(found.keys())
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ExtractError(f"the query names {twice!r} twice; give one of the two another name with AS")
        return names

    def _found(self, wanted: str, what: str) -> str:
        """A column as the source writes it."""
        places = matches(self._columns, wanted)
        if not places:
            raise ExtractError(f"{what}: there is no column {wanted!r}; there are {', '.join(self._columns[:30])}")
        return self._columns[places[0]]

    def _mapped(self, column: str, reading: DatasetSettings) -> str | None:
        """The source's column that is ours of that name."""
        places = matches(self._columns, reading.columns.get(column, column))
        return self._columns[places[0]] if places else None

    def _document_columns(self, dataset: Dataset, reading: DatasetSettings) -> list[tuple[str, bool]]:
        """The columns that tell one document of the dataset from another, and whether each must hold a value."""
        found = []
        for column in dataset.document:
            name, required = self._mapped(column, reading), column in dataset.required
            if name is not None:
                found.append((name, required))
            elif required:
                raise ExtractError(
                    f"no column is our {column}, which tells one document of {dataset.name} from another; map it under [datasets.{dataset.name}.columns]. "
                    f"There are {', '.join(self._columns[:30])}"
                )
        return found

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn the database's errors into ours, on one line and without secrets."""
        import sqlalchemy as sa

        try:
            yield
        except ModuleNotFoundError as error:
            raise ExtractError(
                f"the database's driver is not installed ({error.name}); install it beside Sahara, or name another in the URL as in mysql+pymysql://"
            ) from error
        except (sa.exc.SQLAlchemyError, OSError) as error:
            words = " ".join(str(getattr(error, "orig", None) or error).split())
            for secret in self._secrets:
                words = words.replace(secret, "…")
            raise ExtractError(f"the database says: {words[:400]}") from None


def _secrets_of(address: str) -> list[str]:
    """What of a URL must not be shown: its password, as it is written and as it is meant."""
    from urllib.parse import unquote

    found = re.search(r"://[^:/@]*:([^@/]+)@", address)
    return [address, *({found[1], unquote(found[1])} if found else ())]


def _prepared(url: Any, root: Path) -> Any:  # noqa: ANN401 - SQLAlchemy's URL
    """The URL with its usual driver, and a SQLite file found beside sahara.toml rather than made anew where it is missing.

    Raises:
        ExtractError: there is no such SQLite file.
    """
    if url.get_backend_name() == "sqlite":
        path = root / (url.database or "")
        if not path.is_file():
            raise ExtractError(f"{path}: there is no such SQLite file")
        return url.set(database=str(path))
    return url.set(drivername=_USUAL_DRIVERS.get(url.drivername, url.drivername))
