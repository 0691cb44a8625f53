"""Uploads: a job's resource and its file in one multipart request, or in a resumable session of several.

"Upload file data", https://cloud.google.com/bigquery/docs/reference/api-uploads: a resumable session begins with a POST that is answered by
its address in `Location`, takes chunks of whole 256 KiB with `Content-Range`, answers 308 with the `Range` it has until it has all, and
answers a `Content-Range: bytes */size` without a body with what it has so far.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

from sahara_assets_tests.fake_bigquery.errors import ApiError, invalid, not_found

CHUNK_MULTIPLE = 256 * 1024


def multipart(content_type: str, body: bytes) -> tuple[dict[str, Any], bytes]:
    """The resource and the file of a `multipart/related` request."""
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    if not boundary:
        raise invalid("multipart request without a boundary")
    sections = body.split(b"--" + boundary.group(1).encode())
    parts = [section.removeprefix(b"\r\n").partition(b"\r\n\r\n")[2] for section in sections[1:-1]]
    if len(parts) != 2:
        raise invalid(f"multipart request with {len(parts)} parts instead of 2")
    return json.loads(parts[0]), parts[1].removesuffix(b"\r\n")


@dataclass
class Upload:
    """A resumable session; `answer` is kept once it is complete, so that a repeated last chunk gets the same."""

    project: str
    resource: dict[str, Any]
    content: bytearray = field(default_factory=bytearray)
    answer: dict[str, Any] | None = None


class Uploads:
    """The sessions that are open."""

    def __init__(self) -> None:
        self._sessions: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def begin(self, project: str, resource: dict[str, Any]) -> str:
        name = uuid.uuid4().hex
        with self._lock:
            self._sessions[name] = Upload(project, resource)
        return name

    def session(self, name: str) -> Upload:
        found = self._sessions.get(name)
        if found is None:
            raise not_found("Upload", name)
        return found

    @staticmethod
    def take(session: Upload, content_range: str, body: bytes) -> bool:
        """Add a chunk.

        Returns:
            Whether the file is whole now.
        """
        asked = re.fullmatch(r"bytes \*/(\*|\d+)", content_range)
        if asked:
            return asked.group(1) != "*" and len(session.content) == int(asked.group(1))
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\*|\d+)", content_range)
        if not found:
            raise invalid(f"Content-Range {content_range!r} is none")
        start, end, size = int(found.group(1)), int(found.group(2)), found.group(3)
        if end - start + 1 != len(body) or start > len(session.content):
            raise ApiError(
                400, "invalid", f"chunk {content_range} does not follow the {len(session.content)} bytes that are here"
            )
        if size == "*" and len(body) % CHUNK_MULTIPLE:
            raise invalid("every chunk but the last must be a multiple of 256 KiB")
        del session.content[start:]
        session.content += body
        return size != "*" and len(session.content) == int(size)
