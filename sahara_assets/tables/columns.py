"""What a table and a column are, and the kinds of values there are: what every declaration is written in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Kind(StrEnum):
    """What a column holds; each warehouse has its own word for it."""

    TEXT = "text"
    DECIMAL = "decimal"  # DECIMAL(18,4): money and quantity, exact on every warehouse
    INTEGER = "integer"  # 64 bits
    FLOAT = "float"  # ratios and model numbers: equal to 1e-9 between warehouses
    TIMESTAMP = "timestamp"  # UTC unless the name ends in _local
    DATE = "date"
    BOOLEAN = "boolean"


@dataclass(frozen=True)
class Column:
    """One column: its name (with the unit where it has one), what it holds, and what that means."""

    name: str
    kind: Kind
    description: str
    nullable: bool = True


@dataclass(frozen=True)
class Table:
    """One table: `key` are the columns that tell rows apart and give every read its order."""

    name: str
    stage: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns' names in their declared order."""
        return tuple(column.name for column in self.columns)

    def only(self, *names: str) -> Table:
        """The table with these of its columns and in no order, for reads that need no more.

        Raises:
            KeyError: the table declares no such column.
        """
        return replace(self, columns=tuple(self.column(name) for name in names), key=())

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            KeyError: the table declares no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name} declares no column {name!r}")


def text_column(name: str, description: str, *, nullable: bool = True) -> Column:
    """A column of text."""
    return Column(name, Kind.TEXT, description, nullable)


def decimal_column(name: str, description: str, *, nullable: bool = True) -> Column:
    """A column of exact money or quantity."""
    return Column(name, Kind.DECIMAL, description, nullable)


def integer_column(name: str, description: str, *, nullable: bool = False) -> Column:
    """A column of whole numbers; never null unless said."""
    return Column(name, Kind.INTEGER, description, nullable)


def float_column(name: str, description: str, *, nullable: bool = True) -> Column:
    """A column of ratios or model numbers."""
    return Column(name, Kind.FLOAT, description, nullable)


def timestamp_column(name: str, description: str, *, nullable: bool = True) -> Column:
    """A column of moments."""
    return Column(name, Kind.TIMESTAMP, description, nullable)


def date_column(name: str, description: str, *, nullable: bool = True) -> Column:
    """A column of days."""
    return Column(name, Kind.DATE, description, nullable)


def flag_column(name: str, description: str) -> Column:
    """A column of yes or no; never null."""
    return Column(name, Kind.BOOLEAN, description, nullable=False)
