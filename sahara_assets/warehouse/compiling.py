"""From an Ibis expression to an engine's SQL.

Compiling takes longer than most queries on a small shop, and the same expression comes again in every run of a process, so that what was
compiled is kept: by the expression itself, which Ibis compares by what it says.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    import ibis
    from sqlglot import expressions as sql

ATTRIBUTE_FUNCTION = "sahara_attribute"
"""What `expressions.py` has Ibis call where a value is read out of JSON text; every warehouse puts its own function there."""

Maker = TypeVar("Maker", bound=Callable[..., Any])

NewCompiler = Callable[[], Any]
"""Makes one of Ibis' compilers, which have no types to check against."""

Attribute = Callable[["sql.Expression", str], "sql.Expression"]
"""From a JSON text and a name to the call that gives the value as text, null where there is none."""


def kept(make: Maker) -> Maker:
    """Keeps the expressions that a function makes: the same arguments give the same one, and nothing of it is made, typed or compiled again.

    Making an expression takes Ibis as long as compiling it. For functions of tables and plain values alone, that ask no warehouse.
    """

    @lru_cache(maxsize=1024)
    def made(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it takes and makes
        tables = (one.table if isinstance(one, _Same) else one for one in given)
        return make(*tables, **{name: one.table if isinstance(one, _Same) else one for name, one in named.items()})

    @wraps(make)
    def again(*given: Any, **named: Any) -> Any:  # noqa: ANN401
        return made(*map(_same, given), **{name: _same(one) for name, one in named.items()})

    return cast("Maker", again)


class _Same:
    """An expression as a key: Ibis compares them by what they say, and answers a comparison of two columns with a third."""

    def __init__(self, table: Any) -> None:  # noqa: ANN401 - an expression of Ibis'
        self.table, self._node = table, table.op()

    def __hash__(self) -> int:
        return hash(self._node)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and bool(self._node == other._node)


def _same(given: Any) -> Any:  # noqa: ANN401
    return _Same(given) if hasattr(given, "op") else given


def sql_of(
    expression: ibis.Table,
    new_compiler: NewCompiler,
    attribute: Attribute,
    finish: Callable[[sql.Expression], None] | None = None,
) -> str:
    """An expression in an engine's SQL; `finish` may change the tree before it is written."""
    return _sql_of(expression.op(), new_compiler, attribute, finish)


@lru_cache(maxsize=512)
def _sql_of(
    node: Any,  # noqa: ANN401 - a node of Ibis'
    new_compiler: NewCompiler,
    attribute: Attribute,
    finish: Callable[[sql.Expression], None] | None,
) -> str:
    tree = tree_of(node.to_expr(), new_compiler, attribute)
    if finish is not None:
        finish(tree)
    return str(tree.sql(_compiler(new_compiler).dialect, copy=False))


def tree_of(expression: ibis.Table, new_compiler: NewCompiler, attribute: Attribute) -> sql.Expression:
    """An expression as a tree of an engine's SQL, of one's own to change."""
    return _in_words_of(attribute, _compiler(new_compiler).to_sqlglot(expression))


@cache
def _compiler(new_compiler: NewCompiler) -> Any:  # noqa: ANN401 - one of Ibis' compilers
    return new_compiler()


def _in_words_of(attribute: Attribute, tree: sql.Expression) -> sql.Expression:
    """A compiled query with each attribute read as the engine does it."""
    from sqlglot import expressions as sql

    def translated(node: sql.Expression) -> sql.Expression:
        if isinstance(node, sql.Anonymous) and node.name.lower() == ATTRIBUTE_FUNCTION:
            document, name = node.expressions
            return attribute(document, name.name)
        return node

    return tree.transform(translated, copy=False)
