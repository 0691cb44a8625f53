"""Passwords, webhooks and keys stand in the environment or a file of their own, and in nothing that is written, shown or kept."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from sahara_assets_tests.commands import ROOT, clean_environment, sahara
from sahara_assets_tests.conftest import SMALL
from sahara_assets_tests.equal_tables import tables_of
from sahara_assets_tests.postgres_server import ENCODED_PASSWORD, PASSWORD, binaries
from sahara_assets_tests.test_object_stores import in_the_bucket

if TYPE_CHECKING:
    from pathlib import Path

WEBHOOK = "https://hooks.example/services/T0/B0/s3cretPath?token=s3cretQuery"
WEBHOOK_PARTS = ("s3cretPath", "s3cretQuery")


def spellings(secret: str) -> set[bytes]:
    """A secret as it may be written down: plain, encoded for a URL, as JSON, in base64."""
    raw = secret.encode()
    found = {raw, quote(secret, safe="").encode(), quote(secret).encode(), raw.decode().encode("unicode_escape")}
    encoded = base64.b64encode(raw).rstrip(b"=")
    return found | {encoded[: len(encoded) // 4 * 4]}


def where_found(root: Path, secrets: tuple[str, ...]) -> list[str]:
    """Files below a folder that hold a secret in any spelling, Dagster's databases included."""
    wanted = {spelling for secret in secrets for spelling in spellings(secret)}
    return [
        str(path.relative_to(root))
        for path in sorted(root.rglob("*"))
        if path.is_file() and any(spelling in path.read_bytes() for spelling in wanted)
    ]


def shown(outcome, secrets: tuple[str, ...]) -> set[bytes]:
    said = (outcome.out + outcome.err).encode()
    return {spelling for secret in secrets for spelling in spellings(secret) if spelling in said}


COMMANDS = (
    ("run", "--debug"),
    ("run", "--dry-run", "--json"),
    ("drops", "--json"),
    ("drops", "verify"),
    ("check", "--json"),
    ("warehouse", "check"),
    ("segments", "--json"),
)


@pytest.mark.timeout(600)
def test_no_command_shows_or_keeps_the_warehouse_password_or_the_webhook(postgres_servers, schema, new_project):
    secrets = (PASSWORD, ENCODED_PASSWORD, *WEBHOOK_PARTS)
    server = postgres_servers(next(iter(binaries())))
    given = {"SAHARA_WAREHOUSE_URL": server.url(schema), "SAHARA_ALERTS_WEBHOOK_URL": WEBHOOK}
    for words in COMMANDS:
        outcome = sahara(*words, cwd=new_project, env=given)
        assert outcome.code == 0, outcome.err
        assert shown(outcome, secrets) == set(), words
    # What fails says most: a server that refuses, one that is away, a table that is in the way, addresses that are none.
    broken = {
        "refuses": server.url(schema, user="nobody_here"),
        "is away": f"postgresql://sahara:{ENCODED_PASSWORD}@127.0.0.1:9/postgres?schema={schema}",
        "no port": f"postgresql://sahara:{ENCODED_PASSWORD}@127.0.0.1:port/postgres",
        "half encoded": f"postgresql://sahara:{PASSWORD}@127.0.0.1/postgres",
        "as an option": f"postgresql://127.0.0.1:9/postgres?user=sahara&password={ENCODED_PASSWORD}",
        "no such scheme": f"postgers://sahara:{ENCODED_PASSWORD}@127.0.0.1/postgres",
        "no scheme": f"sahara:{ENCODED_PASSWORD}@127.0.0.1/postgres",
        "a bracket": f"postgresql://sahara:{ENCODED_PASSWORD}@[127.0.0.1/postgres",
    }
    for what, url in broken.items():
        for words in (("run", "--debug"), ("warehouse", "check"), ("warehouse", "copy", "--to", url)):
            outcome = sahara(*words, cwd=new_project, env={**given, "SAHARA_WAREHOUSE_URL": url})
            assert outcome.code != 0, (what, words)
            assert shown(outcome, secrets) == set(), (what, words)
    assert where_found(new_project, secrets) == []
    kept = repr(tables_of(new_project / "sahara.toml", server.url(schema))).encode()
    assert not [s for secret in secrets for s in spellings(secret) if s in kept]


def test_the_keys_of_an_object_store_are_neither_shown_nor_kept(bucket, finished_project, tmp_path):
    address = in_the_bucket(bucket, finished_project / "data")
    (tmp_path / "sahara.toml").write_text(f'{SMALL}\n[drops]\nfolder = "{address}"\n')
    secrets = (bucket.secret,)
    for words in (("run", "--debug"), ("drops", "--json"), ("drops", "verify")):
        outcome = sahara(*words, cwd=tmp_path)
        assert outcome.code == 0, outcome.err
        assert shown(outcome, secrets) == set()
    assert where_found(tmp_path, secrets) == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SAHARA_WAREHOUSE_URL", "postgresql://me:hush-hush@db:port/shop"),
        ("SAHARA_WAREHOUSE_URL", "postgresql://me:hush/hush-hush@db/shop"),
        ("SAHARA_WAREHOUSE_URL", "postgresql://me:hush#hush-hush@db/shop"),
        ("SAHARA_WAREHOUSE_URL", "postgresql://me:hush%zzhush-hush@db/shop"),
        ("SAHARA_WAREHOUSE_URL", "mysql://me:hush-hush@db/shop"),
        ("SAHARA_WAREHOUSE_URL", "hush-hush"),
        ("SAHARA_ALERTS_WEBHOOK_URL", "ftp://hooks.example/hush-hush"),
        ("SAHARA_ALERTS_WEBHOOK_URL", "hush-hush"),
        ("SAHARA_DROPS_FOLDER", "s3://AKIA:hush-hush@bucket/drops"),
    ],
)
def test_a_setting_that_is_refused_is_refused_without_its_value(variable, value, tmp_path):
    outcome = sahara("run", "--debug", cwd=tmp_path, env={variable: value})
    assert outcome.code == 2
    assert variable in outcome.err or "drops.folder" in outcome.err
    assert "hush-hush" not in outcome.out + outcome.err


# --- who may read what we write --------------------------------------------------------------------------------------------------


def test_under_a_strict_umask_nobody_else_may_read_anything_that_a_run_writes(new_project):
    """Nothing is ever opened wider than the umask says."""
    before = {path for path in new_project.rglob("*") if path.is_file()}
    done = subprocess.run(
        ["sh", "-c", 'umask 077 && exec "$@"', "sh", sys.executable, "-m", "sahara_assets.cli", "run"],
        cwd=new_project,
        env=clean_environment({"PYTHONPATH": str(ROOT)}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = [path for path in new_project.rglob("*") if path.is_file() and path not in before]
    assert {path.name for path in written} >= {"sahara.duckdb", "sahara_report.html", "audience_manifest.json"}
    open_to_others = [path.name for path in written if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert open_to_others == []


def test_no_file_that_is_written_can_be_run(finished_project):
    for folder in ("exports", ".sahara"):
        for path in (finished_project / folder).rglob("*"):
            assert not (path.is_file() and os.access(path, os.X_OK) and stat.S_IMODE(path.stat().st_mode) & 0o111), path
