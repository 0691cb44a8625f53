"""Amazon S3, and whatever speaks its language, as a keeper of drops: through s3fs.

Credentials, region and endpoint are found by the AWS library itself: environment, `~/.aws`, or the role of the machine; nothing of it
passes through here.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sahara_assets.drops.buckets import PAGE_OBJECTS, Details, Kind, OtherObjectError, Store, Trouble, without_secrets
from sahara_assets.drops.folders import Stat, moment
from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sahara_assets.settings.buckets import Bucket

TRIES = 4
"""How often a request is tried in all where the network or the store stumbles, with pauses that grow."""

_NO_CREDENTIALS = "there are no AWS credentials; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role gives some"

_ANSWERS: dict[str, tuple[Kind, str]] = {
    **dict.fromkeys(("NoSuchBucket", "NoSuchKey", "404"), ("gone", "")),
    **dict.fromkeys(("PreconditionFailed", "412"), ("changed", "")),
    **dict.fromkeys(
        ("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "500", "502", "503", "504"),
        ("away", "s3://{name} answers: {code}"),
    ),
    **dict.fromkeys(
        ("AccessDenied", "AllAccessDisabled", "403"),
        (
            "refused",
            "access denied; the credentials need s3:ListBucket on {name} and s3:GetObject on what is in it (and kms:Decrypt where it is encrypted)",
        ),
    ),
    **dict.fromkeys(
        ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"),
        ("refused", "the AWS credentials are not accepted ({code}); renew them"),
    ),
    **dict.fromkeys(
        ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"),
        ("refused", "the bucket is in another region ({code}); set AWS_DEFAULT_REGION to where it is"),
    ),
    "InvalidObjectState": ("refused", "is archived (Glacier) and cannot be read; restore it"),
}
"""What S3 answers by its error codes: kind and sentence. Answers to a HEAD have no code but their status."""


def connect_s3(bucket: Bucket) -> Store:
    """The bucket, ready to be asked.

    Raises:
        DropError: s3fs is not installed.
    """
    try:
        from aiobotocore.session import AioSession
        from s3fs import S3FileSystem
    except ImportError as error:
        raise DropError(
            f"{bucket}: reading from S3 needs s3fs, which is not installed: pip install 'sahara-assets[s3]'"
        ) from error
    session = AioSession()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_parsed_moment)
    # An instance of its own: s3fs would keep one a thread for ever, and with it the credentials and endpoint it first found.
    files = S3FileSystem(
        skip_instance_cache=True,
        use_listings_cache=False,
        session=session,
        config_kwargs={"retries": {"mode": "standard", "total_max_attempts": TRIES}},
    )
    return _S3(bucket, files)


class _S3(Store):
    def __init__(self, bucket: Bucket, files: Any) -> None:  # noqa: ANN401 - s3fs has no types
        self._bucket = bucket
        self._files = files

    def page(self, prefix: str, token: str = "", most: int = PAGE_OBJECTS) -> tuple[list[tuple[str, Details]], str]:
        more = {"ContinuationToken": token} if token else {}
        page = self._files.call_s3("list_objects_v2", Bucket=self._bucket.name, Prefix=prefix, MaxKeys=most, **more)
        return [(found["Key"], found) for found in page.get("Contents", ())], page.get("NextContinuationToken", "")

    def stat(self, details: Details) -> Stat:
        # Some stores list fractions of a second and tell whole ones of a single object.
        modified = int(details["LastModified"].timestamp())
        signature = f"{_version(details['Size'], details)}-{modified}"
        return Stat(details["Size"], moment(modified * 1_000_000), signature)

    def ranges(self, key: str, signature: str) -> Callable[[int, int], bytes]:
        # What is opened asks for the same ETag with every part; that it is the listed one must be seen here.
        opened = self._files.open(f"{self._bucket.name}/{key}", "rb", cache_type="none")
        if not signature.startswith(f"{_version(opened.size, opened.details)}-"):
            raise OtherObjectError

        def read(start: int, end: int) -> bytes:
            opened.seek(start)
            return bytes(opened.read(end - start))

        return read

    def trouble(self, error: Exception) -> Trouble | None:
        from botocore import exceptions as botocore
        from s3fs.utils import FileExpired

        answer = error if isinstance(error, botocore.ClientError) else error.__cause__
        if isinstance(answer, botocore.ClientError):
            code = str(answer.response.get("Error", {}).get("Code", ""))
            kind, sentence = _ANSWERS.get(code, ("refused", "cannot be read ({error})"))
            return Trouble(kind, sentence.format(name=self._bucket.name, code=code, error=without_secrets(answer)))
        meanings: tuple[tuple[Any, Trouble], ...] = (
            (FileExpired, Trouble("changed")),
            (FileNotFoundError, Trouble("gone")),
            ((botocore.NoCredentialsError, botocore.PartialCredentialsError), Trouble("refused", _NO_CREDENTIALS)),
            (
                (botocore.CredentialRetrievalError, botocore.ProfileNotFound, botocore.SSOError),
                Trouble("refused", f"the AWS credentials cannot be had ({without_secrets(error)})"),
            ),
            (
                (botocore.ConnectionError, botocore.HTTPClientError, TimeoutError, ConnectionError),
                Trouble("away", f"s3://{self._bucket.name} does not answer: {without_secrets(error)}"),
            ),
            ((botocore.BotoCoreError, OSError), Trouble("refused", f"cannot be read ({without_secrets(error)})")),
        )
        return next((trouble for kinds, trouble in meanings if isinstance(error, kinds)), None)


def _parsed_moment(text: Any) -> datetime:  # noqa: ANN401 - numbers too, in answers that are no listings
    """A moment in an answer; as the library reads it, which by itself takes four fifths of the time of a long listing for that."""
    from botocore.utils import parse_timestamp

    if isinstance(text, str) and text.endswith("Z") and "T" in text:
        return datetime.fromisoformat(text)
    moment_of: datetime = parse_timestamp(text)
    return moment_of


def _version(size: int, details: Details) -> str:
    """What tells contents apart; the ETag is not always their hash, but another one with another content."""
    return f"{size}-{details['ETag'].strip(chr(34))}"
