"""The linter finds every fault that can be planted, each under its rule, and none where there is none."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahara_assets.exports import lint_manifest
from sahara_assets.exports.audience import AudienceError, plan_audiences
from sahara_assets.exports.files import JOURNAL_NAME, write_audiences
from sahara_assets.exports.formats import MANIFEST_NAME
from sahara_assets.exports.lint import FILE_RULES, Finding, lint
from sahara_assets.settings.sections import ExportSettings
from sahara_assets_tests.exports.killed_export import STREAM, plan_of
from sahara_assets_tests.exports.made_customers import customer, customer_lists

if TYPE_CHECKING:
    from collections.abc import Callable

GA4, GA360 = "audience_ga4.csv", "audience_ga360.csv"

CLEAN = [
    customer("1", 1, client_id="111.1"),
    customer("2", 2, client_id="222.2"),
    customer("3", 3, client_id="333.3"),
    customer("4", 3, client_id="444.4"),
    customer("5"),
]
LAST = b"444.4,7,Lapsed big spenders,Silver\n"


def export(folder: Path, customers: list[dict[str, Any]] = CLEAN, export_settings: ExportSettings = STREAM) -> None:
    plan = plan_audiences(customers, export_settings)
    write_audiences(folder, plan, fingerprint="f", model_version=1, k=3, cut_off="2011-12-10")


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest and seal it again, so that only the change itself can be found."""
    document = json.loads((folder / MANIFEST_NAME).read_bytes())
    change(document)
    document.pop("seal", None)
    canonical = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    document["seal"] = hashlib.sha256(canonical).hexdigest()
    (folder / MANIFEST_NAME).write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")


def plant(folder: Path, name: str, old: bytes, new: bytes) -> None:
    """Change a file and make the manifest's size, hash and header fit, as a faulty writer would."""
    path = folder / name
    content = path.read_bytes()
    assert content.count(old) == 1
    content = content.replace(old, new)
    path.write_bytes(content)

    def fit(document: dict[str, Any]) -> None:
        entry = next(file for file in document["files"] if file["name"] == name)
        entry["bytes"], entry["sha256"] = len(content), hashlib.sha256(content).hexdigest()
        entry["header"] = content.partition(b"\n")[0].decode("utf-8-sig").split(",")

    edit_manifest(folder, fit)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported-once")
    export(folder)
    return folder


@pytest.fixture
def exported(once: Path, tmp_path: Path) -> Path:
    """A copy, because every real export waits for the disk."""
    return Path(shutil.copytree(once, tmp_path / "exports"))


# rule, file, what stands there, what is put in its place, the line that must be named
PLANTED: list[tuple[str, str, bytes, bytes, int]] = [
    ("bom", GA4, b"client_id,", b"\xef\xbb\xbfclient_id,", 1),
    ("utf-8", GA4, LAST, b"444.4,7,Lapsed big spenders,Silv\xe9r\n", 5),
    ("line-ending", GA4, LAST, LAST[:-1], 5),
    ("line-ending", GA4, LAST, LAST[:-1] + b"\r\n", 5),
    ("header", GA4, b"client_id,stream_id,", b"clientId,stream_id,", 1),
    ("header", GA4, b"client_id,stream_id,", b"stream_id,client_id,", 1),
    ("header", GA4, b"sahara_segment,sahara_tier", b"sahara_tier,sahara_tier", 1),
    ("header", GA4, b"sahara_segment", b"other_property", 1),
    ("header", GA360, b"ga:clientId", b"ga:fullVisitorId", 1),
    ("header", GA360, b"ga:clientId", b"ga_clientId", 1),
    ("header", GA360, b"ga:dimension1,", b"ga:dimension201,", 1),
    ("header", GA360, b"ga:dimension2", b"ga:dimension1", 1),
    ("header", GA360, b"ga:dimension2", b"ga:dimension3", 1),
    ("columns", GA4, LAST, b"444.4,7,Lapsed big spenders\n", 5),
    ("columns", GA4, LAST, b"444.4,7,Lapsed, big spenders,Silver\n", 5),
    ("columns", GA4, LAST, b"\n", 5),
    ("quoting", GA4, LAST, b'"444.4",7,Lapsed big spenders,Silver\n', 5),
    ("quoting", GA4, LAST, b'444.4,7,"Lapsed big spenders,Silver\n', 5),
    ("quoting", GA4, LAST, b'444.4,7,Lapsed "big" spenders,Silver\n', 5),
    ("quoting", GA4, LAST, b'444.4,7,"Lapsed, big" spenders,Silver\n', 5),
    ("key-empty", GA4, b"111.1,", b",", 2),
    ("key-order", GA4, b"111.1,", b"222.3,", 3),
    ("key-order", GA4, b"444.4,", b'"1,1",', 5),
    ("key-duplicate", GA4, b"444.4,", b"333.3,", 5),
    ("key-email", GA4, b"444.4,", b"anna@example.com,", 5),
    ("key-email", GA360, b"444.4,", b"anna%40example.com,", 5),
    ("key-email", GA4, b"444.4,", "anna\uff20example.com,".encode(), 5),
    ("key-phone", GA4, b"444.4,", b"555-123-4567,", 5),
    ("key-phone", GA4, b"111.1,", b"(555) 123-4567,", 2),
    ("key-formula", GA4, b"444.4,", b"=1+1,", 5),
    ("key-formula", GA4, b"111.1,", b"-1.1,", 2),
    ("key-formula", GA4, b"111.1,", b"+1.1,", 2),
    ("key-formula", GA4, b"444.4,", b"@me,", 5),
    ("key-formula", GA4, b"444.4,", "\uff1d1,".encode(), 5),
    ("key-control", GA4, b"444.4,", b"444.4\x07,", 5),
    ("key-control", GA4, b"444.4,", b"444.4 ,", 5),
    ("key-control", GA4, b"444.4,", "444.4\u200b,".encode(), 5),
    ("key-client-id", GA4, b"444.4,", b"GA1.2.444.4,", 5),
    ("key-client-id", GA360, b"444.4,", b"4444444444444444444,", 5),
    ("stream-id", GA4, LAST, b"444.4,8,Lapsed big spenders,Silver\n", 5),
    ("stream-id", GA4, LAST, b"444.4,,Lapsed big spenders,Silver\n", 5),
    ("value-empty", GA4, LAST, b"444.4,7,Lapsed big spenders,\n", 5),
    ("value-length", GA4, LAST, b"444.4,7," + b"x" * 37 + b",Silver\n", 5),
    ("value-formula", GA4, LAST, b"444.4,7,=Lapsed,Silver\n", 5),
    ("value-control", GA360, b"444.4,Lapsed", b"444.4,Lapsed\x0b", 5),
]


@pytest.mark.parametrize(("rule", "name", "old", "new", "line"), PLANTED)
def test_a_planted_fault_is_found_under_its_rule_alone(exported, rule, name, old, new, line) -> None:
    plant(exported, name, old, new)
    findings = lint(exported, STREAM)
    assert {(finding.file, finding.rule) for finding in findings} == {(name, rule)}
    assert {finding.line for finding in findings} == {line}


def _one_more_row(document: dict[str, Any]) -> None:
    for file in document["files"]:
        file["rows"] += 1
        file["segments"][0]["customers"] += 1
    document["customers"] += 1


def _swap_segments(document: dict[str, Any]) -> None:
    first, second = document["files"][0]["segments"][1:3]
    first["customers"], second["customers"] = second["customers"], first["customers"]


def _rename_file(document: dict[str, Any]) -> None:
    document["files"][0]["name"] = "report.csv"


MANIFEST_FAULTS: list[tuple[str, str, Callable[[dict[str, Any]], object]]] = [
    ("rows", GA4, _one_more_row),
    ("segments", GA4, _swap_segments),
    ("sha256", GA4, lambda document: document["files"][0].update(sha256="0" * 64)),
    ("bytes", GA4, lambda document: document["files"][0].update(bytes=7)),
    ("header", GA4, lambda document: document["files"][0].update(header=["client_id"])),
    ("unlisted-file", GA360, lambda document: document["files"].pop()),
    ("conservation", MANIFEST_NAME, lambda document: document["files"][0]["left_out"].clear()),
    ("conservation", MANIFEST_NAME, lambda document: document["files"][0]["segments"][0].update(customers=5)),
    ("conservation", MANIFEST_NAME, lambda document: document.update(customers=9)),
    ("manifest", MANIFEST_NAME, _rename_file),
    ("manifest", MANIFEST_NAME, lambda document: document["files"][0].update(part=2)),
    ("manifest", MANIFEST_NAME, lambda document: document["files"][1].update(parts=2)),
    ("manifest", MANIFEST_NAME, lambda document: document["files"][1].update(key="user_id")),
    ("manifest", MANIFEST_NAME, lambda document: document["files"][0].update(rows=-1)),
    (
        "manifest",
        MANIFEST_NAME,
        lambda document: document["files"][0].update(segments=document["files"][0]["segments"][:1] * 2),
    ),
    ("manifest", MANIFEST_NAME, lambda document: document.pop("fingerprint")),
    ("manifest", MANIFEST_NAME, lambda document: document.update(k="four")),
    ("manifest", MANIFEST_NAME, lambda document: document.update(files=None)),
]


@pytest.mark.parametrize(("rule", "name", "change"), MANIFEST_FAULTS)
def test_a_manifest_that_does_not_fit_the_files_is_found_out(exported, rule, name, change) -> None:
    edit_manifest(exported, change)
    assert (rule, name) in {(finding.rule, finding.file) for finding in lint(exported, STREAM)}


def test_a_setting_that_the_writer_ignored_is_found(exported: Path) -> None:
    other = ExportSettings(stream_id="7", segment_property="other", ga360_tier_dimension=9)
    assert {(finding.file, finding.rule) for finding in lint(exported, other)} == {(GA4, "header"), (GA360, "header")}


def test_a_user_property_name_is_held_against_the_rules_without_settings_too(once: Path, tmp_path: Path) -> None:
    for number, name in enumerate([b"2nd_property", b"with space", b"x" * 25, b""], start=1):
        folder = Path(shutil.copytree(once, tmp_path / str(number)))
        plant(folder, GA4, b"sahara_segment", name)
        assert [(finding.line, finding.rule) for finding in lint(folder)] == [(1, "property-name")]


def test_a_file_of_more_than_a_gigabyte_is_found_without_reading_it(exported: Path) -> None:
    with (exported / GA360).open("r+b") as handle:
        handle.truncate(1_000_000_001)  # sparse: takes no room
    assert [(finding.file, finding.rule) for finding in lint(exported)] == [(GA360, "size-limit")]


def test_a_missing_file_is_found(exported: Path) -> None:
    (exported / GA360).unlink()
    assert [(finding.file, finding.rule) for finding in lint(exported)] == [(GA360, "file-missing")]


def test_an_empty_file_is_found(exported: Path) -> None:
    (exported / GA4).write_bytes(b"")
    assert {finding.rule for finding in lint(exported)} == {"bytes", "sha256", "rows", "header"}


def test_without_a_manifest_nothing_can_be_trusted(tmp_path: Path) -> None:
    assert [finding.rule for finding in lint(tmp_path)] == ["manifest"]
    (tmp_path / MANIFEST_NAME).write_bytes(b"[]")
    assert [finding.rule for finding in lint(tmp_path)] == ["manifest"]


def test_an_edit_of_the_manifest_by_hand_breaks_its_seal(exported: Path) -> None:
    path = exported / MANIFEST_NAME
    path.write_bytes(path.read_bytes().replace(b'"fingerprint": "f"', b'"fingerprint": "g"'))
    assert [finding.rule for finding in lint(exported)] == ["manifest-seal"]


def test_an_export_that_was_cut_short_is_found(exported: Path) -> None:
    (exported / JOURNAL_NAME).write_text("{}", encoding="utf-8")
    assert [finding.rule for finding in lint(exported)] == ["unfinished"]


def test_every_rule_has_a_planted_fault() -> None:
    elsewhere = {"property-name", "size-limit", "file-missing", "manifest-seal", "unfinished"}  # in the tests above
    planted = {rule for rule, *_ in PLANTED} | {rule for rule, *_ in MANIFEST_FAULTS} | elsewhere
    assert planted == set(FILE_RULES) | set(lint_manifest.RULES)


def test_a_key_that_stands_in_two_parts_is_found_in_the_second(tmp_path: Path) -> None:
    write_audiences(tmp_path, plan_of("parts", 80), fingerprint="f", model_version=1, k=4, cut_off="")
    assert lint(tmp_path, STREAM) == []
    first, second = (
        (tmp_path / name).read_bytes().splitlines(keepends=True) for name in (GA360, "audience_ga360.part2.csv")
    )
    plant(tmp_path, "audience_ga360.part2.csv", second[1].partition(b",")[0], first[1].partition(b",")[0])
    assert {(finding.file, finding.line, finding.rule) for finding in lint(tmp_path, STREAM)} == {
        ("audience_ga360.part2.csv", 2, "key-order"),
        ("audience_ga360.part2.csv", 2, "key-duplicate"),
    }


def test_a_fault_in_every_row_is_listed_twenty_times_and_then_counted(tmp_path: Path) -> None:
    export(tmp_path, [customer(f"{number:03d}") for number in range(300)])
    path = tmp_path / GA4
    path.write_bytes(path.read_bytes().replace(b"Platinum", b"=Platinum"))
    found = [finding for finding in lint(tmp_path) if finding.rule == "value-formula"]
    assert [finding.line for finding in found] == [None, *range(2, 22)]
    assert found[0].message == "and 280 more"


def test_personal_data_is_never_quoted_in_a_finding(exported: Path) -> None:
    plant(exported, GA4, b"444.4,", b"anna@example.com,")
    assert not any("anna" in str(finding) for finding in lint(exported))


def test_a_finding_names_file_line_and_rule() -> None:
    assert str(Finding(GA4, 12, "key-order", "why")) == "audience_ga4.csv:12: key-order: why"
    assert str(Finding(GA4, None, "rows", "why")) == "audience_ga4.csv: rows: why"


@settings(deadline=None, max_examples=50)  # each is really written and flushed
@given(customer_lists(), st.sampled_from([STREAM, ExportSettings()]))
def test_whatever_the_writer_writes_the_linter_accepts(customers, export_settings) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            export(Path(folder), customers, export_settings)
        except AudienceError:
            return
        assert lint(Path(folder), export_settings) == []


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=60), st.integers(0, 200), st.integers(0, 60))
def test_any_damage_to_a_file_is_found_and_none_makes_the_linter_stumble(
    once: Path, junk: bytes, at: int, cut: int
) -> None:
    path = once / GA4
    good = path.read_bytes()
    damaged = good[:at] + junk + good[at + cut :]
    path.write_bytes(damaged)
    try:
        assert ("sha256" in {finding.rule for finding in lint(once, STREAM)}) == (damaged != good)
    finally:
        path.write_bytes(good)


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_no_manifest_makes_the_linter_stumble(document: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / MANIFEST_NAME).write_text(json.dumps(document), encoding="utf-8")
        assert [finding.rule for finding in lint(Path(folder))] == ["manifest"]
