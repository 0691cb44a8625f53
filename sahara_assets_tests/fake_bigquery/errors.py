"""Errors as the API answers them: a status, a reason and a message; nothing else lives here.

Codes and reasons: "Error messages", https://cloud.google.com/bigquery/docs/error-messages. The envelope is the one that every Google
JSON API answers with: `{"error": {"code", "message", "errors": [{"message", "domain", "reason"}], "status"}}`.
"""

from __future__ import annotations

import re
from typing import Any

import duckdb

_STATUS = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    501: "UNIMPLEMENTED",
}

OWN_ERROR = "bq: "
"""How a macro marks an error it raises (a text that cannot be cast), so that it can be told from DuckDB's own."""


class ApiError(Exception):
    """An error that goes to the client as it stands."""

    def __init__(self, code: int, reason: str, message: str, location: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.location = location

    @property
    def proto(self) -> dict[str, Any]:
        """The `ErrorProto` of a job's status, https://cloud.google.com/bigquery/docs/reference/rest/v2/ErrorProto."""
        shown = {"reason": self.reason, "message": self.message}
        return shown | ({"location": self.location} if self.location else {})

    def envelope(self) -> dict[str, Any]:
        errors = [{"message": self.message, "domain": "global", "reason": self.reason}]
        error = {"code": self.code, "message": self.message, "errors": errors}
        return {"error": error | ({"status": _STATUS[self.code]} if self.code in _STATUS else {})}


def invalid_query(message: str) -> ApiError:
    return ApiError(400, "invalidQuery", message, "query")


def invalid(message: str) -> ApiError:
    return ApiError(400, "invalid", message)


def not_found(kind: str, name: str, location: str = "") -> ApiError:
    where = f" was not found in location {location}" if location else ""
    return ApiError(404, "notFound", f"Not found: {kind} {name}{where}")


def duplicate(kind: str, name: str) -> ApiError:
    return ApiError(409, "duplicate", f"Already Exists: {kind} {name}")


def unknown_to_fake(what: str) -> ApiError:
    """The fake refuses what it was never taught; BigQuery may well accept it."""
    return ApiError(
        501, "notImplemented", f"the fake BigQuery does not know {what}; teach it or write the query differently"
    )


def from_duckdb(error: duckdb.Error) -> ApiError:
    """DuckDB's complaint in the words of BigQuery where those are known, else as it stands (the wording is then unverified)."""
    text = str(error)
    own = re.search(r"Could not convert string '" + OWN_ERROR + r"(.*?)' to ", text, re.DOTALL)
    if own:
        return invalid_query(own.group(1))
    raised = re.search(r"bq_raise: (.*?)(\n|$)", text)
    if raised:
        return invalid_query(raised.group(1))
    signature = re.search(r"no_signature_(\w+?)__([a-z]+)", text)
    if signature:
        kind = signature.group(2).upper()
        return invalid_query(
            f"No matching signature for function {signature.group(1).upper()}\n  Argument types: {kind}"
        )
    macro = re.search(r"Macro bq_(\w+)\(\) does not support the supplied arguments", text)
    if macro:
        return invalid_query(f"No matching signature for function {macro.group(1).upper()}")
    missing = re.search(r'Referenced column "([^"]*)" (?:was )?not found', text)
    if missing:
        return invalid_query(f"Unrecognized name: {missing.group(1)}")
    null = re.search(r"NOT NULL constraint failed: \S*?\.?([^.\s]+)$", text.splitlines()[0])
    if null:
        return invalid_query(f"Required field {null.group(1)} cannot be null")
    first = text.splitlines()[0]
    if "inside the TRY expression" in text:
        return unknown_to_fake("SAFE_CAST and SAFE. of an aggregate")
    if (
        isinstance(error, duckdb.OutOfRangeException)
        or "Casting value" in text
        or re.search(r"Could not cast value \S+ to DECIMAL", text)
    ):
        return invalid_query(f"numeric overflow: {first}")
    return invalid_query(first)
