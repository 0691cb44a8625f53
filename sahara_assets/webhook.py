"""Posting one JSON document to a webhook, with a time limit and a few tries; and taking secrets out of what is posted.

What is posted, and when, is decided in `alerts.py`.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sahara_assets.settings.document import Settings

PAUSES_SECONDS = (1.0, 3.0)
"""Between the tries of one delivery: three tries in all."""

_AWAY = frozenset({401, 403, 404, 408, 410, 425, 429})
"""Answers that speak of the webhook rather than of what was posted: the same may be taken later."""

# What may come before a match is bounded, because a text may be one word of a megabyte.
_IN_A_URL = re.compile(r"(\b\w{1,20}://[^\s:/@]*):[^\s/]*@")
_QUERY = re.compile(r"(\b\w{1,20}://[^\s?#]+)[?#]\S*")
_NAMED = re.compile(
    r"(?i)([\w-]{0,30}(?:password|passwd|token|secret|api[-_]?key|access[-_]?key|signature|credentials?)|\b(?:pwd|sig))"
    r"(\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&]+)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")


@dataclass(frozen=True)
class Delivery:
    """What came of a post.

    Attributes:
        delivered: whether the webhook took it.
        again: whether it may take the same later.
        answer: what it said, or why nothing came back; never the URL.
    """

    delivered: bool
    again: bool = False
    answer: str = ""


def deliver(
    url: str, document: Mapping[str, Any], *, timeout_seconds: float, sleep: Callable[[float], None] = time.sleep
) -> Delivery:
    """Post a document, up to three times; an error is an answer here, never an exception."""
    found = _post(url, document, timeout_seconds)
    for pause in PAUSES_SECONDS:
        if found.delivered or not found.again:
            break
        sleep(pause)
        found = _post(url, document, timeout_seconds)
    return found


def _post(url: str, document: Mapping[str, Any], timeout_seconds: float) -> Delivery:
    # Imported here, because only a failed run needs it.
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class NoRedirects(HTTPRedirectHandler):
        """A redirect would turn the post into a GET, or carry it to another host."""

        def redirect_request(self, *_: object) -> None:
            return None

    request = Request(  # noqa: S310 - the settings take http and https only
        url,
        data=json.dumps(document, ensure_ascii=False).encode(),
        headers={"Content-Type": "application/json; charset=utf-8", "User-Agent": "sahara"},
        method="POST",
    )
    try:
        with build_opener(NoRedirects).open(request, timeout=timeout_seconds) as answer:
            return Delivery(delivered=True, answer=str(answer.status))
    except HTTPError as error:
        error.close()
        again = error.code >= 500 or error.code in _AWAY
        return Delivery(delivered=False, again=again, answer=f"it answered {error.code}")
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        return Delivery(delivered=False, again=True, answer=f"no answer ({type(reason).__name__})")


def without_secrets(text: str, settings: Settings) -> str:
    """A text without what only we and the servers may know: passwords, tokens, the query of every URL, the webhook itself."""
    for secret in _secrets(settings):
        text = text.replace(secret, "***")
    text = _IN_A_URL.sub(r"\1:***@", text)
    text = _QUERY.sub(r"\1?***", text)
    text = _NAMED.sub(r"\1\2***", text)
    return _BEARER.sub(r"\1 ***", text)


def _secrets(settings: Settings) -> list[str]:
    parts = urlsplit(settings.warehouse.url)
    found = {settings.alerts.webhook_url, parts.password or "", unquote(parts.password or "")}
    # The longest first, because one may be part of another; one that is shorter than that would eat ordinary words.
    return sorted((secret for secret in found if len(secret) > 3), key=len, reverse=True)
