"""A MongoDB for tests: pymongo itself connects over TCP, asks in MongoDB's wire protocol, and mongomock answers.

No package of Debian, PyPI or npm brings a mongod (those that are named so download one when they are used), so what stands behind the wire
is mongomock, whose authors say how a filter and an order are meant. The wire here is OP_MSG with one body section
(https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/), and of the commands those that a reader needs.
"""

import itertools
import socketserver
import struct
import threading

import bson
import mongomock
from bson.codec_options import CodecOptions

_OP_MSG = 2013
_OP_QUERY, _OP_REPLY = 2004, 1
_HEADER = struct.Struct("<iiii")
_PAGE = 101
AWARE = CodecOptions(tz_aware=True)


class MongoServer:
    """A running server; `database` is what it holds, to be filled directly.

    Attributes:
        dies_after: how many batches it still gives; then every connection is broken off. None never dies.
        on_batch: called before each batch, to change documents under a running cursor.
    """

    def __init__(self):
        self.database = mongomock.MongoClient(tz_aware=True)["shop"]
        self.dies_after = None
        self.on_batch = lambda: None
        self.cursors = {}
        self.numbers = itertools.count(1)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.mongo = self
        self.url = f"mongodb://127.0.0.1:{self._server.server_address[1]}/shop"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, command):
        """The reply to a command."""
        name = next(iter(command))
        if name.lower() in {"hello", "ismaster"}:
            return {
                "helloOk": True, "ismaster": True, "isWritablePrimary": True, "maxBsonObjectSize": 16 << 20,
                "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000, "minWireVersion": 0, "maxWireVersion": 21, "readOnly": False, "ok": 1.0,
            }  # fmt: skip
        if name == "find":
            return self._find(command)
        if name == "getMore":
            return self._batch(command["getMore"], command["collection"], command.get("batchSize", _PAGE), "nextBatch")
        if name == "aggregate":
            found = list(self.database[command["aggregate"]].aggregate(command["pipeline"]))
            return {"cursor": {"id": 0, "ns": f"shop.{command['aggregate']}", "firstBatch": found}, "ok": 1.0}
        if name in {"ping", "endSessions", "killCursors"}:
            return {"ok": 1.0}
        return {"ok": 0.0, "errmsg": f"no such command: {name}", "code": 59, "codeName": "CommandNotFound"}

    def _find(self, command):
        found = self.database[command["find"]].find(command.get("filter", {}))
        if command.get("sort"):
            found = found.sort(list(command["sort"].items()))
        if command.get("limit"):
            found = found.limit(abs(command["limit"]))
        number = next(self.numbers)
        # A cursor walks an index as it is now, not as it was: documents are looked up when their batch is asked for.
        self.cursors[number] = [document["_id"] for document in found]
        size = 1 if command.get("singleBatch") else command.get("batchSize", _PAGE)
        return self._batch(number, command["find"], size, "firstBatch")

    def _batch(self, number, collection, size, name):
        self.on_batch()
        ids = self.cursors[number]
        batch, rest = ids[:size], ids[size:]
        self.cursors[number] = rest
        documents = [found for one in batch if (found := self.database[collection].find_one({"_id": one})) is not None]
        left = number if rest else 0
        return {"cursor": {"id": bson.Int64(left), "ns": f"shop.{collection}", name: documents}, "ok": 1.0}


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class _Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while len(header := self.rfile.read(_HEADER.size)) == _HEADER.size:
            length, request, _, code = _HEADER.unpack(header)
            body = self.rfile.read(length - _HEADER.size)
            # Flags, the kind of the only section (0), and its document; in the old form flags, a name, two numbers and the document.
            start = 5 if code == _OP_MSG else body.index(b"\0", 4) + 9
            command = bson.decode(body[start:], AWARE)
            mongo = self.server.mongo
            if mongo.dies_after is not None and next(iter(command)) in {"find", "getMore"} and "limit" not in command:
                mongo.dies_after -= 1
                if mongo.dies_after < 0:
                    return
            document = bson.encode(mongo.answer(command))
            if code == _OP_QUERY:
                reply, kind = struct.pack("<iqii", 8, 0, 0, 1) + document, _OP_REPLY
            else:
                reply, kind = struct.pack("<iB", 0, 0) + document, _OP_MSG
            self.wfile.write(_HEADER.pack(_HEADER.size + len(reply), next(mongo.numbers), request, kind) + reply)
