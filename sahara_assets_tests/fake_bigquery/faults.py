"""Faults on demand, and the count of what was asked: what a test of retries tells the server; the server does as it is told.

A fault matches a route's name (as `routes` names it; `*` matches every one) and, where given, a text in the request's path or body.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any

REASONS = {429: "rateLimitExceeded", 403: "quotaExceeded", 500: "internalError", 502: "badGateway", 503: "backendError"}
"""The reason that belongs to a status where a fault names none: https://cloud.google.com/bigquery/docs/error-messages."""


@dataclass
class Fault:
    """What happens to the next requests that match.

    Attributes:
        route: a route's name or a pattern, such as `jobs.insert`, `upload.*` or `*`.
        times: how many requests it meets before it is used up.
        after: how many matching requests pass before it begins.
        status: answer with this status instead of doing the work.
        reason: the error's reason; the usual one of the status where empty.
        message: the error's message.
        drop: `before` closes the connection without doing the work, `after` does the work and closes before answering (the answer
            is lost), `mid` reads half of the body and closes (a connection lost during an upload).
        delay_seconds: wait so long before anything else.
        containing: only requests whose path or body holds this text.
    """

    route: str
    times: int = 1
    after: int = 0
    status: int = 0
    reason: str = ""
    message: str = "made to fail by the test"
    drop: str = ""
    delay_seconds: float = 0.0
    containing: str = ""

    def __post_init__(self) -> None:
        if self.drop not in {"", "before", "after", "mid"}:
            raise ValueError(f"drop is before, after or mid, not {self.drop!r}")
        if not self.reason and self.status:
            self.reason = REASONS.get(self.status, "backendError")

    def meets(self, route: str, path: str, body: bytes) -> bool:
        held = not self.containing or self.containing in path or self.containing.encode() in body
        return self.times > 0 and held and fnmatchcase(route, self.route)


@dataclass
class Faults:
    """The faults that wait, and how often every route was asked; safe between threads."""

    waiting: list[Fault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    upload_bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, route: str, **how: Any) -> Fault:
        fault = Fault(route, **how)
        with self._lock:
            self.waiting.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self.waiting.clear()

    def reset_counts(self) -> None:
        with self._lock:
            self.counts.clear()
            self.upload_bytes = 0

    def count(self, route: str) -> int:
        """How many requests came for a route or a pattern of routes."""
        with self._lock:
            return sum(number for name, number in self.counts.items() if fnmatchcase(name, route))

    def note_upload(self, size: int) -> None:
        with self._lock:
            self.upload_bytes += size

    def meet(self, route: str, path: str, body: bytes) -> Fault | None:
        """Count a request and take the first fault that meets it."""
        with self._lock:
            self.counts[route] += 1
            for fault in self.waiting:
                if fault.meets(route, path, body):
                    if fault.after > 0:
                        fault.after -= 1
                        return None
                    fault.times -= 1
                    return fault
        return None

    def shown(self) -> dict[str, Any]:
        with self._lock:
            waiting = [asdict(fault) for fault in self.waiting if fault.times > 0]
            return {"counts": dict(sorted(self.counts.items())), "uploadBytes": self.upload_bytes, "waiting": waiting}
