"""Audience files reach the disk whole or not at all, and what lies there is known for what it is."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sahara_assets.exports.audience import AudienceError, AudienceFile, AudiencePlan, plan_audiences
from sahara_assets.exports.files import JOURNAL_NAME, is_current, write_audiences
from sahara_assets.exports.formats import MANIFEST_NAME, ga360_name, is_our_name
from sahara_assets.exports.lint import lint
from sahara_assets.exports.manifest import Manifest, read_manifest
from sahara_assets.settings.sections import ExportSettings
from sahara_assets_tests.exports import killed_export
from sahara_assets_tests.exports.killed_export import STREAM, plan_of
from sahara_assets_tests.exports.made_customers import bytes_by_name, customer, many


def export(folder: Path, plan: AudiencePlan, fingerprint: str = "f") -> Manifest:
    return write_audiences(
        folder, plan, fingerprint=fingerprint, model_version=3, k=4, cut_off=dt.datetime.fromisoformat("2011-12-10")
    )


# --- the manifest ---------------------------------------------------------------------------------------------------------------


def test_the_manifest_says_what_lies_beside_it(tmp_path: Path) -> None:
    customers = [
        customer("1", 1, client_id="1.1"),
        customer("2", 2, client_id="1.1"),
        customer("3", 1),
        customer("4", 3, client_id="="),
    ]
    export(tmp_path / "new" / "folder", plan_audiences(customers, STREAM))
    folder = tmp_path / "new" / "folder"
    document = json.loads((folder / MANIFEST_NAME).read_bytes())
    ga4 = (folder / "audience_ga4.csv").read_bytes()
    assert sorted(bytes_by_name(folder)) == ["audience_ga360.csv", "audience_ga4.csv", MANIFEST_NAME]
    assert document["fingerprint"] == "f"
    assert (document["model_version"], document["k"], document["cut_off"]) == (3, 4, "2011-12-10T00:00:00")
    assert document["customers"] == 4
    assert document["files"][0] == {
        "name": "audience_ga4.csv",
        "format": "ga4",
        "key": "client_id",
        "header": ["client_id", "stream_id", "sahara_segment", "sahara_tier"],
        "part": 1,
        "parts": 1,
        "rows": 1,
        "bytes": len(ga4),
        "sha256": hashlib.sha256(ga4).hexdigest(),
        "left_out": {"no_client_id": 1, "repeated_key": 1, "starts_like_formula": 1},
        "segments": [
            {"segment": 1, "segment_name": "Champions, the best", "value": "Champions, the best", "tier_value": "Platinum", "customers": 1},
            {"segment": 2, "segment_name": 'The "loyal" ones', "value": 'The "loyal" ones', "tier_value": "Gold", "customers": 0},
            {"segment": 3, "segment_name": "Lapsed big spenders", "value": "Lapsed big spenders", "tier_value": "Silver", "customers": 0},
        ],
    }  # fmt: skip


def test_the_manifest_reads_back_as_it_was_written(tmp_path: Path) -> None:
    assert export(tmp_path, plan_of("two", 60)) == read_manifest(tmp_path)


def test_the_same_export_gives_the_same_bytes_anywhere(tmp_path: Path) -> None:
    export(tmp_path / "a", plan_of("two", 60))
    for _ in range(2):
        export(tmp_path / "b", plan_of("two", 60))
    assert bytes_by_name(tmp_path / "a") == bytes_by_name(tmp_path / "b")


def test_only_a_leading_ga_is_renamed() -> None:
    assert [ga360_name(name) for name in ("ga_clientId", "ga_dimension12", "ga_a_ga_b", "omega_value", "GA_x")] == [
        "ga:clientId",
        "ga:dimension12",
        "ga:a_ga_b",
        "omega_value",
        "GA_x",
    ]


# --- is it current? -------------------------------------------------------------------------------------------------------------


def test_an_export_is_current_for_its_own_inputs_only(tmp_path: Path) -> None:
    assert not is_current(tmp_path, "f")
    export(tmp_path, plan_of("two", 60))
    assert is_current(tmp_path, "f")
    assert not is_current(tmp_path, "g")


@pytest.mark.parametrize("name", ["audience_ga4.csv", "audience_ga360.csv", MANIFEST_NAME])
@pytest.mark.parametrize("how", ["edited", "cut", "gone", "replaced by a folder"])
def test_a_file_that_was_touched_is_not_current_and_the_next_export_mends_it(
    tmp_path: Path, name: str, how: str
) -> None:
    export(tmp_path, plan_of("two", 60))
    good = bytes_by_name(tmp_path)
    path = tmp_path / name
    if how == "edited":
        path.write_bytes(path.read_bytes().replace(b"Platinum", b"Plutonic"))
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path.unlink()
    if how == "replaced by a folder":
        path.mkdir()
    assert not is_current(tmp_path, "f")
    if how == "replaced by a folder":
        with pytest.raises(AudienceError, match="a folder stands in the file's place"):
            export(tmp_path, plan_of("two", 60))
        path.rmdir()
    export(tmp_path, plan_of("two", 60))
    assert bytes_by_name(tmp_path) == good


def test_an_edited_count_in_the_manifest_is_not_current(tmp_path: Path) -> None:
    export(tmp_path, plan_of("two", 60))
    document = json.loads((tmp_path / MANIFEST_NAME).read_bytes())
    document["files"][0]["rows"] += 1
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    assert not is_current(tmp_path, "f")


# --- what is removed, and what is not -------------------------------------------------------------------------------------------


def test_files_no_longer_produced_go_and_no_others(tmp_path: Path) -> None:
    export(tmp_path, plan_of("parts", 60))
    assert len(list(tmp_path.glob("audience_ga360*.csv"))) > 2
    for name in ("report.html", "audience_notes.csv", "audience_ga360.part99.csv", "audience_ga360.csv.bak"):
        (tmp_path / name).write_text("mine", encoding="utf-8")
    export(tmp_path, plan_of("one", 60))
    assert sorted(bytes_by_name(tmp_path)) == [
        "audience_ga360.csv.bak",
        "audience_ga360.part99.csv",  # like ours, but in no manifest
        "audience_ga4.csv",
        MANIFEST_NAME,
        "audience_notes.csv",
        "report.html",
    ]


def test_a_manifest_cannot_talk_us_into_removing_what_is_not_ours(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    export(folder, plan_of("two", 60))
    precious = [tmp_path / "audience_ga4.csv", folder / "report.html"]
    for path in precious:
        path.write_text("precious", encoding="utf-8")
    document = json.loads((folder / MANIFEST_NAME).read_bytes())
    document["files"] += [
        {"name": name} for name in ("../audience_ga4.csv", str(precious[0]), "report.html", "..", 7, None)
    ]
    (folder / MANIFEST_NAME).write_text(json.dumps(document), encoding="utf-8")
    export(folder, plan_of("one", 60))
    assert all(path.read_text(encoding="utf-8") == "precious" for path in precious)
    assert not (folder / "audience_ga360.csv").exists()


@pytest.mark.parametrize(
    "name", ["audience_ga4.csv.bak", "/audience_ga4.csv", "audience_ga4.csv\n", "audience_ga5.csv", ""]
)
def test_other_names_are_not_ours(name: str) -> None:
    assert not is_our_name(name)


# --- failures -------------------------------------------------------------------------------------------------------------------


def test_an_export_that_fails_while_writing_leaves_the_last_one_as_it_was(tmp_path: Path) -> None:
    export(tmp_path, plan_of("two", 60))
    good = bytes_by_name(tmp_path)
    plan = plan_of("two", 90)
    broken = AudiencePlan((plan.files[0], _unwritable(plan.files[1])), plan.customer_count, plan.notices)
    with pytest.raises(IndexError):
        export(tmp_path, broken)
    assert bytes_by_name(tmp_path) == good
    assert is_current(tmp_path, "f")


def _unwritable(file: AudienceFile) -> AudienceFile:
    class Broken:
        num_rows = 1

        def to_batches(self, max_chunksize: int):
            raise IndexError

    return replace(file, rows=Broken())


def test_an_empty_export_leaves_the_last_one_as_it_was(tmp_path: Path) -> None:
    export(tmp_path, plan_of("two", 60))
    good = bytes_by_name(tmp_path)
    with pytest.raises(AudienceError, match="last export are left as they are"):
        export(tmp_path, AudiencePlan((), 0, ()))
    assert bytes_by_name(tmp_path) == good


def test_a_full_disk_leaves_the_last_export_as_it_was_and_says_what_to_do(tmp_path: Path) -> None:
    export(tmp_path, plan_of("two", 60))
    good = bytes_by_name(tmp_path)
    # A limit on file size is the nearest thing to a full disk that an ordinary process can have to itself.
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from sahara_assets_tests.exports.killed_export import export, plan_of\n"
        "from sahara_assets.exports.audience import AudienceError\n"
        "plan = plan_of('two', 5000); signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try: export(Path(sys.argv[1]), 'x', plan)\n"
        "except AudienceError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], check=True, capture_output=True, text=True, cwd=_root()
    )
    assert "cannot be written (File too large); make room there" in done.stdout
    assert bytes_by_name(tmp_path) == good


def test_a_file_in_the_folders_place_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "exports").write_text("", encoding="utf-8")
    with pytest.raises(
        AudienceError, match=r"exports: the audience files cannot be written .* set export.folder to another"
    ):
        export(tmp_path / "exports", plan_of("one", 5))


# --- kills ----------------------------------------------------------------------------------------------------------------------


def _root() -> Path:
    return Path(killed_export.__file__).parents[2]


def _kill(how: str, folder: Path, before: str, after: str, count: int) -> list[Path]:
    folder.mkdir()
    command = [sys.executable, "-m", killed_export.__name__, how, str(folder), before, after, str(count)]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=_root(), env={**os.environ, "PYTHONWARNINGS": "ignore"}
    )
    cases = sorted(folder.iterdir())
    assert int(done.stdout) == len(cases)
    return cases


def _clean(folder: Path, name: str, count: int) -> dict[str, bytes]:
    killed_export.export(folder, name, plan_of(name, count))
    return bytes_by_name(folder)


@pytest.mark.parametrize(("before", "after"), [("parts", "one"), ("one", "two")])
def test_a_kill_before_any_step_leaves_whole_files_and_the_next_export_finishes(
    tmp_path: Path, before: str, after: str
) -> None:
    old, new = (_clean(tmp_path / name, name, 80) for name in (before, after))
    cases = _kill("every_step", tmp_path / "cases", before, after, 80)
    # Journal, data and manifest are each opened, renamed, and the journal removed.
    assert len(cases) >= 2 * (len(new) + 1) + 1
    for number, folder in enumerate(cases):
        found = bytes_by_name(folder)
        for name, content in found.items():
            if is_our_name(name):
                assert content in {old.get(name), new.get(name)}, name
        finished = found[MANIFEST_NAME] == new[MANIFEST_NAME]
        assert finished or found[MANIFEST_NAME] == old[MANIFEST_NAME]
        if finished:
            assert {name: content for name, content in found.items() if is_our_name(name)} == {
                name: content for name, content in new.items() if is_our_name(name)
            }
        assert not is_current(folder, after)  # nothing was killed after its last step
        if is_current(folder, before):
            assert old.items() <= found.items()
        # Either the same export runs next, or the settings change back meanwhile: neither leaves anything behind.
        name, clean = ((after, new), (before, old))[number % 2]
        assert _clean(folder, name, 80) == {**clean, "audience_notes.csv": b"mine\n"}
        assert is_current(folder, name)
        assert lint(folder, STREAM) == []


def test_a_kill_at_a_random_moment_leaves_whole_files_and_the_next_export_finishes(tmp_path: Path) -> None:
    first, second = (_clean(tmp_path / name, name, 20_000) for name in ("two", "one"))
    for folder in _kill("at_random", tmp_path / "cases", "two", "one", 20_000):
        found = bytes_by_name(folder)
        for name in found:
            if is_our_name(name) or name == MANIFEST_NAME:
                assert found[name] in {first.get(name), second.get(name)}
        assert MANIFEST_NAME in found
        assert _clean(folder, "two", 20_000) == first
        assert lint(folder, STREAM) == []


def test_what_a_killed_export_left_is_known_for_ours_even_after_another_one_failed(tmp_path: Path) -> None:
    export(tmp_path, plan_of("one", 60))
    # As after a kill between the renames: a new GA360 file that only the journal knows.
    (tmp_path / "audience_ga360.csv").write_text("half an export", encoding="utf-8")
    (tmp_path / JOURNAL_NAME).write_text('{"files": [{"name": "audience_ga360.csv"}]}', encoding="utf-8")
    plan = plan_of("one", 60)
    with pytest.raises(IndexError):
        export(tmp_path, AudiencePlan((_unwritable(plan.files[0]),), plan.customer_count, plan.notices))
    export(tmp_path, plan)
    assert sorted(bytes_by_name(tmp_path)) == ["audience_ga4.csv", MANIFEST_NAME]
    assert is_current(tmp_path, "f")


def test_an_export_that_was_cut_short_is_not_current_even_with_every_file_in_place(tmp_path: Path) -> None:
    export(tmp_path, plan_of("two", 60))
    (tmp_path / JOURNAL_NAME).write_text("{}", encoding="utf-8")
    assert not is_current(tmp_path, "f")


def test_a_changed_setting_reaches_the_files(tmp_path: Path) -> None:
    export(tmp_path, plan_audiences(many(10), ExportSettings(stream_id="1")), "1")
    export(tmp_path, plan_audiences(many(10), ExportSettings(stream_id="2")), "2")
    assert lint(tmp_path, ExportSettings(stream_id="2")) == []
    assert {finding.rule for finding in lint(tmp_path, ExportSettings(stream_id="1"))} == {"stream-id"}
