"""A collection of a MongoDB, read through pymongo by a watermark field, `_id` included.

Documents are written as `mongoexport` writes them (extended JSON, relaxed); the reader takes their lists apart as it does for any
nested drop. A cursor of MongoDB is no snapshot: a document that changes while it runs may come twice. So an extract first asks for the
newest watermark and reads no further; what changes meanwhile lies above and is the next extract's.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sahara_assets.extracts.sources import Stated, WatermarkedSource
from sahara_assets.extracts.watermarks import ExtractError, Watermark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sahara_assets.settings.extracts import ExtractSettings

_FETCHED = 1_000
_PATIENCE_MSEC = 10_000
_INSTALL = "MongoDB needs the package pymongo: pip install 'sahara-assets[mongo]'"


class MongoSource(WatermarkedSource):
    """One extract's connection.

    Args:
        extract: what to read.
        address: its URL, secrets included.

    Raises:
        ExtractError: pymongo is not installed, or the URL names no database.
    """

    def __init__(self, extract: ExtractSettings, address: str) -> None:
        try:
            import pymongo
            from bson.codec_options import CodecOptions, DatetimeConversion
        except ModuleNotFoundError as error:
            raise ExtractError(_INSTALL) from error

        self._field = extract.watermark
        with _told():
            self._client: Any = pymongo.MongoClient(
                address, appname="sahara", serverSelectionTimeoutMS=_PATIENCE_MSEC, connect=False
            )
            try:
                database = self._client.get_default_database()
            except pymongo.errors.ConfigurationError:
                self._client.close()
                raise ExtractError("the URL names no database; write mongodb://HOST/DATABASE") from None
        options: Any = CodecOptions(tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO)
        self._collection = database.get_collection(extract.collection, codec_options=options)

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def unmarked(self) -> int:
        """Documents without the field, or with null in it."""
        with _told():
            return int(self._collection.count_documents({self._field: None}))

    def stated(self, start: Watermark | None) -> Iterator[Stated]:
        """Documents by their watermark, up to the newest that there is now."""
        from bson.json_util import RELAXED_JSON_OPTIONS, dumps

        newest = self._end(-1)
        if newest is None:
            return
        oldest = self._end(1)
        if oldest is not None and oldest.kind != newest.kind:
            raise ExtractError(
                f"{self._field} holds values of different kinds (a {oldest.kind} and a {newest.kind}), which are in no order"
            )
        if start is not None and start.kind != newest.kind:
            raise ExtractError(
                f"{self._field} held a {start.kind} and now holds a {newest.kind}; read all anew with --full"
            )
        bounds = {"$lte": newest.value, **({"$ne": None} if start is None else {"$gte": start.value})}
        order = [(self._field, 1), *([("_id", 1)] if self._field != "_id" else [])]
        with _told(), self._collection.find({self._field: bounds}, sort=order, batch_size=_FETCHED) as cursor:
            for document in cursor:
                line = dumps(document, json_options=RELAXED_JSON_OPTIONS, ensure_ascii=False, separators=(",", ":"))
                encoded = f"{line}\n".encode("utf-8", "backslashreplace")
                yield Stated(Watermark.of(self._value(document)), (encoded,))

    def _end(self, direction: int) -> Watermark | None:
        """The newest (-1) or oldest (1) watermark; None where no document has one."""
        with _told():
            found = self._collection.find_one({self._field: {"$ne": None}}, sort=[(self._field, direction)])
        return None if found is None else Watermark.of(self._value(found))

    def _value(self, document: Any) -> Any:  # noqa: ANN401 - whatever a document holds
        for name in self._field.split("."):
            document = document.get(name) if isinstance(document, dict) else None
        return document


@contextmanager
def _told() -> Iterator[None]:
    """Turn pymongo's errors into ours; they name hosts, never passwords."""
    import pymongo.errors

    try:
        yield
    except pymongo.errors.PyMongoError as error:
        words = " ".join(str(error).split()).partition(", Timeout:")[0]
        raise ExtractError(f"MongoDB says: {words[:400]}") from None
