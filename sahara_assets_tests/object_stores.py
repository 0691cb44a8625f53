"""S3 and Google Cloud Storage for tests: moto's server and `gcp-storage-emulator`, each behind a gate on loopback that can do harm.

The gate is what the code under test talks to. It counts requests, and it can answer in the server's stead, cut an answer short, do
something before it passes a request on, or be closed altogether. Where the Google emulator differs from what Google documents in a way
that matters here (it knows neither pages nor generations), the gate makes good for it; the documentation is cited there.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import itertools
import json
import logging
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Asked:
    """A request: its method, the object or bucket it is about, its query, and the bytes of the object that it wants."""

    method: str
    target: str
    query: dict[str, str]
    wanted: tuple[int, int] | None = None


@dataclass(frozen=True)
class Answer:
    """A status, headers and a body."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Gate:
    """The door to a store.

    Attributes:
        target: the server behind it, as host and port.
        asked: every request since the last `open`.
        instead: gives the answer in the server's stead, or None.
        first: called before a request is passed on.
        cut: how many bytes of an object's part are sent before the connection breaks; None for all.
    """

    target: tuple[str, int]
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    instead: Callable[[Asked], Answer | None] | None = None
    first: Callable[[Asked], None] | None = None
    cut: int | None = None
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None

    def open(self) -> None:
        """Let requests through, and forget what was."""
        self.asked.clear()
        self.instead = self.first = self.cut = None
        if self._server is not None:
            return
        gate = self

        class Handler(BaseHTTPRequestHandler):
            def __getattr__(self, name: str) -> Callable[[], None]:
                if name.startswith("do_"):
                    return partial(gate.pass_on, self)
                raise AttributeError(name)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=[POLL_SECONDS], daemon=True)
        self._thread.start()

    def close(self) -> None:
        """As a server that is gone: nobody listens any more."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = self._thread = None

    def pass_on(self, handler: BaseHTTPRequestHandler) -> None:
        """One request, there and back."""
        asked = self.read(handler)
        self.asked.append(asked)
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        if self.first is not None:
            self.first(asked)
        answer = self.instead(asked) if self.instead is not None else None
        if answer is None:
            headers = {name: value for name, value in handler.headers.items() if name.lower() != "connection"}
            answer = self.answer(asked, handler.path, headers, body)
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if "content-length" not in {name.lower() for name in answer.headers}:
            handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        if self.cut is not None and asked.wanted is not None and asked.method == "GET":
            handler.wfile.write(answer.body[: self.cut])
            return
        handler.wfile.write(answer.body)

    def read(self, handler: BaseHTTPRequestHandler) -> Asked:
        """A request in short."""
        parts = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        unit, _, bounds = (handler.headers.get("Range") or "").partition("=")
        wanted = None
        if unit == "bytes":
            start, _, last = bounds.partition("-")
            wanted = (int(start), int(last))
        return Asked(handler.command, unquote(parts.path), query, wanted)

    def answer(self, asked: Asked, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """What the server says."""
        connection = http.client.HTTPConnection(*self.target, timeout=30)
        try:
            connection.request(asked.method, path, body=body or None, headers=headers)
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        kept = {
            name: value
            for name, value in response.getheaders()
            if name.lower() not in {"connection", "transfer-encoding", "server", "date"}
        }
        return Answer(response.status, kept, data)


class GoogleGate(Gate):
    """The same, with what the emulator lacks."""

    def answer(self, asked: Asked, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """What the server says, with pages and generations."""
        if asked.method == "GET" and asked.target.startswith("/storage/v1/b/") and asked.target.endswith("/o"):
            return _page(asked, super().answer(asked, path, headers, body))
        if asked.target.startswith("/download/") and (generation := asked.query.get("generation")):
            about = path.removeprefix("/download").partition("?")[0]
            there = super().answer(Asked("GET", about, {}), about, {}, b"")
            # "If present, selects a specific revision of this object (as opposed to the latest version, the default)": where it was
            # overwritten without object versioning, there is no such object. https://cloud.google.com/storage/docs/json_api/v1/objects/get
            if there.status != 200 or json.loads(there.body)["generation"] != generation:
                return error(404, f"No such object: {asked.target}")
        return super().answer(asked, path, headers, body)


def _page(asked: Asked, answer: Answer) -> Answer:
    """One page of a listing: "Maximum combined number of entries in items[] and prefixes[] to return in a single page of responses".

    https://cloud.google.com/storage/docs/json_api/v1/objects/list; a token is whatever the store likes.
    """
    if answer.status != 200:
        return answer
    document = json.loads(answer.body)
    items = sorted(document.get("items", []), key=lambda item: item["name"].encode())
    if token := asked.query.get("pageToken"):
        after = base64.urlsafe_b64decode(token)
        items = [item for item in items if item["name"].encode() > after]
    most = int(asked.query.get("maxResults", "1000"))
    page = {"kind": "storage#objects", "items": items[:most]}
    if len(items) > most:
        page["nextPageToken"] = base64.urlsafe_b64encode(items[most - 1]["name"].encode()).decode()
    return Answer(200, {"Content-Type": "application/json"}, json.dumps(page).encode())


def error(status: int, message: str) -> Answer:
    """What Google answers where something is wrong. https://cloud.google.com/storage/docs/json_api/v1/status-codes"""
    return Answer(
        status,
        {"Content-Type": "application/json"},
        json.dumps({"error": {"code": status, "message": message}}).encode(),
    )


class Bucket:
    """An empty bucket in a running store, and what a sender does with it.

    Attributes:
        gate: the door that the code under test goes through.
        environment: how it finds the door, and whatever it needs to be let in.
    """

    scheme: ClassVar[str]
    secret: ClassVar[str] = "s3cretKeyOfTheTests"

    def __init__(self, gate: Gate, name: str) -> None:
        self.gate = gate
        self.name = name

    @property
    def environment(self) -> dict[str, str]:
        raise NotImplementedError

    def address(self, prefix: str = "") -> str:
        return f"{self.scheme}://{self.name}/{prefix}"

    def put(self, key: str, content: bytes | str, **metadata: str) -> None:
        raise NotImplementedError

    def delete(self, key: str) -> None:
        raise NotImplementedError

    def reads_of(self, key: str) -> list[Asked]:
        """The requests that asked for bytes of an object."""
        return [a for a in self.gate.asked if a.method == "GET" and a.wanted and a.target.endswith(key)]

    def listings(self) -> list[Asked]:
        """The requests that asked for a page of a listing."""
        raise NotImplementedError

    def deny(self, asked: Asked) -> Answer | None:
        """For `gate.instead`: nobody may."""
        raise NotImplementedError

    def unknown_key(self, asked: Asked) -> Answer | None:
        """For `gate.instead`: whoever asks is unknown."""
        raise NotImplementedError

    def busy(self, asked: Asked) -> Answer | None:
        """For `gate.instead`: too many ask."""
        raise NotImplementedError

    def _send(self, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        connection = http.client.HTTPConnection(*self.gate.target, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        assert response.status < 300, (method, path, response.status, data)
        return data


_SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=AKIATESTS/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
}
"""Moto lets nobody overwrite who signs nothing, but does not look at the signature."""


class S3Bucket(Bucket):
    """In moto."""

    scheme = "s3"

    def __init__(self, gate: Gate, name: str) -> None:
        super().__init__(gate, name)
        self._send("PUT", f"/{name}")

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.gate.port}",
            "AWS_ACCESS_KEY_ID": "AKIATESTS",
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def put(self, key: str, content: bytes | str, **metadata: str) -> None:
        body = content.encode() if isinstance(content, str) else content
        self._send("PUT", f"/{self.name}/{quote(key)}", body, **{"Content-Type": "text/csv", **_SIGNED, **metadata})

    def delete(self, key: str) -> None:
        self._send("DELETE", f"/{self.name}/{quote(key)}", **_SIGNED)

    def listings(self) -> list[Asked]:
        return [asked for asked in self.gate.asked if "list-type" in asked.query]

    def deny(self, asked: Asked) -> Answer | None:
        return self._refused(asked, 403, "AccessDenied", "Access Denied")

    def unknown_key(self, asked: Asked) -> Answer | None:
        return self._refused(
            asked, 403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
        )

    def busy(self, asked: Asked) -> Answer | None:
        return self._refused(asked, 503, "SlowDown", "Please reduce your request rate.")

    def _refused(self, asked: Asked, status: int, code: str, message: str) -> Answer:
        """As S3 does; a HEAD is answered without a body. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        return Answer(status, {"Content-Type": "application/xml"}, b"" if asked.method == "HEAD" else body)


_IN_PARTS = {"Content-Type": "multipart/related; boundary=part"}
_EMPTY = (
    b"--part\r\nContent-Type: application/json\r\n\r\n{}\r\n--part\r\nContent-Type: text/csv\r\n\r\n\r\n--part--\r\n"
)


class GoogleBucket(Bucket):
    """In the storage emulator."""

    scheme = "gs"

    def __init__(self, gate: Gate, name: str) -> None:
        super().__init__(gate, name)
        self._send("POST", "/storage/v1/b", json.dumps({"name": name}).encode(), **{"Content-Type": "application/json"})

    @property
    def environment(self) -> dict[str, str]:
        return {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{self.gate.port}"}

    def put(self, key: str, content: bytes | str, **metadata: str) -> None:
        body = content.encode() if isinstance(content, str) else content
        name = quote(key, safe="")
        path = f"/upload/storage/v1/b/{self.name}/o"
        if body:
            self._send("POST", f"{path}?uploadType=media&name={name}", body, **{"Content-Type": "text/csv"})
        else:  # the emulator breaks down over an empty body
            self._send("POST", f"{path}?uploadType=multipart&name={name}", _EMPTY, **_IN_PARTS)
        if metadata:
            about = json.dumps(metadata).encode()
            self._send("PATCH", f"/storage/v1/b/{self.name}/o/{name}", about, **{"Content-Type": "application/json"})

    def delete(self, key: str) -> None:
        self._send("DELETE", f"/storage/v1/b/{self.name}/o/{quote(key, safe='')}")

    def listings(self) -> list[Asked]:
        return [asked for asked in self.gate.asked if asked.target.endswith("/o")]

    def deny(self, asked: Asked) -> Answer | None:
        message = "tests@example.com does not have storage.objects.list access to the Google Cloud Storage bucket."
        return error(403, message)

    def unknown_key(self, asked: Asked) -> Answer | None:
        return error(401, "Invalid Credentials")

    def busy(self, asked: Asked) -> Answer | None:
        return error(503, "Service Unavailable: slow down")


@contextmanager
def running_moto() -> Iterator[tuple[str, int]]:
    """Moto's server, as host and port."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield server.get_host_and_port()
    finally:
        server.stop()


@contextmanager
def running_storage_emulator() -> Iterator[tuple[str, int]]:
    """The Google Cloud Storage emulator, as host and port."""
    from gcp_storage_emulator.server import create_server

    server = create_server("127.0.0.1", 0, in_memory=True)
    server._api.daemon = True
    # It would write everything it knows of every object with every upload.
    server._storage._write_config_to_file = lambda: None
    server.start()
    try:
        yield server._api._httpd.server_address
    finally:
        server.stop()


class Stores:
    """The stores that run, each started when first asked for."""

    def __init__(self) -> None:
        self._running = ExitStack()
        self._gates: dict[str, Gate] = {}
        self._numbers = itertools.count(1)

    def bucket(self, kind: str) -> Bucket:
        """A new bucket, with its gate open."""
        run, gate, bucket = STORES[kind]
        if kind not in self._gates:
            self._gates[kind] = gate(self._running.enter_context(run()))
        self._gates[kind].open()
        return bucket(self._gates[kind], f"shop-{next(self._numbers)}")

    def stop(self) -> None:
        for gate in self._gates.values():
            gate.close()
        self._running.close()


STORES = {
    "gs": (running_storage_emulator, GoogleGate, GoogleBucket),
    "s3": (running_moto, Gate, S3Bucket),
}
"""Every kind of store: what runs it, its gate, and a bucket in it."""


@pytest.fixture(scope="session")
def running_stores() -> Iterator[Stores]:
    """The stores, for all tests of a worker."""
    stores = Stores()
    yield stores
    stores.stop()


@pytest.fixture(params=sorted(STORES))
def bucket(request: pytest.FixtureRequest, running_stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket in each kind of store, which this process finds like a real one."""
    made = running_stores.bucket(request.param)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    yield made
    made.gate.open()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait between the tries of a request: real ones take half a minute."""
    monkeypatch.setattr("sahara_assets.drops.s3.TRIES", 1)
    monkeypatch.setattr("s3fs.core.asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": lambda _: asyncio.sleep(0)}))
    monkeypatch.setattr("gcsfs.retry.asyncio", SimpleNamespace(sleep=lambda _: asyncio.sleep(0)))
