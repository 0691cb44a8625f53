"""The HTTP server: reads a request, lets the faults have their way, asks `routes`, writes the answer.

In a test's own process it is `FakeBigQuery` as a context manager; for tests that kill a process it is `python -m
sahara_assets_tests.fake_bigquery --port 0`. Loopback only.

Beside the API there are paths for tests in other processes: `POST /_fake/faults` with a fault's fields, `DELETE /_fake/faults`,
`GET /_fake/faults` (what waits, and the counts), `DELETE /_fake/counts`.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import duckdb

from sahara_assets_tests.fake_bigquery.errors import ApiError, from_duckdb
from sahara_assets_tests.fake_bigquery.faults import Fault, Faults
from sahara_assets_tests.fake_bigquery.routes import Answer, Api, Request

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self


class FakeBigQuery:
    """A running fake.

    Args:
        path: the DuckDB file that keeps its data; None keeps it in memory.
        port: 0 takes a free one.

    Attributes:
        faults: what shall go wrong, and how often every route was asked.
        api: the service; its `page_rows` and `patience_seconds` may be set.
    """

    def __init__(self, path: Path | None = None, port: int = 0) -> None:
        self.faults = Faults()
        self.api = Api(path)
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.fake = self
        self.port = int(self._server.server_address[1])
        self.address = f"http://127.0.0.1:{self.port}"
        self.api.address = self.address
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="fake BigQuery", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.close_connections()
        self._server.server_close()
        self.api.close()

    def reset(self) -> None:
        """As new, at the same address."""
        self.api.reset()
        self.faults.clear()
        self.faults.reset_counts()

    def client(self, project: str = "test-project", **options: Any) -> Any:
        """A real client of it; close it yourself, or use it as a context manager."""
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        return bigquery.Client(
            project=project,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": self.address},
            **options,
        )


class _Server(ThreadingHTTPServer):
    fake: FakeBigQuery
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Kept-alive connections of clients that are not closed yet would leave their sockets to the garbage collector."""
        for request in list(self._open):
            self.shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    # an answer in one packet: headers and body apart would meet the delayed acknowledgement of the other side, 40 ms each
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Requests are counted, not logged."""

    def do_GET(self) -> None:
        self._handle()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - http.server calls them so

    def _handle(self) -> None:
        split = urlsplit(self.path)
        path = unquote(split.path)
        if path.startswith("/_fake/"):
            self._control(path)
            return
        fake = self.server.fake
        try:
            name, answer, parts = fake.api.route(self.command, path)
        except ApiError as error:
            self._body()
            self._send(Answer(error.envelope(), error.code))
            return
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        if name == "upload.begin" and query.get("uploadType") == "multipart":
            name = "upload.multipart"
        fault = self._early_fault(name, path)
        if fault is not None and fault.drop == "mid":
            self.rfile.read(int(self.headers.get("Content-Length") or 0) // 2)
            self._drop()
            return
        body = self._body()
        if name.startswith("upload."):
            fake.faults.note_upload(len(body))
        if fault is None:
            fault = fake.faults.meet(name, self.path, body)
        if fault is not None and self._refused(fault):
            return
        made = self._answer(
            answer,
            Request(
                self.command, path, query, {key.lower(): value for key, value in self.headers.items()}, body, parts
            ),
        )
        if fault is not None and fault.drop == "after":
            self._drop()
            return
        self._send(made)

    def _early_fault(self, name: str, path: str) -> Fault | None:
        """A fault that strikes while the body is read has to be found before it is."""
        waiting = [one for one in self.server.fake.faults.waiting if one.drop == "mid" and one.meets(name, path, b"")]
        return self.server.fake.faults.meet(name, path, b"") if waiting else None

    def _refused(self, fault: Fault) -> bool:
        if fault.delay_seconds:
            time.sleep(fault.delay_seconds)
        if fault.drop == "before":
            self._drop()
            return True
        if fault.status:
            self._send(Answer(ApiError(fault.status, fault.reason, fault.message).envelope(), fault.status))
            return True
        return False

    def _answer(self, answer: Any, request: Request) -> Answer:
        try:
            return answer(request)
        except ApiError as error:
            return Answer(error.envelope(), error.code)
        except duckdb.Error as error:
            traceback.print_exc()
            known = from_duckdb(error)
            return Answer(known.envelope(), known.code)
        except Exception as error:  # noqa: BLE001 - a mistake in the fake is an answer that no client retries
            traceback.print_exc()
            shown = ApiError(501, "notImplemented", f"the fake BigQuery failed: {type(error).__name__}: {error}")
            return Answer(shown.envelope(), 501)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b"".join(iter(self._chunk, b""))
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0], 16)
        content = self.rfile.read(size)
        self.rfile.readline()
        return content

    def _drop(self) -> None:
        """Close without an answer."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _control(self, path: str) -> None:
        faults = self.server.fake.faults
        body = self._body()
        if (self.command, path) == ("POST", "/_fake/faults"):
            asked = json.loads(body)
            faults.add(asked.pop("route"), **asked)
        elif (self.command, path) == ("DELETE", "/_fake/faults"):
            faults.clear()
        elif (self.command, path) == ("DELETE", "/_fake/counts"):
            faults.reset_counts()
        elif (self.command, path) != ("GET", "/_fake/faults"):
            self._send(Answer({"error": f"no {self.command} {path}"}, 404))
            return
        self._send(Answer(faults.shown()))

    def _send(self, answer: Answer) -> None:
        content = b"" if answer.body is None else json.dumps(answer.body, separators=(",", ":")).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
