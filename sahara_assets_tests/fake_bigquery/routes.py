"""What each path means: from a request to the answer's JSON. HTTP itself is `server`'s.

"BigQuery API", https://cloud.google.com/bigquery/docs/reference/rest. A route's name is the method's name there; faults and counts go by it.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sahara_assets_tests.fake_bigquery.catalogue import Catalogue, Key, physical
from sahara_assets_tests.fake_bigquery.encoding import timestamp_format
from sahara_assets_tests.fake_bigquery.errors import ApiError, not_found
from sahara_assets_tests.fake_bigquery.jobs import Job, Jobs
from sahara_assets_tests.fake_bigquery.results import ANONYMOUS_DATASET, PAGE_ROWS, page, selected
from sahara_assets_tests.fake_bigquery.schema import quoted
from sahara_assets_tests.fake_bigquery.uploads import Uploads, multipart

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_QUERY_SECONDS = 10.0
"""How long jobs.query and jobs.getQueryResults wait by default: `timeoutMs`, 10 seconds."""

PATIENCE_SECONDS = 2.0


@dataclass
class Request:
    """What came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    parts: dict[str, str] = field(default_factory=dict)

    @property
    def asked(self) -> dict[str, Any]:
        return json.loads(self.body) if self.body else {}

    @property
    def key(self) -> Key:
        return self.parts["project"], self.parts["dataset"], self.parts["table"]


@dataclass
class Answer:
    """What goes out."""

    body: dict[str, Any] | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Api:
    """The service behind the paths.

    Attributes:
        page_rows: the most rows on a page.
        patience_seconds: how long jobs.insert and jobs.get wait for a job to end before they say RUNNING; the real ones do not wait, and
            the client then sleeps about a second between two looks.
    """

    def __init__(self, path: Path | None) -> None:
        self.catalogue = Catalogue(path)
        self.jobs = Jobs(self.catalogue)
        self.uploads = Uploads()
        self.page_rows = PAGE_ROWS
        self.patience_seconds = PATIENCE_SECONDS
        self.address = ""
        self._answered: dict[str, Job] = {}

    def close(self) -> None:
        self.jobs.close()
        self.catalogue.close()

    def reset(self) -> None:
        """As new: no datasets, no jobs, no uploads."""
        self.jobs.close()
        self.catalogue.clear()
        self.jobs = Jobs(self.catalogue)
        self.uploads = Uploads()
        self.page_rows = PAGE_ROWS
        self.patience_seconds = PATIENCE_SECONDS
        self._answered.clear()

    def route(self, method: str, path: str) -> tuple[str, Callable[[Request], Answer], dict[str, str]]:
        """The name of a route, what answers it, and the parts of its path.

        Raises:
            ApiError: there is none.
        """
        for name, verb, pattern, answer in self._routes():
            found = re.fullmatch(pattern, path)
            if found and verb == method:
                return name, answer, found.groupdict()
        raise ApiError(404, "notFound", f"the fake BigQuery has no {method} {path}")

    def _routes(self) -> list[tuple[str, str, str, Callable[[Request], Answer]]]:
        root = r"(?:/bigquery/v2)?/projects/(?P<project>[^/]+)"
        dataset = root + r"/datasets/(?P<dataset>[^/]+)"
        table = dataset + r"/tables/(?P<table>[^/]+)"
        upload = r"/upload/bigquery/v2/projects/(?P<project>[^/]+)/jobs"
        return [
            ("datasets.insert", "POST", root + "/datasets", self.create_dataset),
            ("datasets.list", "GET", root + "/datasets", self.list_datasets),
            ("datasets.get", "GET", dataset, self.get_dataset),
            ("datasets.patch", "PATCH", dataset, self.patch_dataset),
            ("datasets.delete", "DELETE", dataset, self.delete_dataset),
            ("tables.insert", "POST", dataset + "/tables", self.create_table),
            ("tables.list", "GET", dataset + "/tables", self.list_tables),
            ("tables.get", "GET", table, self.get_table),
            ("tables.patch", "PATCH", table, self.patch_table),
            ("tables.delete", "DELETE", table, self.delete_table),
            ("tabledata.list", "GET", table + "/data", self.list_rows),
            ("jobs.insert", "POST", root + "/jobs", self.insert_job),
            ("jobs.list", "GET", root + "/jobs", self.list_jobs),
            ("jobs.get", "GET", root + r"/jobs/(?P<job>[^/]+)", self.get_job),
            ("jobs.cancel", "POST", root + r"/jobs/(?P<job>[^/]+)/cancel", self.cancel_job),
            ("jobs.delete", "DELETE", root + r"/jobs/(?P<job>[^/]+)/delete", self.delete_job),
            ("jobs.query", "POST", root + "/queries", self.query),
            ("jobs.getQueryResults", "GET", root + r"/queries/(?P<job>[^/]+)", self.query_results),
            ("upload.begin", "POST", upload, self.upload),
            ("upload.chunk", "PUT", upload, self.upload_chunk),
        ]

    # Datasets

    def create_dataset(self, request: Request) -> Answer:
        return Answer(self.catalogue.create_dataset(request.parts["project"], request.asked))

    def list_datasets(self, request: Request) -> Answer:
        keys = ("kind", "id", "datasetReference", "labels", "friendlyName", "location")
        listed = [
            {key: one[key] for key in keys if key in one} for one in self.catalogue.datasets(request.parts["project"])
        ]
        return Answer(_paged(listed, "datasets", request))

    def get_dataset(self, request: Request) -> Answer:
        return Answer(self.catalogue.dataset(request.parts["project"], request.parts["dataset"]))

    def patch_dataset(self, request: Request) -> Answer:
        return Answer(self.catalogue.patch_dataset(request.parts["project"], request.parts["dataset"], request.asked))

    def delete_dataset(self, request: Request) -> Answer:
        contents = request.query.get("deleteContents", "").lower() == "true"
        self.catalogue.delete_dataset(request.parts["project"], request.parts["dataset"], delete_contents=contents)
        return Answer(status=204)

    # Tables

    def create_table(self, request: Request) -> Answer:
        return Answer(self.catalogue.create_table(request.parts["project"], request.parts["dataset"], request.asked))

    def list_tables(self, request: Request) -> Answer:
        self.catalogue.dataset(request.parts["project"], request.parts["dataset"])
        keys = (
            "kind",
            "id",
            "tableReference",
            "type",
            "labels",
            "timePartitioning",
            "clustering",
            "creationTime",
            "expirationTime",
        )
        found = self.catalogue.tables(request.parts["project"], request.parts["dataset"])
        return Answer(_paged([{key: one[key] for key in keys if key in one} for one in found], "tables", request))

    def get_table(self, request: Request) -> Answer:
        if request.parts["dataset"] == ANONYMOUS_DATASET:
            job = self._anonymous(request.key)
            reference = dict(zip(("projectId", "datasetId", "tableId"), request.key, strict=True))
            assert job.outcome is not None
            assert job.outcome.rows is not None
            return Answer(
                {
                    "tableReference": reference,
                    "schema": {"fields": job.outcome.fields},
                    "numRows": str(job.outcome.rows.num_rows),
                    "type": "TABLE",
                }
            )
        return Answer(self.catalogue.table(request.key))

    def _anonymous(self, key: Key) -> Job:
        for job in self.jobs.listed(key[0]):
            if job.destination == key:
                return job
        raise not_found("Table", f"{key[0]}:{key[1]}.{key[2]}")

    def patch_table(self, request: Request) -> Answer:
        wanted = request.headers.get("if-match")
        etag = self.catalogue.table(request.key)["etag"]
        if wanted and wanted != etag:
            raise ApiError(412, "conditionNotMet", "Precondition Failed")
        return Answer(self.catalogue.patch_table(request.key, request.asked))

    def delete_table(self, request: Request) -> Answer:
        self.catalogue.drop_table(request.key)
        return Answer(status=204)

    def list_rows(self, request: Request) -> Answer:
        timestamps = timestamp_format(_format_options(request.query))
        if request.parts["dataset"] == ANONYMOUS_DATASET:
            outcome = self._anonymous(request.key).outcome
            assert outcome is not None
            assert outcome.rows is not None
            assert outcome.fields is not None
            return Answer(
                {
                    "kind": "bigquery#tableDataList",
                    **page(outcome.rows, outcome.fields, request.query, timestamps, self.page_rows),
                }
            )
        fields = selected(self.catalogue.fields(request.key), request.query.get("selectedFields", ""))
        columns = ", ".join(quoted(one["name"]) for one in fields)
        cursor = self.catalogue.cursor()
        # by row number, so that the pages of one reading do not overlap
        rows = cursor.execute(f"SELECT {columns} FROM {physical(request.key)} ORDER BY rowid").to_arrow_table()
        return Answer(
            {"kind": "bigquery#tableDataList", **page(rows, fields, request.query, timestamps, self.page_rows)}
        )

    # Jobs

    def insert_job(self, request: Request) -> Answer:
        job = self.jobs.insert(request.parts["project"], request.asked)
        job.finished.wait(0 if job.state == "DONE" else self.patience_seconds)
        return Answer(job.resource())

    def list_jobs(self, request: Request) -> Answer:
        states = {one for one in request.query.get("stateFilter", "").lower().split(",") if one}
        jobs = self.jobs.listed(request.parts["project"], parent=request.query.get("parentJobId", ""), states=states)
        listed = []
        for job in jobs:
            resource = job.resource()
            listed.append(
                resource | {"state": resource["status"]["state"], "errorResult": resource["status"].get("errorResult")}
            )
        return Answer(_paged(listed, "jobs", request))

    def _job(self, request: Request) -> Job:
        return self.jobs.get(request.parts["project"], request.parts["job"], request.query.get("location", ""))

    def get_job(self, request: Request) -> Answer:
        job = self._job(request)
        job.finished.wait(self.patience_seconds)
        return Answer(job.resource())

    def cancel_job(self, request: Request) -> Answer:
        return Answer({"kind": "bigquery#jobCancelResponse", "job": self.jobs.cancel(self._job(request)).resource()})

    def delete_job(self, request: Request) -> Answer:
        self.jobs.delete(self._job(request))
        return Answer(status=204)

    def query(self, request: Request) -> Answer:
        """jobs.query: insert and wait. Equal `requestId`s within minutes are one request: jobs.query, `requestId`."""
        asked = request.asked
        request_id = asked.get("requestId") or uuid.uuid4().hex
        job = self._answered.get(request_id)
        if job is None:
            outer = {"dryRun", "labels", "jobTimeoutMs"}
            inner = {
                "query",
                "defaultDataset",
                "useLegacySql",
                "queryParameters",
                "parameterMode",
                "destinationTable",
                "writeDisposition",
                "createDisposition",
                "maximumBytesBilled",
                "useQueryCache",
            }
            configuration = {name: asked[name] for name in outer if name in asked}
            configuration["query"] = {name: asked[name] for name in inner if name in asked}
            reference = {"location": asked.get("location")}
            job = self.jobs.insert(
                request.parts["project"], {"configuration": configuration, "jobReference": reference}
            )
            self._answered[request_id] = job
        options = asked.get("formatOptions") or {}
        wanted = {"maxResults": str(asked["maxResults"])} if "maxResults" in asked else {}
        return Answer(self._results(job, asked.get("timeoutMs"), options, wanted) | {"kind": "bigquery#queryResponse"})

    def query_results(self, request: Request) -> Answer:
        job = self._job(request)
        if job.kind != "query":
            raise ApiError(400, "invalid", "Cannot get query results of a job that is no query")
        wait = request.query.get("timeoutMs")
        made = self._results(job, wait, _format_options(request.query), request.query)
        return Answer(made | {"kind": "bigquery#getQueryResultsResponse", "etag": job.state})

    def _results(self, job: Job, timeout_ms: Any, options: dict[str, Any], asked: dict[str, str]) -> dict[str, Any]:
        seconds = _QUERY_SECONDS if timeout_ms is None else int(timeout_ms) / 1000
        reference = {"projectId": job.project, "jobId": job.job_id, "location": job.location}
        if job.state != "DONE" and not job.finished.wait(seconds):
            return {"jobComplete": False, "jobReference": reference}
        if job.error is not None:
            raise job.error
        made: dict[str, Any] = {
            "jobComplete": True,
            "jobReference": reference,
            "cacheHit": False,
            "location": job.location,
        }
        outcome = job.outcome
        if outcome is None:
            return made
        made["totalBytesProcessed"] = str(outcome.bytes_processed)
        if outcome.affected is not None:
            made["numDmlAffectedRows"] = str(outcome.affected)
        if outcome.fields is not None:
            made["schema"] = {"fields": outcome.fields}
        if outcome.rows is not None and outcome.fields is not None:
            made |= page(outcome.rows, outcome.fields, asked, timestamp_format(options), self.page_rows)
        return made

    # Uploads

    def upload(self, request: Request) -> Answer:
        project = request.parts["project"]
        if request.query.get("uploadType") == "multipart":
            resource, content = multipart(request.headers.get("content-type", ""), request.body)
            return Answer(self._loaded(project, resource, content))
        name = self.uploads.begin(project, request.asked)
        where = f"{self.address}{request.path}?uploadType=resumable&upload_id={name}"
        return Answer(headers={"Location": where})

    def upload_chunk(self, request: Request) -> Answer:
        session = self.uploads.session(request.query.get("upload_id", ""))
        if session.answer is None:
            if not self.uploads.take(session, request.headers.get("content-range", ""), request.body):
                held = {"Range": f"bytes=0-{len(session.content) - 1}"} if session.content else {}
                return Answer(status=308, headers=held)
            session.answer = self._loaded(session.project, session.resource, bytes(session.content))
        return Answer(session.answer)

    def _loaded(self, project: str, resource: dict[str, Any], content: bytes) -> dict[str, Any]:
        job = self.jobs.insert(project, resource, content=content)
        job.finished.wait(self.patience_seconds)
        return job.resource()


def _format_options(query: dict[str, str]) -> dict[str, Any]:
    return {name.partition(".")[2]: value for name, value in query.items() if name.startswith("formatOptions.")}


def _paged(listed: list[dict[str, Any]], name: str, request: Request) -> dict[str, Any]:
    start = int(request.query.get("pageToken") or 0)
    number = int(request.query.get("maxResults") or 0) or 1_000
    made: dict[str, Any] = {name: listed[start : start + number], "totalItems": len(listed)}
    if start + number < len(listed):
        made["nextPageToken"] = str(start + number)
    return made
