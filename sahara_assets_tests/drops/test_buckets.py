"""A drop folder in an object store: what is listed, how it is read, and what is said where something is wrong. On both stores."""

from __future__ import annotations

import builtins
import gzip
import io
import logging
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from botocore.utils import parse_timestamp
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sahara_assets.drops import buckets, s3
from sahara_assets.drops.buckets import BucketFolder, _Blocks, without_secrets
from sahara_assets.drops.content import clean_chunks, inspect_content
from sahara_assets.drops.discovery import drop_folder, file_at, find_drops
from sahara_assets.drops.looking import has_vanished
from sahara_assets.errors import DropError, SaharaError
from sahara_assets.settings.document import parse_settings
from sahara_assets_tests.object_stores import S3Bucket

NAMES = (
    "plain.csv",
    "with space.csv",
    "plus+and%25.csv",
    "é ü 你.csv",
    "a&b=c?d#e.csv",
    "quote'\".csv",
    "deep/er/x.csv",
)


def settings(tmp_path, bucket, prefix="drops", **patterns):
    datasets = {name: {"patterns": listed} for name, listed in (patterns or {"purchases": ["**"]}).items()}
    return parse_settings({"drops": {"folder": bucket.address(prefix)}, "datasets": datasets}, root=tmp_path)


@pytest.fixture
def found(tmp_path, bucket):
    """What is found in the folder, by path."""
    return lambda **more: {file.path: file for file in find_drops(settings(tmp_path, bucket, **more))}


def read(file):
    with file.open() as stream:
        return stream.read()


# --- what is listed --------------------------------------------------------------------------------------------------------------


def test_every_object_below_the_prefix_is_found_with_its_path_and_read_as_it_was_written(bucket, found):
    for name in NAMES:
        bucket.put(f"drops/{name}", f"content of {name}")
    files = found()
    assert sorted(files) == sorted(NAMES)
    for name in NAMES:
        content = f"content of {name}".encode()
        assert (files[name].size_bytes, read(files[name]), files[name].name) == (
            len(content),
            content,
            name.rsplit("/", 1)[-1],
        )


def test_what_is_hidden_unfinished_a_marker_or_beside_the_prefix_is_left_alone(bucket, found):
    for key in ("drops/.a.csv", "drops/.hidden/a.csv", "drops/a.csv.part", "drops/b.tmp/a.csv"):
        bucket.put(key, "x")
    for key in ("drops/", "drops/empty/", "drops-old/a.csv", "dropsa.csv", "a.csv"):
        bucket.put(key, "")
    bucket.put("drops/a.csv", "x")
    assert sorted(found()) == ["a.csv"]


def test_a_bucket_can_be_the_folder(bucket, found):
    assert found(prefix="") == {}
    bucket.put("a.csv", "x")
    bucket.put("b/c.csv", "x")
    assert sorted(found(prefix="")) == ["a.csv", "b/c.csv"]


def test_a_listing_goes_on_over_its_pages(bucket, found):
    for number in range(1_010):
        bucket.put(f"drops/{number:04d}.csv", "x")
    bucket.gate.asked.clear()
    assert sorted(found()) == [f"{number:04d}.csv" for number in range(1_010)]
    assert len(bucket.listings()) == 2


def test_only_what_a_dataset_claims_is_found(bucket, found):
    for key in ("drops/purchases/a.csv", "drops/notes.txt"):
        bucket.put(key, "x")
    assert sorted(found(purchases=["purchases/*.csv"])) == ["purchases/a.csv"]
    claimed = found(purchases=["purchases/*.csv"], products=["**/*.csv"])["purchases/a.csv"]
    with pytest.raises(DropError, match=r"purchases/a\.csv: claimed by purchases and products"):
        claimed.open()


def test_the_time_of_an_upload_is_its_modification_time_in_utc(bucket, found):
    bucket.put("drops/a.csv", "x")
    age = datetime.now(tz=UTC).replace(tzinfo=None) - found()["a.csv"].modified_at
    assert timedelta(seconds=-2) < age < timedelta(minutes=2)


def test_the_signature_tells_another_upload_of_equal_size(bucket, found):
    bucket.put("drops/a.csv", "one")
    before = found()["a.csv"]
    assert found()["a.csv"] == before
    bucket.put("drops/a.csv", "two")
    after = found()["a.csv"]
    assert (after.size_bytes, after.path) == (before.size_bytes, before.path)
    assert after.signature != before.signature


def test_a_folder_that_is_not_there_is_an_error_and_an_empty_marker_is_a_folder(bucket, tmp_path):
    folder = drop_folder(settings(tmp_path, bucket))
    sentence = r"//shop-\d+/drops/: there is no such drop folder: no object's name begins with 'drops/'"
    for look in (folder.check, lambda: list(folder.listing())):
        with pytest.raises(DropError, match=sentence):
            look()
    bucket.put("drops/", "")
    folder.check()
    assert list(folder.listing()) == []


def test_whether_the_folder_is_there_takes_one_short_request(bucket, tmp_path):
    for number in range(5):
        bucket.put(f"drops/{number}.csv", "x")
    bucket.gate.asked.clear()
    drop_folder(settings(tmp_path, bucket)).check()
    (asked,) = bucket.gate.asked
    assert asked.query.get("max-keys", asked.query.get("maxResults")) == "1"


# --- how it is read --------------------------------------------------------------------------------------------------------------


@examples(deadline=None)
@given(
    st.binary(max_size=60),
    st.integers(1, 9),
    st.lists(st.tuples(st.sampled_from(["read", "set", "end", "move"]), st.integers(-5, 70)), max_size=12),
)
def test_blocks_read_like_a_file_whatever_is_read_of_them(content, block, steps):
    asked = []

    def ranges(start, end):
        asked.append(end - start)
        return content[start:end]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buckets, "BLOCK_BYTES", block)
        ours = io.BufferedReader(_Blocks(ranges, len(content)), buffer_size=4)
        theirs = io.BytesIO(content)
        for what, number in steps:
            if what == "read":
                assert ours.read(number if number >= 0 else -1) == theirs.read(number if number >= 0 else -1)
            elif what == "set":
                assert ours.seek(max(number, 0)) == theirs.seek(max(number, 0))
            elif what == "end":
                place = max(-number, -len(content))
                assert ours.seek(place, io.SEEK_END) == theirs.seek(place, io.SEEK_END)
            else:
                place = max(number, -theirs.tell())
                assert ours.seek(place, io.SEEK_CUR) == theirs.seek(place, io.SEEK_CUR)
            assert ours.tell() == theirs.tell()
    assert all(0 < size <= block for size in asked)


def test_a_large_object_is_read_block_by_block_and_each_block_once(bucket, found):
    content = b"0123456789abcdef" * (1 << 16) * 19  # 19 MB
    bucket.put("drops/a.csv", content)
    file = found()["a.csv"]
    assert inspect_content(file, "auto").size_bytes == len(content)
    wanted = [asked.wanted for asked in bucket.reads_of("a.csv")]
    assert wanted == [(0, (8 << 20) - 1), (8 << 20, (16 << 20) - 1), (16 << 20, (19 << 20) - 1)]


PACKED = {
    "empty": b"",
    "gzip": gzip.compress(b"order_id\n1\n2\n" * 1000),
    "latin": "order_id\nJos\xe9\n".encode("latin-1"),
    "plain": b"order_id\n1\n2\n",
    "utf-16": "order_id\n1\n".encode("utf-16"),
    "zip": b"",
}
_ZIP = io.BytesIO()
with zipfile.ZipFile(_ZIP, "w", zipfile.ZIP_DEFLATED) as _archive:
    _archive.writestr("inside.csv", "order_id\n1\n2\n" * 1000)
PACKED["zip"] = _ZIP.getvalue()


@pytest.mark.parametrize("case", sorted(PACKED))
def test_an_object_holds_what_a_file_of_the_same_bytes_holds(case, bucket, found, tmp_path):
    path = tmp_path / "drop"
    path.write_bytes(PACKED[case])
    bucket.put("drops/drop", PACKED[case])
    here, there = inspect_content(path, "auto"), inspect_content(found()["drop"], "auto")
    assert here == there
    chunks = [b"".join(clean_chunks(file, here.encoding, expected=here)) for file in (path, found()["drop"])]
    assert chunks[0] == chunks[1]


def test_an_object_that_was_replaced_since_it_was_listed_is_refused(bucket, found):
    bucket.put("drops/a.csv", "one")
    file = found()["a.csv"]
    bucket.put("drops/a.csv", "two")
    with pytest.raises(DropError, match=r"^a\.csv: changed while it was read; the next run takes it in$"):
        read(file)


def test_an_object_that_is_replaced_while_it_is_read_is_refused(bucket, found, monkeypatch):
    monkeypatch.setattr(buckets, "BLOCK_BYTES", 1000)
    bucket.put("drops/a.csv", b"1" * 5000)
    file = found()["a.csv"]

    def replace(asked):
        if asked.wanted and asked.wanted[0] == 2000:
            bucket.gate.first = None
            bucket.put("drops/a.csv", b"2" * 5000)

    bucket.gate.first = replace
    with pytest.raises(DropError, match=r"^a\.csv: changed while it was read; the next run takes it in$"):
        read(file)


def test_an_object_that_was_taken_away_counts_as_never_there(bucket, found):
    bucket.put("drops/a.csv", "one")
    file = found()["a.csv"]
    bucket.delete("drops/a.csv")
    with pytest.raises(DropError, match=r"^a\.csv: is no longer there$") as caught:
        read(file)
    assert has_vanished(caught.value)


def test_an_answer_that_breaks_off_is_asked_for_again(bucket, found, hasty):
    bucket.put("drops/a.csv", b"0123456789" * 10_000)
    file = found()["a.csv"]
    bucket.gate.cut = 500

    def mend(asked):
        if len(bucket.reads_of("a.csv")) > 1:
            bucket.gate.cut = None

    bucket.gate.first = mend
    assert read(file) == b"0123456789" * 10_000
    assert len(bucket.reads_of("a.csv")) == 2


def test_google_objects_that_would_be_unpacked_on_the_way_are_found_with_their_fault(bucket, found):
    if bucket.scheme != "gs":
        content = gzip.compress(b"order_id\n1\n")
        bucket.put("drops/a.csv", content, **{"Content-Encoding": "gzip"})
        assert read(found()["a.csv"]) == content  # S3 hands out what it was given
        return
    bucket.put("drops/a.csv", gzip.compress(b"order_id\n1\n"), contentEncoding="gzip")
    with pytest.raises(DropError, match=r"^a\.csv: is stored with Content-Encoding: gzip; upload it without"):
        read(found()["a.csv"])


@pytest.mark.parametrize(
    "text", ["2026-01-02T03:04:05.000Z", "2026-01-02T03:04:05Z", "Fri, 02 Jan 2026 03:04:05 GMT", "1767323045"]
)
def test_moments_in_answers_of_s3_are_what_its_own_library_makes_of_them(text):
    assert s3._parsed_moment(text) == parse_timestamp(text) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


# --- one object ------------------------------------------------------------------------------------------------------------------


def test_one_object_is_found_by_its_address_and_not_by_what_only_begins_so(bucket):
    bucket.put("drops/a.csv.gz", "longer")
    with pytest.raises(DropError, match=r"//shop-\d+/drops/a\.csv: there is no such object$"):
        file_at(bucket.address("drops/a.csv"))
    bucket.put("drops/a.csv", "one")
    file = file_at(bucket.address("drops/a.csv"))
    assert (read(file), str(file)) == (b"one", bucket.address("drops/a.csv"))


# --- what goes wrong -------------------------------------------------------------------------------------------------------------


def test_no_such_bucket_is_said(bucket, tmp_path):
    bucket.name = "nowhere-to-be-found"
    with pytest.raises(DropError, match=r"there is no bucket 'nowhere-to-be-found'; check drops\.folder"):
        find_drops(settings(tmp_path, bucket))


def test_who_may_not_is_told_what_is_missing(bucket, found):
    bucket.put("drops/a.csv", "one")
    file = found()["a.csv"]
    bucket.gate.instead = bucket.deny
    needed = {"gs": "the role Storage Object Viewer on", "s3": "s3:ListBucket on"}[bucket.scheme]
    with pytest.raises(DropError, match=rf"//{bucket.name}/drops/: access denied; the credentials need {needed}"):
        found()
    with pytest.raises(DropError, match=rf"^a\.csv: access denied; the credentials need {needed}"):
        read(file)


def test_credentials_that_are_refused_are_said(bucket, tmp_path, hasty):
    bucket.gate.instead = bucket.unknown_key
    with pytest.raises(DropError, match=r"credentials are not accepted(?: \(InvalidAccessKeyId\))?; renew them$"):
        find_drops(settings(tmp_path, bucket))


def test_no_credentials_are_said_with_where_they_are_looked_for(bucket, tmp_path, monkeypatch):
    if bucket.scheme == "s3":
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        sentence = "there are no AWS credentials; set AWS_PROFILE, or AWS_ACCESS_KEY_ID"
    else:
        monkeypatch.delenv("STORAGE_EMULATOR_HOST")
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
        monkeypatch.setenv("NO_GCE_CHECK", "true")
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
        sentence = "there are no Google credentials; run `gcloud auth application-default login`"
    with pytest.raises(DropError, match=sentence):
        find_drops(settings(tmp_path, bucket))


def test_what_is_not_installed_is_named_with_the_line_that_installs_it(bucket, tmp_path, monkeypatch):
    missing, extra = {"gs": ("gcsfs", "gcs"), "s3": ("s3fs", "s3")}[bucket.scheme]
    real = builtins.__import__

    def without(name, *arguments, **named):
        if name.partition(".")[0] == missing:
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        DropError, match=rf"needs {missing}, which is not installed: pip install 'sahara-assets\[{extra}\]'"
    ):
        find_drops(settings(tmp_path, bucket))


def test_a_store_that_is_away_is_asked_for_some_objects_and_then_for_no_more(bucket, found, hasty):
    names = [f"{number}.csv" for number in range(5)]
    for name in names:
        bucket.put(f"drops/{name}", "x")
    files = found()
    bucket.gate.close()
    for name in names[:4]:
        with pytest.raises(
            DropError,
            match=rf"^{name}: {bucket.scheme}://{bucket.name} does not answer: .*; the next run tries again$",
        ):
            read(files[name])
    bucket.gate.open()
    # A thousand drops would each wait for a connection; the next run asks anew.
    with pytest.raises(DropError, match=r"the next run tries again$"):
        read(files["4.csv"])
    assert bucket.gate.asked == []
    assert read(found()["4.csv"]) == b"x"


def test_a_single_object_that_cannot_be_had_stops_no_other(bucket, found, hasty):
    for number in range(9):
        bucket.put(f"drops/{number}.csv", "x")
    files = found()
    bucket.gate.instead = lambda asked: (
        bucket.busy(asked) if asked.target.endswith(("0.csv", "3.csv", "6.csv")) else None
    )
    for number in range(9):
        if number % 3:
            assert read(files[f"{number}.csv"]) == b"x"
        else:
            with pytest.raises(DropError, match=r"the next run tries again$"):
                read(files[f"{number}.csv"])


def test_a_store_that_is_busy_is_away(bucket, found, hasty):
    bucket.gate.instead = bucket.busy
    with pytest.raises(DropError, match=r"(?i)slow ?down|503"):
        found()


def test_what_is_said_and_logged_holds_no_secret(bucket, found, hasty, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG, logger="sahara_assets")
    bucket.put("drops/a.csv", "x")
    files = found()
    said = []
    for fault in (bucket.deny, bucket.unknown_key, bucket.busy):
        bucket.gate.instead = fault
        for look in (found, lambda: read(files["a.csv"])):
            with pytest.raises(SaharaError) as caught:
                look()
            error = caught.value
            while error is not None:
                said.append(f"{type(error)} {error} {error.args}")
                error = error.__cause__
    bucket.gate.close()
    if isinstance(bucket, S3Bucket):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://someone:{bucket.secret}@127.0.0.1:{bucket.gate.port}")
    with pytest.raises(SaharaError) as caught:
        found()
    said.append(repr(caught.value))
    assert bucket.secret not in "\n".join([*said, caplog.text])
    assert len(said) >= 7


def test_an_endpoint_is_shown_without_who_asks_there():
    assert without_secrets("cannot reach http://me:key@host:9/x\nand more") == "cannot reach http://host:9/x"


def test_an_error_that_the_store_has_no_part_in_stays_what_it_is(bucket, tmp_path, monkeypatch):
    bucket.put("drops/a.csv", "x")
    monkeypatch.setattr(BucketFolder, "_refuse_empty", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        find_drops(settings(tmp_path, bucket))
