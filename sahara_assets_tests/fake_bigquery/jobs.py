"""Jobs: their ids, states, results and errors. What a job does is `scripts` (queries) and `loads`.

"Job", https://cloud.google.com/bigquery/docs/reference/rest/v2/Job. A job runs in a thread of its own and is PENDING, RUNNING, then DONE.
Its id is the client's where it gives one, and is taken for good: "Generate a job ID", https://cloud.google.com/bigquery/docs/running-jobs
("the job ID is unique within the project; if a job with that id exists, the request fails with 409, so it can be sent again safely").

Here jobs.insert always answers with the job, and a query that cannot even be read is a job that failed; the service answers some of those
with the error itself (which ones is unverified). A caller has to be ready for both: at `client.query` and at `job.result`.
"""

from __future__ import annotations

import threading
import traceback
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sahara_assets_tests.fake_bigquery import loads, scripts
from sahara_assets_tests.fake_bigquery.catalogue import Key, milliseconds
from sahara_assets_tests.fake_bigquery.errors import ApiError, duplicate, invalid, not_found, unknown_to_fake
from sahara_assets_tests.fake_bigquery.results import write_results
from sahara_assets_tests.fake_bigquery.session import Outcome, Session
from sahara_assets_tests.fake_bigquery.tables import Tables
from sahara_assets_tests.fake_bigquery.transactions import Mutations

if TYPE_CHECKING:
    from sahara_assets_tests.fake_bigquery.catalogue import Catalogue

MULTI_REGIONS = {"us", "eu"}
"""Where a job is found without saying its location: "Specify locations", https://cloud.google.com/bigquery/docs/locations."""


@dataclass
class Job:
    """One job, as far as the API shows it."""

    project: str
    job_id: str
    location: str
    configuration: dict[str, Any]
    parent: str = ""
    state: str = "PENDING"
    created: int = field(default_factory=milliseconds)
    started: int = 0
    ended: int = 0
    error: ApiError | None = None
    outcome: Outcome | None = None
    destination: Key | None = None
    load: dict[str, str] = field(default_factory=dict)
    children: list[str] = field(default_factory=list)
    session: str = ""
    finished: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def kind(self) -> str:
        return "load" if "load" in self.configuration else "query"

    def resource(self) -> dict[str, Any]:
        """The job as `jobs.get` shows it."""
        reference = {"projectId": self.project, "jobId": self.job_id, "location": self.location}
        status: dict[str, Any] = {"state": self.state}
        if self.error is not None:
            status |= {"errorResult": self.error.proto, "errors": [self.error.proto]}
        configuration = {"jobType": self.kind.upper(), **self.configuration}
        if self.kind == "query" and self.destination:
            configuration["query"] = configuration["query"] | {"destinationTable": _table_reference(self.destination)}
        return {
            "kind": "bigquery#job", "id": f"{self.project}:{self.location}.{self.job_id}", "etag": self.state, "jobReference": reference,
            "selfLink": "", "user_email": "anonymous@fake.example", "configuration": configuration, "status": status,
            "statistics": self._statistics(),
        }  # fmt: skip

    def _statistics(self) -> dict[str, Any]:
        shown_: dict[str, Any] = {"creationTime": str(self.created)}
        if self.started:
            shown_["startTime"] = str(self.started)
        if self.ended:
            shown_["endTime"] = str(self.ended)
        if self.parent:
            shown_["parentJobId"] = self.parent
        if self.children:
            shown_["numChildJobs"] = str(len(self.children))
        if self.load:
            shown_["load"] = self.load
        if self.session:
            shown_["sessionInfo"] = {"sessionId": self.session}
        if self.outcome is not None:
            total = str(self.outcome.bytes_processed)
            shown_["totalBytesProcessed"] = total
            shown_["query"] = self._query_statistics(total)
        return shown_

    def _query_statistics(self, total: str) -> dict[str, Any]:
        outcome = self.outcome
        assert outcome is not None
        made: dict[str, Any] = {
            "totalBytesProcessed": total, "totalBytesBilled": total, "cacheHit": False, "statementType": outcome.kind,
            "referencedTables": [_table_reference(key) for key in outcome.references],
        }  # fmt: skip
        if outcome.fields is not None:
            made["schema"] = {"fields": outcome.fields}
        if outcome.affected is not None:
            made["numDmlAffectedRows"] = str(outcome.affected)
            made["dmlStats"] = {f"{name}RowCount": str(number) for name, number in (outcome.dml or {}).items()}
        if outcome.ddl:
            made["ddlOperationPerformed"] = outcome.ddl
            if outcome.table:
                made["ddlTargetTable"] = _table_reference(outcome.table)
        return made


def _table_reference(key: Key) -> dict[str, str]:
    return {"projectId": key[0], "datasetId": key[1], "tableId": key[2]}


class Jobs:
    """All jobs of the server, and the threads that run them."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._mutations = Mutations()
        self._jobs: dict[tuple[str, str], Job] = {}
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def insert(self, project: str, asked: dict[str, Any], *, content: bytes | None = None) -> Job:
        """Begin a job; with `content` the upload that it loads.

        Raises:
            ApiError: 409 where the id is taken, 400 where the configuration is none that can be run.
        """
        configuration = asked.get("configuration") or {}
        reference = asked.get("jobReference") or {}
        job_id = reference.get("jobId") or f"job_{uuid.uuid4().hex}"
        location = reference.get("location") or self._location_of(project, configuration)
        if content is None and "load" in configuration:
            raise unknown_to_fake("load jobs from Cloud Storage")
        if not {"load", "query"} & set(configuration):
            raise unknown_to_fake(f"jobs of type {sorted(set(configuration) - {'labels'})}")
        job = Job(project, job_id, location, configuration)
        if configuration.get("dryRun"):
            return self._dry_run(job)
        with self._lock:
            if (project, job_id) in self._jobs:
                raise duplicate("Job", f"{project}:{location}.{job_id}")
            self._jobs[project, job_id] = job
        threading.Thread(target=self._work, args=(job, content), name=f"job {job_id}", daemon=True).start()
        return job

    def _location_of(self, project: str, configuration: dict[str, Any]) -> str:
        """Where a job runs that does not say: where the dataset is that it writes to or defaults to, else where its tables are.

        "BigQuery determines the location to run the job based on the datasets referenced in the request": locations.
        """
        query = configuration.get("query", {})
        named = [
            configuration.get("load", {}).get("destinationTable"),
            query.get("destinationTable"),
            query.get("defaultDataset"),
        ]
        text = query.get("query", "")
        for found in self._catalogue.datasets(project):
            name = found["datasetReference"]["datasetId"]
            if any(one and one.get("datasetId") == name for one in named) or f"{name}." in text.replace("`", ""):
                return str(found["location"])
        return "US"

    def _dry_run(self, job: Job) -> Job:
        if job.kind == "load":
            raise unknown_to_fake("dry runs of load jobs")
        session = self._session(job, dry_run=True)
        try:
            nodes = scripts.read(job.configuration["query"].get("query", ""))
            if scripts.is_script(nodes):
                raise unknown_to_fake("dry runs of scripts")
            scripts.run(nodes, session, lambda _, outcome: setattr(job, "outcome", outcome))
        except ApiError as error:
            raise _without_place(error) from error
        finally:
            session.close()
        job.state = "DONE"
        return job

    def get(self, project: str, job_id: str, location: str = "") -> Job:
        """A job by its id.

        Raises:
            ApiError: 404, also where the job runs outside of the US and EU multi-regions and no location, or another, is given: "You
                must specify the location if it is not in the US or the EU", jobs.get.
        """
        job = self._jobs.get((project, job_id))
        if job is None:
            raise not_found("Job", f"{project}:{job_id}")
        wrong = location.lower() != job.location.lower() if location else job.location.lower() not in MULTI_REGIONS
        if wrong:
            raise not_found("Job", f"{project}:{job_id}", location or "US")
        return job

    def listed(self, project: str, *, parent: str = "", states: set[str] | None = None) -> list[Job]:
        """The newest first; children only of the parent asked for."""
        with self._lock:
            found = [job for job in self._jobs.values() if job.project == project and job.parent == parent]
        chosen = [job for job in found if not states or job.state.lower() in states]
        return sorted(chosen, key=lambda job: -job.created)

    def cancel(self, job: Job) -> Job:
        """Ask a job to stop; "cancelled jobs may still incur costs", and one that is done stays as it is: jobs.cancel."""
        job.cancelled.set()
        return job

    def delete(self, job: Job) -> None:
        with self._lock:
            del self._jobs[job.project, job.job_id]

    def close(self) -> None:
        for job in list(self._jobs.values()):
            job.cancelled.set()
            job.finished.wait(10)
        for session in list(self._sessions.values()):
            self.abort_session(session)

    def _session(self, job: Job, *, dry_run: bool = False) -> Session:
        query = job.configuration["query"]
        if str(query.get("useLegacySql", True)).lower() != "false":
            raise unknown_to_fake("legacy SQL; set useLegacySql to false")
        default = query.get("defaultDataset")
        chosen = (default.get("projectId") or job.project, default["datasetId"]) if default else None
        tables = Tables(self._catalogue, job.project, chosen, job.location)
        return Session(
            self._catalogue, self._mutations, tables, query.get("queryParameters") or [], dry_run, job.cancelled
        )

    def _work(self, job: Job, content: bytes | None) -> None:
        job.state, job.started = "RUNNING", milliseconds()
        try:
            if content is not None:
                job.load = loads.run(job.project, job.configuration["load"], content, self._catalogue, job.location)
            else:
                self._query(job)
        except ApiError as error:
            job.error = error
        except Exception as error:  # noqa: BLE001 - a mistake in the fake must reach the test as one, not hang it
            traceback.print_exc()
            job.error = ApiError(501, "notImplemented", f"the fake BigQuery failed: {type(error).__name__}: {error}")
        finally:
            job.ended = milliseconds()
            job.state = "DONE"
            job.finished.set()

    def _query(self, job: Job) -> None:
        session = self._session_of(job)
        try:
            nodes = scripts.read(job.configuration["query"].get("query", ""))
            if not nodes:
                raise invalid("Syntax error: Unexpected end of script")
            if scripts.is_abort(nodes):
                self.abort_session(session)
                job.outcome = Outcome("SCRIPT")
            elif scripts.is_script(nodes):
                self._script(job, nodes, session)
            else:
                try:
                    scripts.run(nodes, session, lambda _, outcome: setattr(job, "outcome", outcome))
                except ApiError as error:
                    raise _without_place(error) from error
            if job.outcome is not None and job.outcome.rows is not None:
                job.destination = write_results(
                    job.project, job.job_id, job.configuration["query"], job.outcome, self._catalogue
                )
        finally:
            if not job.session:
                session.close()

    def _session_of(self, job: Job) -> Session:
        """The job's own session, a lasting one that it makes, or the lasting one that it names.

        "To create a session, set createSession to true", later jobs name it as the connection property session_id, and a transaction may
        span them: "Run queries in sessions", https://cloud.google.com/bigquery/docs/sessions-write-queries. What becomes of a transaction
        after a statement in it failed is unverified: here it stays as DuckDB leaves it, aborted.
        """
        query = job.configuration["query"]
        properties = {one["key"]: one.get("value", "") for one in query.get("connectionProperties") or []}
        fresh = self._session(job)
        if query.get("createSession"):
            job.session = uuid.uuid4().hex
            self._sessions[job.session] = fresh
            return fresh
        if "session_id" not in properties:
            return fresh
        fresh.close()
        job.session = properties["session_id"]
        lasting = self._sessions.get(job.session)
        if lasting is None:
            raise ApiError(400, "resourcesExceeded", f"Session {job.session} is expired and no longer available.")
        lasting.parameters, lasting.tables, lasting.cancelled = fresh.parameters, fresh.tables, job.cancelled
        return lasting

    def abort_session(self, session: Session) -> None:
        """BQ.ABORT_SESSION: what it had open is rolled back."""
        for name, known in list(self._sessions.items()):
            if known is session:
                del self._sessions[name]
                known.close()

    def _script(self, job: Job, nodes: list[scripts.Node], session: Session) -> None:
        last: list[Outcome] = []

        def done(statement: scripts.Statement, outcome: Outcome) -> None:
            child_id = f"script_job_{uuid.uuid4().hex}_{len(job.children)}"
            child = Job(
                job.project,
                child_id,
                job.location,
                {"query": {"query": statement.sql, "useLegacySql": False}},
                parent=job.job_id,
            )
            child.state, child.started, child.ended, child.outcome = "DONE", milliseconds(), milliseconds(), outcome
            child.finished.set()
            with self._lock:
                self._jobs[job.project, child_id] = child
            job.children.append(child_id)
            last[:] = [outcome]

        try:
            scripts.run(nodes, session, done)
        finally:
            total = sum(self._jobs[job.project, one].outcome.bytes_processed for one in job.children)
            final = last[0] if last else Outcome("SCRIPT")
            # the answer of a script is that of its last statement: "Multi-statement queries"
            job.outcome = Outcome("SCRIPT", final.fields, final.rows, bytes_processed=total)


def _without_place(error: ApiError) -> ApiError:
    """A single statement's error, without the words that a script puts around it."""
    if not error.message.startswith("Query error: "):
        return error
    message = error.message.removeprefix("Query error: ").rpartition(" at [")[0]
    return ApiError(error.code, error.reason, message, error.location)
