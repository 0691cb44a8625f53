"""What the package's own source never does: run text as code, read formats that carry code, ask a shell, or listen to the network."""

from __future__ import annotations

import ast

import pytest

from sahara_assets_tests.commands import ROOT
from sahara_assets_tests.test_import_graph import modules

MODULES = sorted(modules().items())

CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
    "os.popen",
    "yaml.load",
    "tempfile.mktemp",
    "marshal.loads",
}
IMPORTS = {
    "pickle",
    "shelve",
    "marshal",
    "dill",
    "joblib",
    "cloudpickle",
    "xmlrpc",
    "telnetlib",
    "http.server",
    "socketserver",
}
XML = {"xml.etree", "xml.etree.ElementTree", "xml.dom", "xml.dom.minidom", "xml.sax", "lxml"}


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


@pytest.mark.parametrize(("name", "path"), MODULES, ids=[name for name, _ in MODULES])
def test_a_module_runs_no_text_as_code_and_reads_no_format_that_carries_any(name, path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            assert called(node) not in CALLS, ast.unparse(node)
            for keyword in node.keywords:
                assert not (keyword.arg == "shell" and ast.unparse(keyword.value) != "False"), ast.unparse(node)
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        assert not set(names) & (IMPORTS | XML), (name, names)


def test_servers_listen_on_this_machine_only():
    """The UI is told to; `test_dagster_ui` looks at its sockets, `test_deploy` at the service's."""
    found = [
        (name, line.strip())
        for name, path in MODULES
        for line in path.read_text(encoding="utf-8").splitlines()
        if "0.0.0.0" in line or '"::"' in line  # noqa: S104 - looked for
    ]
    assert found == []


def test_the_audit_is_green_only_where_every_package_was_asked_about():
    import runpy

    audit = runpy.run_path(str(ROOT / "scripts" / "audit.py"))
    lock = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    packages = audit["pinned"](lock)
    assert {"dagster", "duckdb", "pandas"} <= {name for name, _ in packages}
    told = [{"name": name, "version": version, "vulns": []} for name, version in sorted(packages)]
    assert audit["verdict"](packages, [{"dependencies": told}])[0] == 0
    skipped = [{"name": told[0]["name"], "skip_reason": "not found: x"}, *told[1:]]
    code, lines = audit["verdict"](packages, [{"dependencies": skipped}])
    assert code == 2
    assert "could not be asked about" in lines[0]
    assert audit["verdict"](packages, [{}])[0] == 2
    bad = [{**told[0], "vulns": [{"id": "PYSEC-1", "fix_versions": ["9"], "aliases": ["CVE-1"]}]}, *told[1:]]
    code, lines = audit["verdict"](packages, [{"dependencies": bad}])
    assert code == 1
    assert lines[0] == f"{told[0]['name']} {told[0]['version']}: PYSEC-1 (CVE-1); mended in 9"
    assert audit["verdict"](packages, [{"dependencies": [bad[0]]}])[0] == 1


def test_the_audit_asks_about_every_version_that_a_lock_names_for_any_system():
    import runpy

    audit = runpy.run_path(str(ROOT / "scripts" / "audit.py"))
    lock = 'numpy==2.2.6 ; python_full_version < "3.12" \\\n    --hash=sha256:1\nnumpy==2.4.0 ; python_full_version >= "3.12"\nuvicorn[standard]==1 \\\n'
    packages = audit["pinned"](lock)
    assert packages == {("numpy", "2.2.6"), ("numpy", "2.4.0"), ("uvicorn", "1")}
    assert audit["rounds"](packages) == [[("numpy", "2.2.6"), ("uvicorn", "1")], [("numpy", "2.4.0")]]
