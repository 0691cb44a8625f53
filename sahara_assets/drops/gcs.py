"""Google Cloud Storage as a keeper of drops: through gcsfs.

Credentials are Google's application default credentials, found by its own library. Where `STORAGE_EMULATOR_HOST` is set, that is asked
instead and without any, as by Google's own client.
"""

from __future__ import annotations

import logging
import os
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sahara_assets.drops.buckets import PAGE_OBJECTS, Details, Kind, OtherObjectError, Store, Trouble, without_secrets
from sahara_assets.drops.folders import Stat, moment
from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sahara_assets.settings.buckets import Bucket

_FIELDS = "nextPageToken,items(name,size,generation,timeCreated,contentEncoding)"
_NO_CREDENTIALS = (
    "there are no Google credentials; run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a key file, or "
    "run where a service account gives some"
)
_NOT_ACCEPTED = "the Google credentials are not accepted; renew them"
_UNAUTHORISED = 401
_TOO_BUSY = frozenset({408, 429, 500, 502, 503, 504})


def connect_gcs(bucket: Bucket) -> Store:
    """The bucket, ready to be asked.

    Raises:
        DropError: gcsfs is not installed, or there are no credentials.
    """
    try:
        # Not the class that gcsfs offers first: that one asks another service, over gRPC, what kind of bucket it has before it reads.
        from aiohttp import ClientTimeout
        from gcsfs.core import GCSFileSystem
        from google.auth.exceptions import GoogleAuthError
    except ImportError as error:
        raise DropError(
            f"{bucket}: reading from Google Cloud Storage needs gcsfs, which is not installed: pip install 'sahara-assets[gcs]'"
        ) from error
    # It logs every error with its traceback before it raises it; we tell it once, in words.
    logging.getLogger("gcsfs").addHandler(logging.NullHandler())
    try:
        files = GCSFileSystem(
            skip_instance_cache=True,
            use_listings_cache=False,
            access="read_only",
            # A sensor has a minute: six tries must not wait for five minutes each, which is what they would by themselves.
            requests_timeout=ClientTimeout(total=None, sock_connect=3, sock_read=15),
            token="anon" if os.environ.get("STORAGE_EMULATOR_HOST") else "google_default",
        )
    except GoogleAuthError as error:
        raise DropError(f"{bucket}: {_NO_CREDENTIALS}") from error
    return _Gcs(bucket, files)


class _Gcs(Store):
    def __init__(self, bucket: Bucket, files: Any) -> None:  # noqa: ANN401 - gcsfs has no types
        self._bucket = bucket
        self._files = files

    def page(self, prefix: str, token: str = "", most: int = PAGE_OBJECTS) -> tuple[list[tuple[str, Details]], str]:
        page = self._files.call(
            "GET",
            "b/{}/o",
            self._bucket.name,
            json_out=True,
            prefix=prefix or None,
            pageToken=token or None,
            maxResults=most,
            fields=_FIELDS,
        )
        return [(found["name"], found) for found in page.get("items", ())], page.get("nextPageToken", "")

    def stat(self, details: Details) -> Stat:
        size = int(details.get("size", 0))
        fault = None
        if details.get("contentEncoding") == "gzip":
            # Google would unpack it on the way, and cannot give parts of what it unpacks.
            fault = (
                "is stored with Content-Encoding: gzip; upload it without (no `gsutil cp -z`, no `gcloud storage cp --gzip-local`), or take "
                "that away: `gcloud storage objects update --clear-content-encoding`"
            )
        # A generation is one upload, and its creation the time of that; `updated` would change with metadata.
        created = datetime.fromisoformat(details["timeCreated"])
        return Stat(size, moment(int(created.timestamp() * 1_000_000)), f"{size}-{details['generation']}", fault)

    def ranges(self, key: str, signature: str) -> Callable[[int, int], bytes]:
        path, generation = f"{self._bucket.name}/{key}", signature.rpartition("-")[2]

        def read(start: int, end: int) -> bytes:
            try:
                return bytes(self._files.cat_file(path, start=start, end=end, generation=generation))
            except FileNotFoundError:
                # A generation that was replaced is as gone as an object that was deleted.
                if any(name == key for name, _ in self.page(key, most=1)[0]):
                    raise OtherObjectError from None
                raise

        return read

    def trouble(self, error: Exception) -> Trouble | None:
        import aiohttp
        import requests
        from gcsfs.retry import HttpError, NonRetryableError
        from google.auth.exceptions import GoogleAuthError

        name, said = self._bucket.name, without_secrets(error) or type(error).__name__
        if isinstance(error, HttpError):
            kind: Kind = "away" if error.code in _TOO_BUSY else "refused"
            return Trouble(kind, _NOT_ACCEPTED if error.code == _UNAUTHORISED else f"gs://{name} answers: {said}")
        if str(error).startswith("Forbidden"):
            return Trouble("refused", f"access denied; the credentials need the role Storage Object Viewer on {name}")
        meanings: tuple[tuple[Any, Trouble], ...] = (
            (FileNotFoundError, Trouble("gone")),
            ((GoogleAuthError, NonRetryableError), Trouble("refused", _NOT_ACCEPTED)),
            (
                (aiohttp.ClientError, requests.RequestException, TimeoutError, ConnectionError),
                Trouble("away", f"gs://{name} does not answer: {said}"),
            ),
            ((OSError, ValueError), Trouble("refused", f"cannot be read ({said})")),
        )
        return next((trouble for kinds, trouble in meanings if isinstance(error, kinds)), None)
