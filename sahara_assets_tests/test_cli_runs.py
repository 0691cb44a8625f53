"""Runs from the command line: what they load, say, leave alone, and end with; drops and models changed by hand.

What every command owes (help, JSON, errors, looks, signals) is tested in `test_cli.py`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import duckdb

from sahara_assets_tests.commands import sahara


def tables(root: Path) -> dict[str, str]:
    """A hash of the rows of every table."""
    with duckdb.connect(str(root / "sahara.duckdb"), read_only=True) as connection:
        names = [name for (name,) in connection.execute("SHOW TABLES").fetchall()]
        found = {name: connection.execute(f'SELECT * FROM "{name}" ORDER BY ALL').fetchall() for name in names}
    return {name: hashlib.sha256(repr(rows).encode()).hexdigest() for name, rows in found.items()}


def files(root: Path) -> dict[str, str]:
    """A hash of every exported file."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((root / "exports").rglob("*"))
        if path.is_file()
    }


def profiles(root: Path) -> list[tuple[int, str]]:
    """Sizes and centroids of the segments, whatever their keys."""
    rows = sahara("segments", "--json", cwd=root).json
    return sorted((row["customer_count"], row["centroid"]) for row in rows)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def change(root: Path, statement: str) -> None:
    with duckdb.connect(str(root / "sahara.duckdb")) as connection:
        connection.execute(statement)


# --- run -------------------------------------------------------------------------------------------------------------------------


def test_the_summary_ends_with_everything_a_person_wants_to_know(finished_project, made_shop):
    summary = (finished_project / "first_run.txt").read_text()
    planted = json.loads((made_shop / "truth" / "planted_quirks.json").read_text())
    drop_count = sum(1 for folder in ("purchases", "products", "customers") for _ in (made_shop / folder).iterdir())
    assert f"this run: {drop_count} drops" in summary
    bad = planted["purchases"]["bad_rows"]
    assert f"{bad} rejected" in summary
    assert re.search(r"k = \d+: ", summary)
    for heading in ("Drops", "Model", r"Segments as of [\d-]+: [\d,]+ customers", "Worth a look", "Written"):
        assert re.search(f"^{heading}$", summary, flags=re.MULTILINE)
    for path in re.findall(r"(?:report|audience)  (\S+)", summary):
        assert Path(path).is_file()
    assert (
        len(re.findall(r"^\d  \S.* %", summary, flags=re.MULTILINE)) == summary.count(" %\n") or "of spend" in summary
    )


def test_a_second_run_loads_nothing_and_changes_nothing(project):
    sahara("run", cwd=project)  # the copied files have new times, which the ledger notes
    before = tables(project), files(project)
    outcome = sahara("run", cwd=project)
    assert outcome.code == 0
    assert outcome.out.startswith("Nothing new: 0 rows loaded")
    assert (tables(project), files(project)) == before


def test_a_dry_run_says_what_would_happen_and_changes_nothing(project):
    late = project / "data" / "purchases" / "purchases_2030-01-01.csv"
    late.write_text((next((project / "data" / "purchases").iterdir())).read_text().splitlines()[0] + "\n")
    old = min((project / "data" / "purchases").iterdir())
    old.write_text(old.read_text() + old.read_text().splitlines()[1] + "\n")
    before = (project / "sahara.duckdb").read_bytes(), files(project), names(project)
    outcome = sahara("run", "--dry-run", cwd=project)
    assert outcome.code == 0
    assert re.search(rf"load +purchases +purchases/{late.name}", outcome.out)
    assert re.search(rf"replace +purchases +purchases/{old.name}", outcome.out)
    assert "2 drops to act on" in outcome.out
    assert ((project / "sahara.duckdb").read_bytes(), files(project), names(project)) == before


def test_a_dry_run_before_any_run_creates_nothing(new_project):
    before = names(new_project)
    planned = sahara("run", "--dry-run", "--json", cwd=new_project).json["planned"]
    assert {item["action"] for item in planned} == {"load"}
    assert names(new_project) == before


def test_strict_ends_with_1_where_something_was_rejected(project):
    assert sahara("run", cwd=project).code == 0
    assert sahara("run", "--strict", cwd=project).code == 1
    assert sahara("check", cwd=project).code == 0
    assert sahara("check", "--strict", cwd=project).code == 1


def test_strict_ends_with_0_where_all_is_well(new_project):
    # Without the planted bad rows, and with a stream id, there is nothing to warn about.
    truth = (new_project / "data" / "truth" / "planted_bad_rows.csv").read_text().splitlines()[1:]
    bad: dict[str, set[int]] = {}
    for line in truth:
        drop, number, _ = line.split(",", 2)
        bad.setdefault(Path(drop).name, set()).add(int(number))
    for path in (new_project / "data" / "purchases").iterdir():
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for i, line in enumerate(lines, start=1) if i not in bad.get(path.name, set())))
    outcome = sahara("run", "--strict", "--json", cwd=new_project)
    failed = [verdict["name"] for verdict in outcome.json["verdicts"] if not verdict["passed"]]
    assert (outcome.code, failed, outcome.json["rejected_count"]) == (0, [], 0)


def test_a_held_replacement_ends_with_3_and_leaves_the_files_as_they_are(project):
    biggest = max((project / "data" / "purchases").iterdir(), key=lambda path: path.stat().st_size)
    biggest.write_text("".join(biggest.read_text().splitlines(keepends=True)[:5]))
    before = files(project)
    outcome = sahara("run", cwd=project)
    assert outcome.code == 3
    path = f"purchases/{biggest.name}"
    assert "a blocking check failed, so what follows was not rebuilt" in outcome.err
    assert "1 replacement is held" in outcome.err
    assert f"sahara drops allow {path}" in outcome.err
    assert files(project) == before
    assert sahara("check", cwd=project).code == 3
    assert f"held: {path}" in sahara("run", "--dry-run", cwd=project).out
    assert f"allowed {path}" in sahara("drops", "allow", path, cwd=project).out
    assert sahara("run", cwd=project).code == 0
    assert files(project) != before


def test_an_export_folder_that_is_a_file_is_named_and_a_lost_one_is_written_anew(project):
    before = files(project)
    shutil.rmtree(project / "exports")
    (project / "exports").write_text("in the way")
    outcome = sahara("run", cwd=project)
    assert outcome.code == 2
    assert str(project / "exports") in outcome.err
    assert "export.folder" in outcome.err
    assert "Traceback" not in outcome.err
    assert "StepFailedError" not in outcome.err
    (project / "exports").unlink()
    assert sahara("run", cwd=project).code == 0
    assert files(project) == before


def test_a_step_that_the_system_refuses_a_file_says_which_and_what_to_do(project, monkeypatch):
    def refused(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/full")

    monkeypatch.setattr("sahara_assets.drops.ledger.Ledger.versions", refused)
    outcome = sahara("run", "--retrain", cwd=project)
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1] == (
        "error: /data/full: No space left on device; make room there, or choose another place"
    )


def test_an_error_that_nobody_foresaw_is_one_line_and_its_place_is_behind_debug(project, monkeypatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("sahara_assets.drops.ledger.Ledger.versions", broken)
    outcome = sahara("run", "--retrain", cwd=project)
    assert outcome.code == 2
    assert outcome.err.splitlines()[-2:] == [
        "error: StepFailedError: load_drops: ZeroDivisionError: planted",
        "This is not an error Sahara expected; --debug shows where it happened.",
    ]
    assert "Traceback" not in outcome.err
    shown = sahara("drops", "--debug", "--config", "nowhere.toml", cwd=project)
    assert "Traceback" in shown.err


# --- drops, rejects --------------------------------------------------------------------------------------------------------------


def test_forgetting_a_path_that_is_not_there_lists_some_that_are(finished_project):
    outcome = sahara("drops", "forget", "purchases/nope.csv", cwd=finished_project)
    assert outcome.code == 2
    assert "purchases/nope.csv" in outcome.err
    assert "purchases/purchases_" in outcome.err


def test_a_forgotten_drop_stays_out_and_can_be_taken_back(project):
    before = tables(project)["customer_features"]
    name = f"purchases/{min((project / 'data' / 'purchases').iterdir()).name}"
    assert f"forgot {name}" in sahara("drops", "forget", name, cwd=project).out
    assert sahara("run", cwd=project).code == 0
    assert tables(project)["customer_features"] != before
    assert name not in sahara("drops", cwd=project).out
    assert name in sahara("drops", "--all", cwd=project).out
    sahara("drops", "allow", name, cwd=project)
    assert sahara("run", cwd=project).code == 0
    assert tables(project)["customer_features"] == before


def test_one_drop_is_one_drop(project):
    for folder in ("products", "customers"):
        shutil.rmtree(project / "data" / folder)
    for path in sorted((project / "data" / "purchases").iterdir())[1:]:
        path.unlink()
    (project / "sahara.duckdb").unlink()
    assert sahara("run", "--dry-run", cwd=project).out.splitlines()[-1].startswith("1 drop to act on")


def test_rejected_rows_can_be_corrected_and_delivered_again(project):
    """The round trip: write them out, mend them, drop the file, run: every mended line is loaded."""
    rejected = sahara("rejects", "--json", cwd=project).json
    outcome = sahara("rejects", "--csv", "fix/bad.csv", cwd=project)
    assert outcome.code == 0
    reasons = (project / "fix" / "bad-reasons.csv").read_text().splitlines()
    assert len(reasons) == 1 + len(rejected)
    header, *rows = (project / "fix" / "bad.csv").read_text().splitlines()
    assert rows == [row["raw_text"] for row in rejected]
    columns = header.split(",")
    mended = [header]
    for number, row in enumerate(rejected):
        values = dict.fromkeys(columns, "")
        known = dict(zip(columns, row["raw_text"].replace('"', "").split(","), strict=False))
        values |= {name: known.get(name, "") for name in ("order_id", "customer_id", "product_id")}
        values |= {"quantity": "2", "unit_price": "1.50", "ordered_at": f"2025-03-{number + 1:02d} 10:00:00"}
        mended.append(",".join(values.values()))
    (project / "data" / "purchases" / "corrected.csv").write_text("\n".join(mended) + "\n")
    run = sahara("run", "--json", cwd=project).json
    rows = {"rows_read": len(rejected), "rows_loaded": len(rejected), "rows_rejected": 0}
    assert run["loaded"] == {"drops": 1, "repeats": 0, **rows}
    with duckdb.connect(str(project / "sahara.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "SELECT count(*) FROM raw_purchases WHERE _drop_id = (SELECT drop_id FROM drops WHERE path = 'purchases/corrected.csv')"
        ).fetchone()
    assert found == (len(rejected),)


# --- sweep, segments -------------------------------------------------------------------------------------------------------------


def test_another_k_is_used_from_then_on_until_one_goes_back(project):
    before = profiles(project)
    first = sahara("run", "--json", cwd=project).json["model"]["k"]
    other = 3 if first != 3 else 4
    outcome = sahara("segments", "--k", str(other), cwd=project)
    assert outcome.code == 0, outcome.err
    assert f"now with {other} segments (before: {first}; `sahara segments --k {first}` goes back)" in outcome.err
    assert len(sahara("segments", "--json", cwd=project).json) == other
    after = tables(project), files(project)
    again = sahara("segments", "--k", str(other), cwd=project)
    assert f"{other} segments are in use already" in again.err
    run = sahara("run", "--json", cwd=project).json
    assert (run["anything_new"], run["model"]["k"]) == (False, other)
    assert (tables(project), files(project))[1] == after[1]
    chosen = [row["k"] for row in sahara("sweep", "--json", cwd=project).json["sweep"] if row["is_chosen"]]
    assert chosen == [other]
    assert sahara("segments", "--k", str(first), cwd=project).code == 0
    assert len(sahara("segments", "--json", cwd=project).json) == first
    assert profiles(project) == before


def test_a_k_that_was_not_swept_is_refused_with_those_that_were(project):
    before = tables(project), files(project)
    outcome = sahara("segments", "--k", "40", cwd=project)
    assert outcome.code == 2
    assert "k = 40 was not swept; there are 3, 4, 5, 6" in outcome.err
    assert (tables(project), files(project)) == before


def test_a_k_against_the_settings_is_refused(project):
    with (project / "sahara.toml").open("a") as file:
        file.write("k = 4\n")
    outcome = sahara("segments", "--k", "5", cwd=project)
    assert outcome.code == 2
    assert "segmentation.k = 4 is set" in outcome.err


def test_no_file_leaves_the_house_where_a_blocking_check_fails(project):
    before = files(project)
    k = sahara("run", "--json", cwd=project).json["model"]["k"]
    change(project, "UPDATE raw_purchases SET _drop_id = 'stray' WHERE _line = 2")
    outcome = sahara("segments", "--k", "3" if k != 3 else "4", cwd=project)
    assert outcome.code == 3
    assert "exactly_once" in outcome.err
    assert files(project) == before
