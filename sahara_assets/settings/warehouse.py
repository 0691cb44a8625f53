"""`[warehouse]` of `sahara.toml`: where the tables live, and which addresses are one."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import Field, ValidationInfo, field_validator

from sahara_assets.settings.base import Section, is_from_environment
from sahara_assets.settings.unknown import unknown_key

_BIGQUERY_OPTIONS = frozenset({"location", "announce_bytes", "maximum_bytes"})
_ENCODE = "write % / ? # @ [ ] in the user or password as %25 %2F %3F %23 %40 %5B %5D"
_HOST = r"(\[[0-9A-Fa-f:.%]+\]|[\w.%-]*)(:[0-9]*)?"
_HOSTS = re.compile(rf"{_HOST}(,{_HOST})*")
_SECRET_OPTIONS = frozenset({"password", "sslpassword"})
_POSTGRES = frozenset({"postgresql", "postgres"})
"""libpq takes both words."""


def _address_parts(url: str) -> SplitResult:
    """The parts of a warehouse's URL.

    Raises:
        ValueError: they cannot be told apart; the URL is not quoted, because a password may stand in any of them.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"is no address; {_ENCODE}") from None
    if parts.scheme != "duckdb" and "@" in f"{parts.path}{parts.query}{parts.fragment}":
        # A / ? or # in the password ends it there, and the rest would pass for a database's name.
        raise ValueError(f"has an @ behind its host; {_ENCODE}")
    if re.search(r"%(?![0-9A-Fa-f]{2})", parts.netloc):
        raise ValueError(f"has a % that begins no code; {_ENCODE}")
    return parts


def _checked_bigquery(url: str, options: dict[str, str]) -> str:
    """Refuse a BigQuery URL that names no project and dataset, or options that nobody knows."""
    parts = urlsplit(url)
    if not re.fullmatch(r"[a-z0-9.:-]+", parts.netloc) or not re.fullmatch(r"/[A-Za-z0-9_]+/?", parts.path):
        raise ValueError("names no dataset; write bigquery://PROJECT/DATASET?location=EU")
    for name, value in options.items():
        if name not in _BIGQUERY_OPTIONS:
            raise ValueError(unknown_key(name, sorted(_BIGQUERY_OPTIONS), noun="option"))
        if name.endswith("_bytes") and not value.isdigit():
            raise ValueError(f"{name} must be a number of bytes, not {value!r}")
    return url


class WarehouseSettings(Section):
    """Where the tables live."""

    url: str = Field(
        "duckdb:///sahara.duckdb",
        repr=False,
        description="Warehouse URL. `duckdb:///FILE` is a file beside sahara.toml (four slashes for an absolute path); `postgresql://USER@HOST/DATABASE?schema=NAME` a schema on a server (`sahara` where none is named), with whatever else libpq takes; `bigquery://PROJECT/DATASET?location=EU` a BigQuery dataset (`announce_bytes`: a query that reads more is announced; `maximum_bytes`: one that would be billed more is refused).",
    )
    memory_limit: str = Field("", description="DuckDB's memory limit, such as `2GB`; empty leaves it to DuckDB.")
    threads: int = Field(0, ge=0, description="DuckDB's threads; 0 uses every core.")

    @field_validator("url")
    @classmethod
    def _known(cls, url: str, info: ValidationInfo) -> str:
        parts = _address_parts(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if (parts.password or _SECRET_OPTIONS & set(options)) and not is_from_environment(info, "warehouse"):
            raise ValueError("holds a password; put the whole URL into the environment as SAHARA_WAREHOUSE_URL")
        if parts.scheme in _POSTGRES:
            if not _HOSTS.fullmatch(parts.netloc.rpartition("@")[2]):
                raise ValueError(f"names no host and port; {_ENCODE}")
            schema = options.get("schema", "sahara")
            if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema) or schema.startswith("pg_"):
                raise ValueError(f"schema {schema!r} must be lower-case letters, digits and _, and not begin with pg_")
            return url
        if parts.scheme == "bigquery":
            return _checked_bigquery(url, options)
        if parts.scheme != "duckdb":
            known = "duckdb:///FILE, postgresql://HOST/DATABASE and bigquery://PROJECT/DATASET"
            # Without :// the word before a colon may be a user, and what follows a password.
            named = f" for {parts.scheme}://" if url.startswith(f"{parts.scheme}://") else ""
            raise ValueError(f"no warehouse{named}; this version knows {known}")
        if parts.netloc or not parts.path.strip("/"):
            raise ValueError("names no file; write duckdb:///sahara.duckdb, with three slashes")
        if parts.query or parts.fragment:
            raise ValueError("a DuckDB file takes no options in its URL; write %3F and %23 for ? and # in its name")
        return url

    @property
    def scheme(self) -> str:
        """`duckdb`, `postgresql` or `bigquery`."""
        scheme = urlsplit(self.url).scheme
        return "postgresql" if scheme in _POSTGRES else scheme

    @field_validator("memory_limit")
    @classmethod
    def _size(cls, limit: str) -> str:
        if limit and not re.fullmatch(r"\d+(\.\d+)? ?([KMGT]i?B|%)", limit):
            raise ValueError(f"{limit!r} is not a size such as 2GB")
        return limit
