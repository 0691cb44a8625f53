"""Where a BigQuery dataset is, a client for it, and BigQuery's errors in plain words."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from sahara_assets.errors import OutdatedTablesError, TryAgainError, WarehouseError
from sahara_assets.warehouse.base import Finding, missing, note, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_LOCATION = "US"
"""Where BigQuery puts a dataset that names no place: https://cloud.google.com/bigquery/docs/locations."""
DEFAULT_ANNOUNCE_BYTES = 10_000_000_000

_QUOTA_REASONS = frozenset(
    {"quotaExceeded", "rateLimitExceeded", "jobRateLimitExceeded", "backendError", "internalError"}
)


@dataclass(frozen=True)
class Place:
    """A dataset and how it is queried.

    Attributes:
        project, dataset, location: where it is.
        announce_bytes: a query that reads more is announced in the log before it runs; 0 announces none.
        maximum_bytes: a query that would be billed more is refused by BigQuery; 0 refuses none.
    """

    project: str
    dataset: str
    location: str
    announce_bytes: int
    maximum_bytes: int

    @classmethod
    def of(cls, url: str) -> Place:
        """The place that a `bigquery://PROJECT/DATASET?location=EU` URL names."""
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        return cls(
            project=parts.netloc,
            dataset=parts.path.strip("/"),
            location=options.get("location", DEFAULT_LOCATION),
            announce_bytes=int(options.get("announce_bytes", DEFAULT_ANNOUNCE_BYTES)),
            maximum_bytes=int(options.get("maximum_bytes", 0)),
        )

    @property
    def dataset_id(self) -> str:
        """`PROJECT.DATASET`."""
        return f"{self.project}.{self.dataset}"

    @property
    def description(self) -> str:
        """For people."""
        return f"BigQuery {self.dataset_id} in {self.location}"


def connect(place: Place) -> Any:  # noqa: ANN401 - google's client
    """A client with the application default credentials; against `$BIGQUERY_EMULATOR_HOST`, which takes none, without any.

    Raises:
        WarehouseError: there are no credentials.
    """
    from google.auth.credentials import AnonymousCredentials
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud import bigquery

    emulator = os.environ.get("BIGQUERY_EMULATOR_HOST")
    try:
        return bigquery.Client(
            project=place.project,
            location=place.location,
            credentials=AnonymousCredentials() if emulator else None,  # type: ignore[no-untyped-call]
        )
    except DefaultCredentialsError as error:
        raise WarehouseError(
            f"{place.description}: there are no Google credentials; run `gcloud auth application-default login`, or set "
            "GOOGLE_APPLICATION_CREDENTIALS to a service account's key file"
        ) from error


@contextmanager
def told(place: Place) -> Iterator[None]:
    """Turn BigQuery's errors into ours. What the client retries by itself (5xx, rate limits) arrives here only when that was in vain.

    Raises:
        TryAgainError: another writer was first, a quota is used up for now, or the service is away.
        OutdatedTablesError: a table or column is not there.
        WarehouseError: anything else, in BigQuery's words.
    """
    import requests.exceptions
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError, TransportError

    try:
        yield
    except exceptions.RetryError as error:
        raise TryAgainError(
            f"{place.description}: no answer after many tries ({_words(error.cause or error)})"
        ) from error
    except exceptions.GoogleAPICallError as error:
        words = _words(error)
        reasons = {str(part.get("reason")) for part in error.errors if isinstance(part, dict)}
        # "Transaction is aborted due to concurrent update against table": https://cloud.google.com/bigquery/docs/transactions
        if "aborted due to concurrent update" in words or "Could not serialize access" in words:
            raise TryAgainError(f"{place.description}: another run changed the same table first ({words})") from error
        if reasons & _QUOTA_REASONS or isinstance(error, exceptions.ServerError | exceptions.TooManyRequests):
            raise TryAgainError(f"{place.description}: not now ({words})") from error
        if isinstance(error, exceptions.Forbidden):
            raise WarehouseError(
                f"{place.description}: {words}; the roles BigQuery Data Editor on the dataset and BigQuery Job User on the project are enough"
            ) from error
        if isinstance(error, exceptions.NotFound) or "Unrecognized name" in words or "not found inside" in words:
            raise OutdatedTablesError(place.description) from error
        raise WarehouseError(f"{place.description}: {words}") from error
    except GoogleAuthError as error:
        if isinstance(error, TransportError):
            raise TryAgainError(f"{place.description}: Google's sign-in cannot be reached") from error
        # What Google answers to a key or token that it refuses may quote it.
        raise WarehouseError(
            f"{place.description}: Google refuses the credentials ({type(error).__name__}); run `gcloud auth application-default login`, "
            "or make a new key for the service account"
        ) from None
    except (requests.exceptions.RequestException, ConnectionError) as error:
        raise TryAgainError(f"{place.description}: cannot be reached ({type(error).__name__})") from error


def _words(error: Exception) -> str:
    return " ".join(str(getattr(error, "message", None) or error).split())


def examine_service(client: Any, place: Place) -> list[Finding]:  # noqa: ANN401 - google's client
    """What the dataset is and what these credentials may do; a dry run asks for a query without paying for it."""
    from google.api_core import exceptions
    from google.cloud import bigquery

    findings = []
    if os.environ.get("BIGQUERY_EMULATOR_HOST"):
        findings.append(note(f"an emulator at {os.environ['BIGQUERY_EMULATOR_HOST']}, not BigQuery"))
    try:
        client.query("SELECT 1", job_config=bigquery.QueryJobConfig(dry_run=True), location=place.location)
        findings.append(ok(f"may run queries in project {place.project}"))
    except exceptions.Forbidden as error:
        findings.append(missing(f"may not run queries ({_words(error)}); grant roles/bigquery.jobUser on the project"))
    try:
        dataset = client.get_dataset(place.dataset_id)
    except exceptions.NotFound:
        findings.append(note(f"dataset {place.dataset} is not there yet; `sahara run` makes it in {place.location}"))
    except exceptions.Forbidden as error:
        findings.append(missing(f"may not see the dataset ({_words(error)}); grant roles/bigquery.dataEditor on it"))
    else:
        if dataset.location.upper() != place.location.upper():
            findings.append(
                missing(
                    f"the dataset lies in {dataset.location}, the URL says {place.location}: write ?location={dataset.location}"
                )
            )
        else:
            findings.append(ok(f"dataset {place.dataset} in {dataset.location}"))
    return findings
