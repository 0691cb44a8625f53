"""The command line as a person meets it: words, JSON, exit codes, and what every error says."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from sahara_assets_tests.commands import clean_environment, ended_with_its_children, sahara, start

COMMANDS = ("init", "run", "drops", "rejects", "sweep", "segments", "report", "check", "generate", "ui")
REPORTING = ("run", "run --dry-run", "drops", "rejects", "sweep", "segments", "check")


def tables(root: Path) -> dict[str, str]:
    """A hash of the rows of every table."""
    with duckdb.connect(str(root / "sahara.duckdb"), read_only=True) as connection:
        names = [name for (name,) in connection.execute("SHOW TABLES").fetchall()]
        found = {name: connection.execute(f'SELECT * FROM "{name}" ORDER BY ALL').fetchall() for name in names}
    return {name: hashlib.sha256(repr(rows).encode()).hexdigest() for name, rows in found.items()}


def files(root: Path) -> dict[str, str]:
    """A hash of every exported file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((root / "exports").iterdir())}


def profiles(root: Path) -> list[tuple[int, str]]:
    """Sizes and centroids of the segments, whatever their keys."""
    rows = sahara("segments", "--json", cwd=root).json
    return sorted((row["customer_count"], row["centroid"]) for row in rows)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def change(root: Path, statement: str) -> None:
    with duckdb.connect(str(root / "sahara.duckdb")) as connection:
        connection.execute(statement)


# --- what every command owes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_takes_config(command, tmp_path):
    outcome = sahara(command, "--help", cwd=tmp_path)
    assert outcome.code == 0
    assert "--config" in outcome.out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", REPORTING)
def test_json_is_all_there_is_on_standard_output(command, finished_project):
    # Only commands that change nothing run on the shared project; a run with nothing new is one of them.
    outcome = sahara(*command.split(), "--json", cwd=finished_project)
    assert outcome.code == 0, outcome.err
    assert isinstance(outcome.json, dict | list)
    assert outcome.out.startswith(("{", "["))


def test_config_works_from_any_working_folder(finished_project, tmp_path):
    outcome = sahara("drops", "--json", "--config", str(finished_project / "sahara.toml"), cwd=tmp_path)
    assert outcome.json == sahara("drops", "--json", cwd=finished_project).json
    by_variable = sahara("drops", "--json", cwd=tmp_path, env={"SAHARA_CONFIG": str(finished_project / "sahara.toml")})
    assert by_variable.json == outcome.json
    assert not list(tmp_path.iterdir())


_BROKEN = {
    "a broken sahara.toml": (["run"], {"sahara.toml": "[project\nname = 1"}, 2, ["sahara.toml", "not valid TOML", "line 1"]),
    "an unknown key": (["run"], {"sahara.toml": "[segmentation]\nkk = 3"}, 2, ["segmentation", "'kk'", "did you mean 'k'"]),
    "a missing config": (["run", "--config", "no.toml"], {}, 2, ["no.toml", "no such file", "sahara init"]),
    "a missing drop folder": (["run"], {}, 2, ["data", "no such drop folder", "create it", "drops.folder"]),
    "a missing drop folder, looked at": (["run", "--dry-run"], {}, 2, ["data", "no such drop folder"]),
    "drops before any run": (["drops"], {}, 2, ["sahara.duckdb", "no warehouse yet", "`sahara run`"]),
    "rejects before any run": (["rejects"], {}, 2, ["sahara.duckdb", "no warehouse yet", "`sahara run`"]),
    "sweep before any run": (["sweep"], {}, 2, ["sahara.duckdb", "no warehouse yet", "`sahara run`"]),
    "segments before any run": (["segments"], {}, 2, ["sahara.duckdb", "no warehouse yet", "`sahara run`"]),
    "another k before any run": (["segments", "--k", "4"], {}, 2, ["sahara.duckdb", "no warehouse yet", "`sahara run`"]),
    "report before any run": (["report"], {}, 2, ["sahara.duckdb", "no warehouse yet", "`sahara run`"]),
    "check before any run": (["check"], {}, 2, ["sahara.duckdb", "no warehouse yet", "`sahara run`"]),
    "forget before any run": (["drops", "forget", "x.csv"], {}, 2, ["sahara.duckdb", "no warehouse yet", "`sahara run`"]),
    "a corrupt warehouse": (["drops"], {"sahara.duckdb": "rubbish" * 999}, 2, ["sahara.duckdb", "cannot be opened"]),
    "init over a file": (["init", "a.csv"], {"a.csv": "a\n1\n", "sahara.toml": ""}, 2, ["sahara.toml", "exists already", "--force"]),
    "init without files": (["init"], {}, 2, ["Missing argument", "--help"]),
    "init on a missing file": (["init", "a.csv"], {}, 2, ["a.csv", "does not exist"]),
    "init on an empty folder": (["init", "."], {}, 2, ["holds no CSV file"]),
    "an unknown option": (["run", "--nope"], {}, 2, ["No such option", "--nope"]),
    "an unknown command": (["rum"], {}, 2, ["No such command", "rum"]),
    "too few generated rows": (["generate", "--rows", "3"], {}, 2, ["rows must be at least 1,000, not 3"]),
    "a port that is none": (["ui", "--port", "70000"], {}, 2, ["--port", "70000"]),
}  # fmt: skip


@pytest.mark.parametrize("case", _BROKEN)
def test_an_error_says_what_where_and_what_to_do_without_a_traceback(case, tmp_path):
    arguments, content, code, expected = _BROKEN[case]
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    before = sorted(path.name for path in tmp_path.iterdir())
    outcome = sahara(*arguments, cwd=tmp_path)
    assert outcome.code == code
    assert outcome.out == ""
    for words in expected:
        assert words in outcome.err
    assert "Traceback" not in outcome.err
    assert "not an error Sahara expected" not in outcome.err
    assert sorted(path.name for path in tmp_path.iterdir()) == before, "a refused command left something behind"


def test_debug_shows_where_an_error_arose_and_keeps_the_exit_code(tmp_path):
    outcome = sahara("run", "--debug", cwd=tmp_path)
    assert outcome.code == 2
    assert "Traceback (most recent call last)" in outcome.err
    assert outcome.err.rstrip().splitlines()[-1].startswith("error: ")


def test_a_duckdb_file_of_someone_else_is_not_a_crash(tmp_path):
    with duckdb.connect(str(tmp_path / "sahara.duckdb")) as connection:
        connection.execute("CREATE TABLE mine (x INTEGER)")
    for command in ("drops", "rejects", "sweep", "segments", "check"):
        outcome = sahara(command, cwd=tmp_path)
        assert outcome.code == 2
        assert (
            "sahara.duckdb: holds no tables of this version of Sahara; `sahara run` makes or updates them"
            in outcome.err
        )


def test_a_warehouse_without_a_model_is_said_so(tmp_path):
    (tmp_path / "data").mkdir()
    outcome = sahara("run", cwd=tmp_path)
    assert outcome.code == 2
    assert "nothing was sold yet: no line is a sale" in outcome.err
    assert "dagster" not in outcome.err.lower()
    for command in (["sweep"], ["segments"], ["segments", "--k", "3"], ["report"], ["sweep", "--json"]):
        outcome = sahara(*command, cwd=tmp_path)
        assert (outcome.code, outcome.out) == (2, "")
        assert "there is no model yet; `sahara run` trains one" in outcome.err
    assert "no drops yet" in sahara("drops", cwd=tmp_path).out
    assert "no row was rejected" in sahara("rejects", cwd=tmp_path).out


def test_init_on_garbage_says_what_it_could_not_find_and_stops_the_next_command(tmp_path):
    (tmp_path / "garbage.csv").write_bytes(bytes(range(256)) * 40)
    outcome = sahara("init", "garbage.csv", cwd=tmp_path)
    assert outcome.code == 2
    assert "NOT complete" in outcome.out
    assert "Traceback" not in outcome.err


# --- run -------------------------------------------------------------------------------------------------------------------------


def test_the_summary_ends_with_everything_a_person_wants_to_know(finished_project, made_shop):
    summary = (finished_project / "first_run.txt").read_text()
    planted = json.loads((made_shop / "truth" / "planted_quirks.json").read_text())
    drop_count = sum(1 for folder in ("purchases", "products", "customers") for _ in (made_shop / folder).iterdir())
    assert f"this run: {drop_count} drops" in summary
    bad = planted["purchases"]["bad_rows"]
    assert f"{bad} rejected" in summary
    assert re.search(r"k = \d+: ", summary)
    for heading in ("Drops", "Model", "Segments", "Worth a look", "Written"):
        assert f"\n{heading}\n" in f"\n{summary}"
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
    assert sahara("run", cwd=project).code == 3, "a second run must not take the held drop for settled"
    assert f"allowed {path}" in sahara("drops", "allow", path, cwd=project).out
    assert sahara("run", cwd=project).code == 0
    assert files(project) != before


def test_an_export_folder_that_is_a_file_is_named(project):
    shutil.rmtree(project / "exports")
    (project / "exports").write_text("in the way")
    outcome = sahara("run", cwd=project)
    assert outcome.code == 2
    assert str(project / "exports") in outcome.err
    assert "export.folder" in outcome.err
    assert "Traceback" not in outcome.err
    assert "StepFailedError" not in outcome.err


def test_a_lost_export_folder_is_written_anew(project):
    before = files(project)
    shutil.rmtree(project / "exports")
    assert sahara("run", cwd=project).code == 0
    assert files(project) == before


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
    assert run["loaded"] == {"drops": 1, "rows_read": len(rejected), "rows_loaded": len(rejected), "rows_rejected": 0}
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


# --- how it looks ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "drops", "sweep", "segments", "rejects"])
def test_no_line_is_wider_than_an_80_column_terminal(command, finished_project):
    outcome = sahara(command, cwd=finished_project, env={"COLUMNS": "80"})
    wide = [line for line in outcome.out.splitlines() if len(line) > 80 and str(finished_project) not in line]
    assert wide == []


def test_a_wide_terminal_and_a_pipe_get_every_column(finished_project):
    for env in ({"COLUMNS": "200"}, {}):
        assert "taken in (UTC)" in sahara("drops", cwd=finished_project, env=env).out
        assert "days since last" in sahara("segments", cwd=finished_project, env=env).out
        assert "Calinski-Harabasz" in sahara("sweep", cwd=finished_project, env=env).out


def test_progress_is_drawn_on_a_terminal(new_project):
    main, terminal = pty.openpty()
    process = start(
        "run", cwd=new_project, stdout=terminal, stderr=terminal, stdin=terminal, env={"TERM": "xterm", "LINES": "40"}
    )
    os.close(terminal)
    shown = b""
    with ended_with_its_children(process):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if select.select([main], [], [], 1)[0]:
                try:
                    chunk = os.read(main, 65536)
                except OSError:
                    break
                if not chunk:
                    break
                shown += chunk
            elif process.poll() is not None:
                break
        assert process.wait(20) == 0, shown[-2000:]
    os.close(main)
    text = shown.decode()
    assert "\x1b[" in text
    assert "━" in text
    assert "raw_purchases" in text
    assert "Segments" in text


def test_progress_is_plain_lines_elsewhere(finished_project):
    said = (finished_project / "first_run_progress.txt").read_text()
    assert "\x1b[" not in said
    assert "customer_features: done" in said.splitlines()
    assert re.search(r"^raw_purchases: (\d+) of \1$", said, flags=re.MULTILINE)


# --- processes -------------------------------------------------------------------------------------------------------------------


def test_ctrl_c_stops_with_a_sentence_and_the_next_run_goes_on(new_project):
    process = start("run", cwd=new_project)
    with ended_with_its_children(process):
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("purchases: done"):
                process.send_signal(signal.SIGINT)
                break
        out, err = process.communicate(timeout=60)
    err = "".join(lines) + err
    assert process.returncode == 130, err
    assert "stopped; what was committed stays, the next run goes on from there" in err
    assert "Traceback" not in err
    assert out == ""
    again = sahara("run", cwd=new_project)
    assert again.code == 0
    assert "raw_purchases" not in again.err, "what was loaded before must not be loaded again"


def test_a_warehouse_that_another_process_holds_is_named_with_its_holder(project):
    script = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('held', flush=True); time.sleep(120)"
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(project / "sahara.duckdb")],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with ended_with_its_children(holder):
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        waiting = [start(command, cwd=project) for command in ("drops", "run")]
        for process in waiting:
            with ended_with_its_children(process):
                _, err = process.communicate(timeout=60)
            assert process.returncode == 2
            assert f"sahara.duckdb: held by process {holder.pid} for more than 10 seconds; wait for it" in err


def test_a_reader_that_has_seen_enough_is_no_error(finished_project):
    line = f"{sys.executable} -m sahara_assets.cli drops | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=finished_project,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


_HEAVY = (
    "dagster",
    "pandas",
    "ibis",
    "sklearn",
    "scipy",
    "matplotlib",
    "dagster_gcp",
    "psycopg2",
    "google",
    "sqlalchemy",
)


def imported_by(*arguments: str, cwd: Path) -> set[str]:
    script = (
        "import sys\nfrom sahara_assets import cli\nsys.argv = ['sahara', *sys.argv[1:]]\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        "print('\\nMODULES', *sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=cwd,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stdout.rsplit("MODULES", 1)[1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["run", "--nope"], ["nope"], ["--version"]])
def test_help_and_usage_errors_import_nothing_heavy(arguments, tmp_path):
    found = imported_by(*arguments, cwd=tmp_path)
    assert found & {*_HEAVY, "duckdb", "numpy", "pyarrow", "pydantic", "rich"} == set()


@pytest.mark.parametrize("command", ["run", "drops", "rejects"])
def test_a_look_imports_neither_dagster_nor_the_scientific_stack(command, finished_project):
    assert imported_by(command, cwd=finished_project) & set(_HEAVY) == set()


def test_a_busy_port_is_said_before_dagster_starts(finished_project):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        outcome = sahara("ui", "--port", str(busy.getsockname()[1]), cwd=finished_project)
    assert outcome.code == 2
    assert "choose another with --port" in outcome.err


# --- init, generate --------------------------------------------------------------------------------------------------------------


def test_init_writes_a_file_that_run_goes_by(made_shop, tmp_path):
    shutil.copytree(made_shop / "purchases", tmp_path / "in")
    outcome = sahara("init", "in", "--json", cwd=tmp_path)
    assert (outcome.code, outcome.json["complete"]) == (0, True)
    planned = sahara("run", "--dry-run", "--json", cwd=tmp_path).json["planned"]
    assert len(planned) == len(list((tmp_path / "in").iterdir()))
    assert sahara("init", "in", cwd=tmp_path).code == 2
    assert sahara("init", "in", "--force", cwd=tmp_path).code == 0


def test_a_generated_shop_is_what_the_defaults_run_on(tmp_path):
    made = sahara("generate", "--rows", "1000", "--days", "180", "--days-per-drop", "30", "--json", cwd=tmp_path).json
    assert made["rows"] == 1000
    planned = sahara("run", "--dry-run", "--json", cwd=tmp_path).json["planned"]
    assert len(planned) == made["drops"] + 4
    refused = sahara("generate", "--rows", "1000", "--days", "200", cwd=tmp_path)
    assert refused.code == 2
    assert "two shops" in refused.err


def test_generate_with_a_config_writes_into_its_drop_folder(tmp_path):
    (tmp_path / "sahara.toml").write_text('[drops]\nfolder = "in"')
    sahara(
        "generate", "--rows", "1000", "--days", "180", "--days-per-drop", "30", "--config", "sahara.toml", cwd=tmp_path
    )
    assert (tmp_path / "in" / "purchases").is_dir()
