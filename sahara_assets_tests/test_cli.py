"""The command line as a person meets it: words, JSON, exit codes, and what every error says."""

from __future__ import annotations

import errno
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
from unittest import mock

import duckdb
import pytest

from sahara_assets_tests.commands import clean_environment, ended_with_its_children, sahara, start

COMMANDS = ("init", "peek", "run", "drops", "rejects", "sweep", "segments", "report", "check", "generate", "ui")
REPORTING = ("run", "run --dry-run", "drops", "rejects", "sweep", "segments", "check")


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
    assert "nothing was delivered yet: there is no drop in data" in outcome.err
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


def imported_by(*arguments, cwd):
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


# --- peek ------------------------------------------------------------------------------------------------------------------------

_MESSY = 'Orders\n\nid;price;day\n1;2,50;2025-01-02\n2;"x;y;2025-01-03\n3;1;2;3\n4;5,50;2025-01-04\n5;6,50;2025-01-05\n'


def test_peek_shows_what_a_file_holds_and_what_is_no_row_without_any_settings(tmp_path):
    (tmp_path / "m.csv").write_text(_MESSY)
    outcome = sahara("peek", "m.csv", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    for said in (
        "semicolon", "2,50", "line stands before the header", "does not close", "4 fields where the header has 3", "6 records: 3 rows, 3 kept out; 1 blank line",
    ):  # fmt: skip
        assert said in outcome.out
    assert [path.name for path in tmp_path.iterdir()] == ["m.csv"]


def test_peek_writes_good_rows_and_rejects_apart(tmp_path):
    (tmp_path / "m.csv").write_text(_MESSY)
    outcome = sahara("peek", "m.csv", "--csv", "good.csv", "--rejects", "bad.csv", "--json", cwd=tmp_path)
    assert (tmp_path / "good.csv").read_bytes().startswith(b'id,price,day\r\n1,"2,50",2025-01-02\r\n')
    assert (tmp_path / "bad.csv").read_text().count("\n") == 4
    found = outcome.json
    assert found["records_read"] == found["rows"] + len(found["rejects"])
    assert found["dialect"]["delimiter"]["value"] == ";"
    assert 0 < found["dialect"]["delimiter"]["sure"] <= 1


def test_peek_takes_what_it_is_given_of_the_dialect(tmp_path):
    (tmp_path / "m.csv").write_text("a||b\n1||'x||y'\n")
    options = ["--delimiter", "||", "--quote", "apostrophe", "--header-lines", "0", "--skip-lines", "1"]
    found = sahara("peek", "m.csv", *options, "--json", cwd=tmp_path).json
    assert found["first_rows"] == [["1", "x||y"]]
    assert found["header"] is None
    assert found["dialect"]["quote"] == {"value": "'", "sure": 1.0, "evidence": "given"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--quote", "ab"], "--quote: must be one character"),
        (["--encoding", "ebcdic"], "no encoding 'ebcdic'"),
    ],
)
def test_peek_says_what_is_wrong_with_its_options(options, said, tmp_path):
    (tmp_path / "m.csv").write_text(_MESSY)
    outcome = sahara("peek", "m.csv", *options, cwd=tmp_path)
    assert outcome.code == 2
    assert said in outcome.err


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_init_in_a_folder_that_cannot_be_written_says_so_and_what_to_do(code, made_shop, tmp_path):
    refused = OSError(code, os.strerror(code))
    with mock.patch.object(Path, "open", autospec=True, side_effect=_refuse_to_write(Path.open, refused)):
        outcome = sahara("init", "--force", str(made_shop), cwd=tmp_path)

    assert outcome.code == 2
    assert outcome.err.strip().splitlines()[-1] == (
        f"error: sahara.toml: cannot be written ({os.strerror(code)}); make room there or its folder writable, or name another file with --out"
    )
    assert list(tmp_path.iterdir()) == []


def _refuse_to_write(really, error):
    def opened(path, mode="r", *arguments, **named):
        if "x" in mode or "w" in mode:
            raise error
        return really(path, mode, *arguments, **named)

    return opened


@pytest.mark.parametrize(
    "arguments",
    [("generate", "--rows", "20000", "--out", "file/x"), ("init", "shop", "--out", "file/x/sahara.toml"), ("run",)],
)
def test_a_place_below_a_file_is_refused_in_one_line_by_whatever_writes_there(arguments, made_shop, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "shop").symlink_to(made_shop)
    (tmp_path / "sahara.toml").write_text('[drops]\nfolder = "shop"\n')

    outcome = sahara(*arguments, cwd=tmp_path, env={"DAGSTER_HOME": str(tmp_path / "file" / "home")})

    said = outcome.err.strip().splitlines()[-1]
    assert outcome.code == 2
    assert re.search(r"^error: \S*file/\S*: .*Not a directory", said)
    assert "not an error Sahara expected" not in outcome.err
