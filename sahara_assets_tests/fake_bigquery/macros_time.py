"""GoogleSQL's functions on dates and times, as DuckDB macros; numbers and text are in `macros`, formats in `scalars`.

Sources: "Date functions" https://cloud.google.com/bigquery/docs/reference/standard-sql/date_functions, "Datetime functions"
https://cloud.google.com/bigquery/docs/reference/standard-sql/datetime_functions, "Timestamp functions"
https://cloud.google.com/bigquery/docs/reference/standard-sql/timestamp_functions.

BigQuery's DATETIME is DuckDB's TIMESTAMP, BigQuery's TIMESTAMP is DuckDB's TIMESTAMPTZ, always in UTC.
"""

from __future__ import annotations

from sahara_assets_tests.fake_bigquery.macros import (
    DATE,
    DATETIME,
    INT,
    STAMP,
    TEXT,
    TIME,
    Overload,
    checked,
    no_signature,
)

WEEK_DAYS = ("SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")

_UTC = "(a AT TIME ZONE 'UTC')"
_MICROS = {
    "microsecond": 1,
    "millisecond": 1_000,
    "second": 1_000_000,
    "minute": 60_000_000,
    "hour": 3_600_000_000,
    "day": 86_400_000_000,
}


def _only_timestamp(function: str, gives: str) -> list[Overload]:
    """A function of a TIMESTAMP that refuses a DATETIME and a DATE, which DuckDB would cast without a word."""
    return [
        (f"a {STAMP}", gives),
        (f"a {DATETIME}", no_signature(function, "datetime")),
        (f"a {DATE}", no_signature(function, "date")),
    ]


def _day_number(value: str) -> str:
    return f"date_diff('day', DATE '1970-01-01', CAST({value} AS DATE))"


def _week_number(value: str, first: int) -> str:
    """Weeks since 1970 that begin on a weekday (0 is Sunday); 1970-01-01 was a Thursday."""
    return f"CAST(floor(({_day_number(value)} + 4 - {first}) / 7) AS BIGINT)"


def _iso_year_start(value: str) -> str:
    return f"date_trunc('week', make_date(CAST(isoyear({value}) AS BIGINT), 1, 4))"


def _extracts() -> dict[str, list[Overload]]:
    """EXTRACT's parts; WEEK counts from Sunday and days before the first Sunday are week 0."""
    simple = {
        "year": "year(a)", "quarter": "quarter(a)", "month": "month(a)", "day": "day(a)", "dayofyear": "dayofyear(a)",
        "dayofweek": "dayofweek(a) + 1", "isoweek": "weekofyear(a)", "isoyear": "isoyear(a)",
        "week": "(dayofyear(a) + 6 - dayofweek(a)) // 7",
    }  # fmt: skip
    clock = {
        "hour": "hour(a)",
        "minute": "minute(a)",
        "second": "second(a)",
        "millisecond": "millisecond(a) % 1000",
        "microsecond": "microsecond(a) % 1000000",
    }
    made: dict[str, list[Overload]] = {}
    for part, gives in {**simple, **clock}.items():
        made[f"extract_{part}"] = [
            (f"a {DATETIME}", f"CAST({gives} AS BIGINT)"),
            (f"a {STAMP}", f"CAST({gives.replace('(a)', '(' + _UTC + ')')} AS BIGINT)"),
        ]
        if part in simple:
            made[f"extract_{part}"].append((f"a {DATE}", f"CAST({gives} AS BIGINT)"))
        else:
            made[f"extract_{part}"] += [
                (f"a {TIME}", f"CAST({gives} AS BIGINT)"),
                (f"a {DATE}", no_signature("extract_" + part, "date")),
            ]
    for first, name in enumerate(WEEK_DAYS):
        week = f"(dayofyear(a) + 6 - (dayofweek(a) - {first} + 7) % 7) // 7"
        made[f"extract_week_{name.lower()}"] = [
            (f"a {DATE}", f"CAST({week} AS BIGINT)"),
            (f"a {DATETIME}", f"CAST({week} AS BIGINT)"),
            (f"a {STAMP}", f"CAST({week.replace('(a)', '(' + _UTC + ')')} AS BIGINT)"),
        ]
    made["extract_date"] = [(f"a {DATETIME}", "CAST(a AS DATE)"), (f"a {STAMP}", f"CAST({_UTC} AS DATE)")]
    made["extract_time"] = [(f"a {DATETIME}", "CAST(a AS TIME)"), (f"a {STAMP}", f"CAST({_UTC} AS TIME)")]
    return made


def _truncations() -> dict[str, list[Overload]]:
    bodies = {
        part: f"date_trunc('{part}', {{0}})"
        for part in ("microsecond", "millisecond", "second", "minute", "hour", "day", "month", "quarter", "year")
    }
    bodies["isoweek"] = "date_trunc('week', {0})"
    bodies["isoyear"] = _iso_year_start("{0}")
    for first, name in enumerate(WEEK_DAYS):
        bodies[f"week_{name.lower()}"] = (
            f"(date_trunc('day', {{0}}) - to_days(CAST((dayofweek({{0}}) - {first} + 7) % 7 AS INTEGER)))"
        )
    bodies["week"] = bodies["week_sunday"]
    made: dict[str, list[Overload]] = {}
    for part, body in bodies.items():
        made[f"trunc_{part}"] = [
            (f"a {DATE}", f"CAST({body.format('a')} AS DATE)"),
            (f"a {DATETIME}", f"CAST({body.format('a')} AS TIMESTAMP)"),
            (f"a {STAMP}", f"CAST({body.format(_UTC)} AS TIMESTAMP) AT TIME ZONE 'UTC'"),
            (f"a {STAMP}, z {TEXT}", f"CAST({body.format('(a AT TIME ZONE z)')} AS TIMESTAMP) AT TIME ZONE z"),
        ]
        if part in {"microsecond", "millisecond", "second", "minute", "hour"}:
            made[f"trunc_{part}"][0] = (f"a {DATE}", no_signature("date_trunc", "date"))
    return made


def _differences() -> dict[str, list[Overload]]:
    """DATE_DIFF and DATETIME_DIFF count the boundaries crossed; TIMESTAMP_DIFF whole intervals, cut towards zero.

    Weeks begin on Sunday, for WEEK(MONDAY) on that day: "DATE_DIFF", "DATETIME_DIFF" and "TIMESTAMP_DIFF" on the pages named above;
    their example TIMESTAMP_DIFF("2001-02-01 01:00:00", "2001-02-01 00:00:01", HOUR) = 0.
    """
    made: dict[str, list[Overload]] = {}
    whole = {"isoyear": "CAST(isoyear(a) - isoyear(b) AS BIGINT)"}
    for part in ("day", "month", "quarter", "year", "hour", "minute", "second", "millisecond", "microsecond"):
        whole[part] = f"date_diff('{part}', b, a)"
    for first, name in enumerate(WEEK_DAYS):
        whole[f"week_{name.lower()}"] = f"{_week_number('a', first)} - {_week_number('b', first)}"
    whole["week"], whole["isoweek"] = whole["week_sunday"], whole["week_monday"]
    for part, body in whole.items():
        made[f"diff_{part}"] = [(f"a {DATE}, b {DATE}", body), (f"a {DATETIME}, b {DATETIME}", body)]
    for part, micros in _MICROS.items():
        made[f"timestamp_diff_{part}"] = [(f"a {STAMP}, b {STAMP}", f"(epoch_us(a) - epoch_us(b)) // {micros}")]
    return made


MACROS: dict[str, list[Overload]] = {
    **_extracts(),
    **_truncations(),
    **_differences(),
    "interval_add": [
        (f"a {DATE}, i INTERVAL", "CAST(a + i AS DATE)"),
        (f"a {DATETIME}, i INTERVAL", "a + i"),
        (f"a {STAMP}, i INTERVAL", f"({_UTC} + i) AT TIME ZONE 'UTC'"),
    ],
    "interval_sub": [
        (f"a {DATE}, i INTERVAL", "CAST(a - i AS DATE)"),
        (f"a {DATETIME}, i INTERVAL", "a - i"),
        (f"a {STAMP}, i INTERVAL", f"({_UTC} - i) AT TIME ZONE 'UTC'"),
    ],
    "last_day": [(f"a {DATE}", "last_day(a)"), (f"a {DATETIME}", "last_day(a)")],
    "unix_seconds": _only_timestamp("unix_seconds", "CAST(floor(epoch_us(a) / 1000000) AS BIGINT)"),
    "unix_millis": _only_timestamp("unix_millis", "CAST(floor(epoch_us(a) / 1000) AS BIGINT)"),
    "unix_micros": _only_timestamp("unix_micros", "epoch_us(a)"),
    "unix_date": [(f"a {DATE}", _day_number("a"))],
    "timestamp_seconds": [(f"a {INT}", "make_timestamptz(a * 1000000)")],
    "timestamp_millis": [(f"a {INT}", "make_timestamptz(a * 1000)")],
    "timestamp_micros": [(f"a {INT}", "make_timestamptz(a)")],
    "date_from_unix_date": [(f"a {INT}", "DATE '1970-01-01' + CAST(a AS INTEGER)")],
    # constructors
    "date": [
        (f"a {DATE}", "a"),
        (f"a {DATETIME}", "CAST(a AS DATE)"),
        (f"a {STAMP}", f"CAST({_UTC} AS DATE)"),
        (f"a {TEXT}", "bq_cast_date(a)"),
        (f"a {STAMP}, z {TEXT}", "CAST(a AT TIME ZONE z AS DATE)"),
        (f"a {INT}, b {INT}, c {INT}", checked("b NOT BETWEEN 1 AND 12", "'Invalid date: ' || a || '-' || b || '-' || c", DATE, "make_date(a, b, c)")),
    ],
    "datetime": [
        (f"a {DATETIME}", "a"),
        (f"a {DATE}", "CAST(a AS TIMESTAMP)"),
        (f"a {STAMP}", _UTC),
        (f"a {TEXT}", "bq_cast_datetime(a)"),
        (f"a {STAMP}, z {TEXT}", "a AT TIME ZONE z"),
        (f"a {DATE}, t {TIME}", "a + t"),
        (f"y {INT}, m {INT}, d {INT}, h {INT}, i {INT}, s {INT}", "make_timestamp(y, m, d, h, i, CAST(s AS DOUBLE))"),
    ],
    "timestamp": [
        (f"a {STAMP}", "a"),
        (f"a {DATETIME}", "a AT TIME ZONE 'UTC'"),
        (f"a {DATE}", "CAST(a AS TIMESTAMP) AT TIME ZONE 'UTC'"),
        (f"a {TEXT}", "bq_cast_timestamp(a)"),
        (f"a {DATETIME}, z {TEXT}", "a AT TIME ZONE z"),
        (f"a {DATE}, z {TEXT}", "CAST(a AS TIMESTAMP) AT TIME ZONE z"),
        (f"a {TEXT}, z {TEXT}", "CAST(a AS TIMESTAMP) AT TIME ZONE z"),
    ],
    "time": [(f"a {DATETIME}", "CAST(a AS TIME)"), (f"a {STAMP}", f"CAST({_UTC} AS TIME)"), (f"h {INT}, m {INT}, s {INT}", "make_time(h, m, CAST(s AS DOUBLE))")],
    "string": [(f"a {STAMP}", "bq_cast_string(a)"), (f"a {STAMP}, z {TEXT}", "bq_py_format('%F %T%Ez', a AT TIME ZONE z, z)"), (f"a {DATE}", "bq_cast_string(a)"), (f"a {DATETIME}", "bq_cast_string(a)")],
    # formats
    "format_date": [(f"f {TEXT}, a {DATE}", "bq_py_format(f, CAST(a AS TIMESTAMP), '')")],
    "format_datetime": [(f"f {TEXT}, a {DATETIME}", "bq_py_format(f, a, '')")],
    "format_timestamp": [(f"f {TEXT}, a {STAMP}", f"bq_py_format(f, {_UTC}, 'UTC')"), (f"f {TEXT}, a {STAMP}, z {TEXT}", "bq_py_format(f, a AT TIME ZONE z, z)")],
    "parse_date": [(f"f {TEXT}, a {TEXT}", "CAST(bq_py_parse(f, a, 'date') AS DATE)")],
    "parse_datetime": [(f"f {TEXT}, a {TEXT}", "bq_py_parse(f, a, 'datetime')")],
    "parse_timestamp": [(f"f {TEXT}, a {TEXT}", "bq_py_parse(f, a, 'timestamp') AT TIME ZONE 'UTC'"), (f"f {TEXT}, a {TEXT}, z {TEXT}", "bq_py_parse(f, a, 'timestamp') AT TIME ZONE z")],
    "generate_date_array": [
        (f"a {DATE}, b {DATE}", "list_transform(generate_series(CAST(a AS TIMESTAMP), CAST(b AS TIMESTAMP), to_days(1)), lambda x: CAST(x AS DATE))"),
        (f"a {DATE}, b {DATE}, i INTERVAL", "list_transform(generate_series(CAST(a AS TIMESTAMP), CAST(b AS TIMESTAMP), i), lambda x: CAST(x AS DATE))"),
    ],
}  # fmt: skip
