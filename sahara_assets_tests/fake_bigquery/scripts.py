"""Many statements in one query: how the text is cut into statements, and how they are run with variables, blocks and transactions.

"Procedural language", https://cloud.google.com/bigquery/docs/reference/standard-sql/procedural-language; "Multi-statement queries",
https://cloud.google.com/bigquery/docs/multi-statement-queries. DECLARE, SET, IF, BEGIN … EXCEPTION … END, transactions, ASSERT and
RAISE are known; loops, procedures and EXECUTE IMMEDIATE are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.errors import TokenError
from sqlglot.tokens import Token, TokenType

from sahara_assets_tests.fake_bigquery import statements
from sahara_assets_tests.fake_bigquery.dialect import GoogleSql, parsed
from sahara_assets_tests.fake_bigquery.errors import ApiError, invalid_query, unknown_to_fake
from sahara_assets_tests.fake_bigquery.session import Outcome, Session

if TYPE_CHECKING:
    from collections.abc import Callable

_REFUSED = {"LOOP", "WHILE", "FOR", "REPEAT", "CALL", "EXECUTE", "EXPORT", "GRANT", "REVOKE", "CASE"}


@dataclass
class Statement:
    """One statement's text and where it stands."""

    sql: str
    line: int
    column: int


@dataclass
class Block:
    """BEGIN … [EXCEPTION WHEN ERROR THEN …] END."""

    body: list[Node]
    handler: list[Node] | None = None


@dataclass
class Choice:
    """IF … THEN … [ELSEIF …] [ELSE …] END IF."""

    branches: list[tuple[Statement, list[Node]]] = field(default_factory=list)
    otherwise: list[Node] = field(default_factory=list)


Node = Statement | Block | Choice


class _Reader:
    """Cuts a text into nodes."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        try:
            self.tokens: list[Token] = GoogleSql().tokenize(sql)
        except TokenError as error:
            raise invalid_query(f"Syntax error: {error}") from error
        self.place = 0

    def word(self, ahead: int = 0) -> str:
        place = self.place + ahead
        return self.tokens[place].text.upper() if place < len(self.tokens) else ""

    def nodes(self, *ends: str) -> list[Node]:
        found: list[Node] = []
        while self.place < len(self.tokens) and self.word() not in ends:
            if self.tokens[self.place].token_type == TokenType.SEMICOLON:
                self.place += 1
                continue
            found.append(self._node())
        if ends and self.place >= len(self.tokens):
            raise invalid_query(f"Syntax error: Expected keyword {ends[-1]} but got end of script")
        return found

    def _node(self) -> Node:
        if self.word() in _REFUSED and self.word(1) != "BQ" and not (self.word() == "CASE" and self.word(1) == "("):
            raise unknown_to_fake(f"the statement {self.word()}")
        if self.word() == "BEGIN" and self.word(1) not in {"TRANSACTION", ";", ""}:
            return self._block()
        if (self.word() == "IF" and self.word(1) != "(") or self._is_if():
            return self._choice()
        return self._until()

    def _is_if(self) -> bool:
        if self.word() != "IF":
            return False
        rest = (token.text.upper() for token in self.tokens[self.place :])
        return next((word for word in rest if word in {"THEN", ";"}), ";") == "THEN"

    def _until(self, *ends: str) -> Statement:
        """The text from here to a semicolon or one of the words, which is not taken."""
        first = self.tokens[self.place]
        while self.place < len(self.tokens):
            token = self.tokens[self.place]
            if token.token_type == TokenType.SEMICOLON or (ends and token.text.upper() in ends):
                break
            self.place += 1
        last = self.tokens[self.place - 1]
        return Statement(self.sql[first.start : last.end + 1], first.line, first.col - len(first.text) + 1)

    def _block(self) -> Block:
        self.place += 1
        block = Block(self.nodes("EXCEPTION", "END"))
        if self.word() == "EXCEPTION":
            for expected in ("EXCEPTION", "WHEN", "ERROR", "THEN"):
                if self.word() != expected:
                    raise invalid_query(f"Syntax error: Expected keyword {expected} but got {self.word()}")
                self.place += 1
            block.handler = self.nodes("END")
        self.place += 1
        return block

    def _choice(self) -> Choice:
        choice = Choice()
        while self.word() in {"IF", "ELSEIF"}:
            self.place += 1
            condition = self._until("THEN")
            self.place += 1
            choice.branches.append((condition, self.nodes("ELSEIF", "ELSE", "END")))
        if self.word() == "ELSE":
            self.place += 1
            choice.otherwise = self.nodes("END")
        self.place += 2  # END IF
        return choice


def read(sql: str) -> list[Node]:
    """The statements of a query's text.

    >>> [node.sql for node in read("BEGIN TRANSACTION; SELECT ';' ; COMMIT TRANSACTION;")]
    ['BEGIN TRANSACTION', "SELECT ';'", 'COMMIT TRANSACTION']
    """
    return _Reader(sql).nodes()


def is_abort(nodes: list[Node]) -> bool:
    """Whether a query ends its session: `CALL BQ.ABORT_SESSION()`."""
    return (
        len(nodes) == 1
        and isinstance(nodes[0], Statement)
        and re.fullmatch(r"CALL\s+BQ\.ABORT_SESSION\s*\(\s*\)", nodes[0].sql.strip(), re.IGNORECASE) is not None
    )


def is_script(nodes: list[Node]) -> bool:
    """Whether a query is run as a script, with a child job for every statement."""
    if len(nodes) != 1 or not isinstance(nodes[0], Statement):
        return True
    return bool(re.match(r"\s*(DECLARE|SET|BEGIN|COMMIT|ROLLBACK|ASSERT|RAISE)\b", nodes[0].sql, re.IGNORECASE))


class _ReturnedError(Exception):
    """RETURN: the script ends here."""


def run(nodes: list[Node], session: Session, done: Callable[[Statement, Outcome], None]) -> None:
    """Run a script; `done` is told of every statement that made a job.

    Raises:
        ApiError: a statement failed and no handler took it; what a transaction had done is then undone by closing the session.
    """
    try:
        _run_nodes(nodes, session, done)
    except _ReturnedError:
        return


def _run_nodes(nodes: list[Node], session: Session, done: Callable[[Statement, Outcome], None]) -> None:
    for node in nodes:
        if isinstance(node, Statement):
            _run_statement(node, session, done)
        elif isinstance(node, Choice):
            for condition, body in node.branches:
                if _value(condition.sql, session) is True:
                    _run_nodes(body, session, done)
                    break
            else:
                _run_nodes(node.otherwise, session, done)
        else:
            _run_block(node, session, done)


def _run_block(block: Block, session: Session, done: Callable[[Statement, Outcome], None]) -> None:
    try:
        _run_nodes(block.body, session, done)
    except ApiError as error:
        if block.handler is None or error.code == 501:
            raise
        outer, session.error = session.error, error
        _run_nodes(block.handler, session, done)
        session.error = outer


def _run_statement(statement: Statement, session: Session, done: Callable[[Statement, Outcome], None]) -> None:
    try:
        outcome = _one(statement, session)
    except ApiError as error:
        if error.code != 400 or error.message.startswith("Query error: "):
            raise
        where = f" at [{statement.line}:{statement.column}]"
        raise ApiError(400, error.reason, f"Query error: {error.message}{where}", error.location) from error
    if outcome is not None:
        done(statement, outcome)


def _one(statement: Statement, session: Session) -> Outcome | None:
    text = statement.sql.strip()
    for pattern, rule in _RULES:
        found = re.fullmatch(pattern, text, re.IGNORECASE | re.DOTALL)
        if found:
            return rule(found, session)
    if re.search(r"@@error\.message", text, re.IGNORECASE):
        said = session.error.message if session.error else None
        value = exp.Literal.string(said).sql(dialect="bigquery") if said is not None else "CAST(NULL AS STRING)"
        text = re.sub(r"@@error\.message", lambda _: value, text, flags=re.IGNORECASE)
    return statements.run(parsed(text), session)


def _value(sql: str, session: Session) -> object:
    """The value of an expression."""
    found = statements.run(parsed(f"SELECT {sql} AS value"), session)
    assert found.rows is not None
    return found.rows.column(0)[0].as_py()


def _literal(sql: str, kind: exp.DataType | None, session: Session) -> tuple[exp.Expression, exp.DataType]:
    """An expression's value as a literal to put in wherever the variable is named, and its type."""
    query = parsed(
        f"SELECT {sql} AS value" if kind is None else f"SELECT CAST({sql} AS {kind.sql(dialect='bigquery')}) AS value"
    )
    found = statements.run(query, session)
    assert found.rows is not None
    assert found.fields is not None
    field_ = found.fields[0]
    if field_["type"] == "RECORD":
        raise unknown_to_fake("variables of type STRUCT")
    data_type = kind or exp.DataType.build(_standard(field_), dialect="bigquery")
    return _as_literal(found.rows.column(0)[0].as_py(), data_type), data_type


def _standard(field_: dict[str, str]) -> str:
    from sahara_assets_tests.fake_bigquery.tables import sql_type

    return sql_type(field_)


def _as_literal(value: object, kind: exp.DataType) -> exp.Expression:
    if isinstance(value, list):
        return exp.Cast(this=exp.Array(expressions=[_as_literal(one, kind.expressions[0]) for one in value]), to=kind)
    if value is None:
        return exp.Cast(this=exp.Null(), to=kind)
    if isinstance(value, bytes):
        raise unknown_to_fake("variables of type BYTES")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return exp.Cast(this=exp.Literal.string(text), to=kind)


def _declare(found: re.Match[str], session: Session) -> None:
    rest, _, default = _parted(found.group(1), "DEFAULT")
    names, kind = re.fullmatch(r"\s*(\w+(?:\s*,\s*\w+)*)\s*(.*?)\s*", rest, re.DOTALL).groups()
    data_type = exp.DataType.build(kind, dialect="bigquery") if kind else None
    if data_type is None and not default:
        raise invalid_query("DECLARE needs a type or a default")
    value, data_type = _literal(default or "NULL", data_type, session)
    for name in names.split(","):
        if name.strip().lower() in session.variables:
            raise invalid_query(f"Variable '{name.strip()}' redeclaration is not allowed")
        session.variables[name.strip().lower()] = value
        session.variable_types[name.strip().lower()] = data_type


def _parted(text: str, word: str) -> tuple[str, str, str]:
    parts = re.split(rf"\b{word}\b", text, maxsplit=1, flags=re.IGNORECASE)
    return (parts[0], word, parts[1]) if len(parts) == 2 else (text, "", "")


def _set(found: re.Match[str], session: Session) -> None:
    name = found.group(1).lower()
    if name not in session.variables:
        raise invalid_query(f"Undeclared variable: {found.group(1)}")
    session.variables[name] = _literal(found.group(2), session.variable_types[name], session)[0]


def _assert(found: re.Match[str], session: Session) -> Outcome:
    expression, _, message = _parted(found.group(1), r"AS(?=\s*['\"])")
    if _value(expression, session) is not True:
        said = parsed(f"SELECT {message}").selects[0].name if message else ""
        raise invalid_query(f"Assertion failed{': ' + said if said else ''}")
    return Outcome("ASSERT")


def _raise(found: re.Match[str], session: Session) -> None:
    if found.group(1):
        raise invalid_query(str(_value(found.group(1), session)))
    raise session.error or invalid_query("Cannot use RAISE outside of an exception handler")


def _begin(_: re.Match[str], session: Session) -> Outcome:
    session.begin()
    return Outcome("BEGIN_TRANSACTION")


def _commit(_: re.Match[str], session: Session) -> Outcome:
    session.commit()
    return Outcome("COMMIT_TRANSACTION")


def _rollback(_: re.Match[str], session: Session) -> Outcome:
    session.rollback()
    return Outcome("ROLLBACK_TRANSACTION")


def _return(_: re.Match[str], session: Session) -> None:
    raise _ReturnedError


_RULES: list[tuple[str, Callable[[re.Match[str], Session], Outcome | None]]] = [
    (r"BEGIN(?:\s+TRANSACTION)?", _begin),
    (r"COMMIT(?:\s+TRANSACTION)?", _commit),
    (r"ROLLBACK(?:\s+TRANSACTION)?", _rollback),
    (r"DECLARE\s+(.*)", _declare),
    (r"SET\s+(\w+)\s*=\s*(.*)", _set),
    (r"ASSERT\s*(.*)", _assert),
    (r"RAISE(?:\s+USING\s+MESSAGE\s*=\s*(.*))?", _raise),
    (r"RETURN", _return),
]
