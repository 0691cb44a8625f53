"""What lies in `deploy/`, as far as it can be asked without a container engine; `test_service.py` starts what it describes."""

from __future__ import annotations

import configparser
import fnmatch
import json
import os
import re
import shutil
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import psycopg2
import pytest
import yaml
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.launcher.base import WorkerStatus

from sahara_assets.automation import sahara_retrain, sahara_run
from sahara_assets.launching import WatchedRunLauncher
from sahara_assets.settings.document import parse_settings
from sahara_assets_tests.commands import ROOT
from sahara_assets_tests.service import COMPOSE, DEPLOY, PASSWORDS, Service, interpolated, members

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICES = COMPOSE["services"]
OURS = sorted(set(SERVICES) - {"postgres"})
UNITS = sorted(path.name for path in (DEPLOY / "systemd").glob("*.service"))


# --- dagster.yaml ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The databases of the service, on a real server, and nothing else of it."""
    made = Service(tmp_path_factory.mktemp("deploy"))
    try:
        made.make_databases()
        yield made
    finally:
        made.stop()
    assert not [process for session in made.sessions for process in members(session)]


@pytest.fixture
def instance(databases: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The instance that `deploy/dagster.yaml` describes."""
    environment = databases.environment("daemon")
    environment["DAGSTER_POSTGRES_PASSWORD"] = PASSWORDS["dagster"]  # what the entrypoint does
    for name in environment:
        if name.startswith("DAGSTER_"):
            monkeypatch.setenv(name, environment[name])
    with dg.DagsterInstance.from_config(str(databases.root / "dagster")) as loaded:
        yield loaded


def test_history_schedules_and_events_are_in_postgres(instance):
    for storage in (instance.run_storage, instance.event_log_storage, instance.schedule_storage):
        assert type(storage).__name__.startswith("Postgres")
    run = instance.create_run_for_job(dg.GraphDefinition("kept", node_defs=[]).to_job())
    assert instance.get_run_by_id(run.run_id).job_name == "kept"


def test_runs_go_one_by_one_and_are_watched(instance):
    assert type(instance.run_coordinator).__name__ == "QueuedRunCoordinator"
    concurrency = instance.get_concurrency_config()
    assert concurrency.run_queue_config.max_concurrent_runs == 1
    assert concurrency.run_queue_config.max_user_code_failure_retries > 0
    assert concurrency.pool_config.pool_granularity.value == "run"
    assert type(instance.run_launcher) is WatchedRunLauncher
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_max_runtime_seconds > 0
    assert instance.run_monitoring_max_resume_run_attempts == 0
    assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] > 0
    assert not instance.telemetry_enabled
    assert not instance.nux_enabled


def test_only_a_run_whose_process_died_is_started_again_by_dagster(instance):
    assert instance.run_retries_enabled
    assert instance.run_retries_max_retries > 0
    assert not instance.run_retries_retry_on_asset_or_op_failure
    # The sensor tries again itself; between its tries Dagster's would come, without a pause.
    assert sahara_run.tags["dagster/max_retries"] == "0"
    assert "dagster/max_retries" not in sahara_retrain.tags


@pytest.mark.parametrize("kind", ["SCHEDULE", "SENSOR"])
def test_ticks_are_not_kept_for_ever(kind, instance):
    kept = instance.get_tick_retention_settings(InstigatorType[kind])
    assert {status.value: days for status, days in kept.items() if days <= 0} == {}


def test_a_run_that_no_code_server_knows_is_gone_and_one_that_cannot_be_asked_about_is_not(instance):
    launcher = instance.run_launcher
    job = dg.GraphDefinition("watched", node_defs=[]).to_job()
    by_hand = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert launcher.check_run_worker_health(by_hand).status is WorkerStatus.RUNNING
    away = instance.create_run_for_job(
        job, status=dg.DagsterRunStatus.STARTED, tags={".dagster/grpc_info": '{"host": "127.0.0.1", "port": 1}'}
    )
    found = launcher.check_run_worker_health(away)
    assert found.status is WorkerStatus.RUNNING
    assert "does not answer" in found.msg


@pytest.mark.parametrize("name", ["dagster.yaml", "workspace.yaml"])
def test_every_variable_that_dagster_reads_is_given_to_every_process(name):
    def read(found: Any) -> set[str]:
        if isinstance(found, dict):
            return {found["env"]} if set(found) == {"env"} else {v for item in found.values() for v in read(item)}
        return {v for item in found for v in read(item)} if isinstance(found, list) else set()

    wanted = read(yaml.safe_load((DEPLOY / name).read_text()))
    assert wanted
    example = _variables("sahara.env.example")
    for service in OURS:
        given = {variable.removesuffix("_FILE") for variable in SERVICES[service]["environment"]}
        assert wanted <= given, service
    for unit in ("sahara-code.service", "sahara-daemon.service", "sahara-webserver.service"):
        own = {text.partition("=")[0].removesuffix("_FILE") for text in _unit(unit)["Service"]["Environment"]}
        assert wanted <= {*example, *own}, unit


# --- the databases ---------------------------------------------------------------------------------------------------------------


def _connect(service: Service, role: str, database: str) -> Any:
    return psycopg2.connect(
        host="127.0.0.1", port=service.postgres.port, user=role, password=PASSWORDS[role], dbname=database
    )


@pytest.mark.parametrize(("role", "elsewhere"), [("dagster", "warehouse"), ("warehouse", "dagster")])
def test_every_role_has_its_own_database_and_no_other(role, elsewhere, databases):
    with closing(_connect(databases, role, role)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == (False, False, False, False)
        cursor.execute("CREATE SCHEMA mine")
        cursor.execute("SHOW server_encoding")
        assert cursor.fetchone() == ("UTF8",)
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        _connect(databases, role, elsewhere)


def test_the_databases_are_made_again_without_harm_and_a_new_password_holds(databases, monkeypatch):
    secret = databases.root / "secrets" / "warehouse_password"
    before = secret.read_text(encoding="utf-8")
    try:
        secret.write_text("another \"one'\\", encoding="utf-8")
        assert databases.make_databases() == ""
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            _connect(databases, "warehouse", "warehouse")
    finally:
        secret.write_text(before, encoding="utf-8")
        databases.make_databases()
    _connect(databases, "warehouse", "warehouse").close()


# --- compose.yaml ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_is_watched_limited_and_restarted_and_may_do_little(name):
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "network_mode", "pid", "ipc", "devices", "userns_mode", "user"} & set(service)
    assert service["logging"]["options"]["max-size"]
    assert not [volume for volume in service.get("volumes", []) if "docker.sock" in volume]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_write_only_where_they_must(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["init"] is True
    writable = [volume.split(":")[1] for volume in service.get("volumes", []) if not volume.endswith(":ro")]
    assert writable == (["/srv/sahara", "/exports", "/scratch"] if name == "code" else [])


def test_drops_are_mounted_read_only():
    (drops,) = [volume for volume in SERVICES["code"]["volumes"] if ":/drops" in volume]
    assert drops.endswith(":/drops:ro")
    assert SERVICES["code"]["environment"]["SAHARA_DROPS_FOLDER"] == "/drops"


def test_only_the_ui_can_be_reached_and_only_from_this_machine():
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(ports) == ["webserver"]
    assert all(port.startswith("127.0.0.1:") for port in ports["webserver"])
    assert COMPOSE["networks"]["database"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == ["database"]


def test_no_password_stands_in_the_file_and_every_secret_is_given_to_whom_it_is_used_by():
    for name, service in SERVICES.items():
        used = set()
        for variable, value in service["environment"].items():
            if "PASSWORD" in variable:
                assert variable.endswith("_FILE")
                assert str(value).startswith("/run/secrets/")
                used.add(Path(value).name)
            assert not re.search(r"://[^/@]*:[^/@]*@", str(value)), variable
        assert used == set(service.get("secrets", [])), name
    assert set(COMPOSE["secrets"]) == {secret for service in SERVICES.values() for secret in service.get("secrets", [])}


@pytest.mark.parametrize("name", OURS)
def test_our_containers_wait_for_what_they_need(name):
    wanted = {"postgres"} if name == "code" else {"postgres", "code"}
    needs = SERVICES[name]["depends_on"]
    assert needs == {needed: {"condition": "service_healthy"} for needed in wanted}


def test_what_the_file_mounts_and_builds_from_is_there():
    built = SERVICES["code"]["build"]
    assert (DEPLOY / built["context"] / built["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    own = {source for source in mounted if source.startswith("./")}
    assert own == {"./postgres/make-databases.sh"}
    assert os.access(DEPLOY / own.pop(), os.X_OK)
    named = {source for source in mounted if not source.startswith((".", "$"))}
    assert named == set(COMPOSE["volumes"])


def test_the_example_names_every_variable_of_the_file_and_no_other():
    text = (DEPLOY / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{(\w+):-", text))
    assert len(re.findall(r"\$", text)) == len(re.findall(r"\$\{\w+:-[^}]*\}", text)), "every variable has a default"
    assert set(_variables("env.example", folder=DEPLOY)) <= asked
    rare = {"SAHARA_IMAGE", "SAHARA_TMP_SIZE", "POSTGRES_CPUS", "POSTGRES_MEMORY", "SAHARA_DROPS_WATCH_SECONDS"}
    assert asked - set(_variables("env.example", folder=DEPLOY)) <= rare


def test_the_settings_take_what_compose_and_systemd_give_them():
    given = {key: interpolated(str(value), {}) for key, value in SERVICES["code"]["environment"].items()}
    settings = parse_settings({}, root=ROOT, environment=given)
    assert settings.warehouse.scheme == "postgresql"
    assert (str(settings.drop_folder), str(settings.export_folder)) == ("/drops", "/exports")
    settings = parse_settings({}, root=ROOT, environment=_variables("sahara.env.example"))
    assert settings.warehouse.scheme == "postgresql"


# --- the entrypoint --------------------------------------------------------------------------------------------------------------


def _enter(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DEPLOY / "entrypoint", *command],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["DAGSTER_POSTGRES_PASSWORD", "PGPASSWORD"])
@pytest.mark.parametrize("password", ["plain", " a 'b' \"c\" $HOME `id` \\n * ;|& € ", "-n"])
def test_a_password_comes_from_its_file_as_it_stands(name, password, tmp_path):
    (tmp_path / "secret").write_text(f"{password}\n", encoding="utf-8")
    done = _enter(
        "sh", "-c", f'printf "[%s]%s" "${name}" "${{{name}_FILE-gone}}"', **{f"{name}_FILE": str(tmp_path / "secret")}
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"[{password}]gone", "")


def test_without_files_the_environment_is_left_alone_and_the_command_takes_the_place_of_the_shell():
    done = _enter("sh", "-c", 'echo "$PGPASSWORD ${DAGSTER_POSTGRES_PASSWORD-unset}"; exit 7', PGPASSWORD="x")
    assert (done.returncode, done.stdout) == (7, "x unset\n")
    with subprocess.Popen([DEPLOY / "entrypoint", "sh", "-c", "echo $$"], stdout=subprocess.PIPE, text=True) as process:
        assert process.communicate()[0] == f"{process.pid}\n"


@pytest.mark.parametrize("case", ["both", "empty", "folder", "missing"])
def test_a_secret_that_cannot_be_had_stops_the_start_and_says_why(case, tmp_path):
    path = tmp_path / "secret"
    if case == "folder":
        path.mkdir()
    elif case != "missing":
        path.write_text("" if case == "empty" else "s3cret")
    given = {"PGPASSWORD": "s3cret"} if case == "both" else {}
    done = _enter("echo", "started", PGPASSWORD_FILE=str(path), **given)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("entrypoint: PGPASSWORD_FILE")
    assert "s3cret" not in done.stderr


# --- the Dockerfile --------------------------------------------------------------------------------------------------------------


def _instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, with continued lines joined and comments left out."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (DEPLOY / "Dockerfile").read_text()).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1].strip()) for line in text.splitlines() if line.strip()]


def _last_stage() -> list[tuple[str, str]]:
    found = _instructions()
    start = max(i for i, (word, _) in enumerate(found) if word == "FROM")
    return found[start:]


def test_the_image_runs_as_a_numbered_user_with_a_health_check_and_no_compiler():
    last = _last_stage()
    words = [word for word, _ in last]
    assert [rest for word, rest in last if word == "USER"] == ["10001:10001"]
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert "HEALTHCHECK" in words
    assert sum("org.opencontainers.image" in rest for word, rest in last if word == "LABEL") == 1
    assert not [rest for word, rest in last if word == "RUN" and re.search(r"apt|pip|gcc|curl|wget", rest)]
    for word, rest in _instructions():
        if word == "FROM":
            assert rest.startswith("python:${PYTHON}")
        assert word != "ADD"
    assert ("ARG", "PYTHON=3.13-slim-bookworm") in _instructions()


def test_the_image_installs_the_lock_and_nothing_but_the_lock():
    installs = [rest for word, rest in _instructions() if word == "RUN" and "pip install" in rest]
    assert "--require-hashes" in installs[0]
    assert "-r requirements/${REQUIREMENTS}.txt" in installs[0]
    assert ("ARG", "REQUIREMENTS=runtime") in _instructions()
    assert all("--no-deps" in command for rest in installs for command in re.findall(r"pip install [^&]*", rest))


def test_what_is_copied_into_the_image_is_there_and_what_may_not_go_in_is_kept_out():
    rules = [
        line
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert rules[0] == "*"
    allowed = [rule[1:] for rule in rules if rule.startswith("!")]
    for word, rest in _instructions():
        if word == "COPY" and "--from" not in rest:
            *sources, _ = [part for part in rest.split() if not part.startswith("--")]
            for source in sources:
                assert (ROOT / source).exists(), source
                assert any(source.rstrip("/") == path or source.startswith(f"{path}/") for path in allowed), source
    for path in allowed:
        assert (ROOT / path).exists(), path
    for private in (
        ".git",
        "data/purchases",
        "sahara.toml",
        "sahara.duckdb",
        "deploy/.env",
        "deploy/secrets/x",
        ".venv",
    ):
        assert not any(private == path or private.startswith(f"{path}/") for path in allowed), private


def test_the_image_starts_what_compose_calls_the_code_server():
    last = dict(_last_stage())
    assert json.loads(last["CMD"]) == SERVICES["code"]["command"]
    assert json.loads(last["HEALTHCHECK"].partition("CMD ")[2]) == SERVICES["code"]["healthcheck"]["test"][1:]


def test_passwords_and_env_files_stay_out_of_the_repository():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    for path in ("/deploy/.env", "/deploy/secrets/", "/deploy/sahara.toml", "/deploy/drops/"):
        assert any(fnmatch.fnmatch(path, rule) for rule in ignored if rule), path


# --- systemd ---------------------------------------------------------------------------------------------------------------------


def _unit(name: str) -> dict[str, dict[str, list[str]]]:
    """A unit's sections; a key may stand more than once."""
    sections: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / name).read_text().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            section.setdefault(key, []).append(value)
    return sections


def _variables(name: str, folder: Path = DEPLOY / "systemd") -> dict[str, str]:
    """The variables of an environment file."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str
    parser.read_string("[all]\n" + (folder / name).read_text())
    return dict(parser["all"])


_HARDENED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "RestrictSUIDSGID": "yes",
    "CapabilityBoundingSet": "",
    "SystemCallFilter": "@system-service",
}


@pytest.mark.parametrize("name", UNITS)
def test_every_unit_is_hardened_and_runs_as_a_user_of_its_own(name):
    service = _unit(name)["Service"]
    assert {key: service[key] for key in _HARDENED} == {key: [value] for key, value in _HARDENED.items()}
    assert service["User"] == ["sahara"]
    assert service["ReadWritePaths"] == ["/var/lib/sahara"]
    assert not [value for value in service.get("Environment", []) if "PASSWORD" in value and "_FILE=%d/" not in value]
    credentials = {value.partition(":")[0] for value in service["LoadCredential"]}
    assert credentials == {value.rpartition("/")[2] for value in service["Environment"] if "_FILE=" in value}


def test_the_hardening_is_the_same_everywhere():
    blocks = {
        (DEPLOY / "systemd" / name).read_text().partition("# What it may do")[2].partition("\n\n[")[0].strip()
        for name in UNITS
    }
    assert len(blocks) == 1


@pytest.mark.parametrize("name", OURS)
def test_units_start_what_the_containers_start_on_loopback(name):
    (command,) = _unit(f"sahara-{name}.service")["Service"]["ExecStart"]
    words = command.replace("/opt/sahara/.venv/bin/", "").split()
    assert words[0] == "/opt/sahara/entrypoint"
    expected = list(SERVICES[name]["command"])
    if name != "daemon":
        port = {"code": "4000", "webserver": "3000"}[name]
        expected += ["--host", "127.0.0.1", "--port", port]
    assert words[1:] == expected
    assert _unit(f"sahara-{name}.service")["Service"]["Restart"] == ["always"]


def test_systemd_takes_the_units(tmp_path):
    """Where systemd is; its programs need not be installed, so `true` stands for them."""
    analyser = shutil.which("systemd-analyze")
    files = [path for path in (DEPLOY / "systemd").iterdir() if path.suffix in {".service", ".timer", ".target"}]
    assert len(files) == len(UNITS) + 2
    for path in files:
        text = path.read_text().replace("/opt/sahara/entrypoint", shutil.which("true") or "/bin/true")
        (tmp_path / path.name).write_text(text)
    if analyser is None:
        return
    done = subprocess.run(
        [analyser, "verify", "--man=no", *(str(tmp_path / path.name) for path in files)],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "sahara" in line]
    assert (done.returncode, ours) == (0, [])
