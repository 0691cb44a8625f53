"""A webhook for tests: a real HTTP server on loopback that keeps what is posted to it and answers as it is told."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Webhook:
    """What was posted, and what is answered.

    Attributes:
        url: where to post; its path and query are secret, as Slack's are.
        answers: the status codes of the next answers; 200 when there are none left. 0 closes the connection without a word.
        posted: every document that was posted, whatever the answer was.
        taken: those that were answered with 200.
    """

    url: str = ""
    answers: list[int] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)


SECRET = "T0/B0/s3cretPath?token=s3cretQuery"


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A running webhook."""
    kept = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["Content-Type"].startswith("application/json")
            assert self.path == f"/services/{SECRET}"
            kept.posted.append(document)
            code = kept.answers.pop(0) if kept.answers else 200
            if code == 0:
                self.close_connection = True
                return
            if code == 200:
                kept.taken.append(document)
            self.send_response(code)
            if code in {301, 302, 307}:
                self.send_header("Location", f"{kept.url}&elsewhere")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}/services/{SECRET}"
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
