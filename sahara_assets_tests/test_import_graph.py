"""The house's rules about modules, asked of the source: who may import whom, what may happen at import, how a module introduces itself.

The layers stand here and nowhere else. A module may import from its own layer and from those above it in this list (lower in the
house); an import inside a function counts like any other.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

import pytest

from sahara_assets_tests.commands import ROOT, clean_environment

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = ROOT / "sahara_assets"

LAYERS: list[tuple[str, tuple[str, ...]]] = [
    ("declared", ("errors", "tables.*", "wording", "untrusted", "model_documents")),
    (
        "set",
        ("features.declarations", "features.declared", "features.feature_set", "tables.features", "tables.schema", "settings.*"),
    ),
    ("kept", ("warehouse.*", "locking", "builds", "webhook", "report.writing")),
    (
        "made",
        ("drops.*", "extracts.*", "analytics.*", "sales.*", "features.*", "segmentation.*", "insights.*", "learning.*", "repeat_buyers.*", "segment_labels.*", "recommendations.*", "exports.*", "generate.*", "onboarding.*", "recipes.*", "settings.reference", "tables.reference"),
    ),
    ("questioned", ("quality.*",)),
    ("told", ("report.*",)),
    ("staged", ("stages.*",)),
    ("wired", ("resources", "failures", "history", "launching", "logs")),
    ("shown", ("assets.*", "checks", "automation", "extract_sensor", "alerts")),
    ("offered", ("definitions",)),
    ("commanded", ("console", "printing", "summary", "job", "running", "commands.*", "cli")),
]  # fmt: skip

WITH_DAGSTER = (
    "resources",
    "failures",
    "history",
    "launching",
    "logs",
    "assets.*",
    "checks",
    "automation",
    "extract_sensor",
    "alerts",
    "definitions",
    "job",
)
NEVER_AT_IMPORT = {
    "sklearn",
    "scipy",
    "pandas",
    "matplotlib",
    "dagster_gcp",
    "dagster_postgres",
    "psycopg2",
    "google",
    "rich",
    "s3fs",
    "gcsfs",
    "fsspec",
    "botocore",
    "aiobotocore",
    "aiohttp",
    "requests",
    "sqlalchemy",
    "pymongo",
    "bson",
    "implicit",
}


@cache
def modules() -> dict[str, Path]:
    """Every module's name below the package, without packages' own (empty) `__init__`."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in paths if path.name != "__init__.py"
    }


def layer_of(module: str) -> int | None:
    """The most exact entry wins: `features.declarations` lies lower than `features.*`."""
    for level, (_, names) in enumerate(LAYERS):
        if module in names:
            return level
    for level, (_, names) in enumerate(LAYERS):
        if f"{module.partition('.')[0]}.*" in names:
            return level
    return None


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(path: Path, *, only_at_import: bool) -> set[str]:
    """Full names of what a module imports, type-checking blocks aside; with `only_at_import` without what functions import."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for child in node.orelse:
                visit(child)
            return
        if only_at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree(path))
    return found


def test_every_module_has_a_layer():
    assert [module for module in modules() if layer_of(module) is None] == []


def test_no_layer_names_a_module_that_is_not_there():
    names = [name for _, group in LAYERS for name in group]
    known = {*modules(), *(f"{module.partition('.')[0]}.*" for module in modules() if "." in module)}
    assert [name for name in names if name not in known] == []


@pytest.mark.parametrize("module", modules())
def test_imports_point_down_only(module):
    known = modules()
    upwards = []
    for name in imported(known[module], only_at_import=False):
        target = name.removeprefix("sahara_assets.")
        if name != target and target in known and (layer_of(target) or 0) > (layer_of(module) or 0):
            upwards.append(target)
    assert sorted(upwards) == []


@pytest.mark.parametrize("module", modules())
def test_only_what_wires_and_shows_imports_dagster(module):
    allowed = module in WITH_DAGSTER or f"{module.partition('.')[0]}.*" in WITH_DAGSTER
    found = {
        name
        for name in imported(modules()[module], only_at_import=False)
        if name.partition(".")[0].startswith("dagster")
    }
    assert allowed or not found


@pytest.mark.parametrize("module", modules())
def test_heavy_imports_wait_until_they_are_needed(module):
    found = {name.partition(".")[0] for name in imported(modules()[module], only_at_import=True)}
    assert found & NEVER_AT_IMPORT == set()


def test_running_and_the_commands_leave_dagster_alone_until_there_is_work():
    for module in ("running", "job", "summary", "cli", "printing", "console"):
        assert not {name for name in imported(modules()[module], only_at_import=True) if name.startswith("dagster")}


_WORK = (
    "os.environ",
    "os.getenv",
    "os.getcwd",
    "datetime.now",
    "date.today",
    "time.time",
    "Path.cwd",
    "Path.home",
    "socket.",
    "open(",
    "subprocess.",
)
_WORK_ENDINGS = (".read_text", ".read_bytes", ".write_text", ".exists", ".iterdir", ".is_file", ".is_dir", ".mkdir", ".now", ".today")  # fmt: skip


@pytest.mark.parametrize("module", modules())
def test_no_module_asks_for_environment_clock_or_files_at_import(module):
    found = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for outside in (*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d)):
                visit(outside)
            return
        if isinstance(node, ast.Lambda) or (isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)):
            return
        if isinstance(node, ast.Call | ast.Subscript):
            text = ast.unparse(node.func if isinstance(node, ast.Call) else node.value)
            if f"{text}(".startswith(_WORK) or text.endswith(_WORK_ENDINGS):
                found.append(text)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree(modules()[module]))
    assert found == []


def test_importing_everything_opens_no_file_but_code_and_starts_nothing():
    script = """
import importlib, sys
names = sys.argv[1:]
# Once for what others do at import, and a second time, with our own modules forgotten, under the eye of an audit hook.
for name in names: importlib.import_module(name)
for name in [n for n in sys.modules if n.split('.')[0] == 'sahara_assets']: del sys.modules[name]
seen = []
def hook(event, arguments):
    if event == 'open' and not str(arguments[0]).endswith(('.py', '.pyc')) and '__pycache__' not in str(arguments[0]):
        seen.append(f'{event} {arguments[0]}')
    elif event.startswith(('socket.', 'subprocess.', 'os.system', 'os.mkdir', 'os.remove', 'os.rename', 'sqlite3.')):
        seen.append(event)
sys.addaudithook(hook)
for name in names: importlib.import_module(name)
print('\\n'.join(seen))
"""
    names = [f"sahara_assets.{module}" for module in modules()]
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error::DeprecationWarning:sahara_assets", "-c", script, *names],
        capture_output=True,
        text=True,
        check=True,
        env=clean_environment(),
        timeout=120,
    )
    # Dagster and pydantic look at the source of a decorated function; that is code too.
    assert [line for line in done.stdout.split("\n") if line and not line.endswith(".py")] == []


@pytest.mark.parametrize("module", modules())
def test_every_module_says_what_lives_in_it(module):
    assert ast.get_docstring(tree(modules()[module]))


def test_packages_are_empty_and_no_module_is_a_drawer():
    for path in PACKAGE.rglob("__init__.py"):
        statements = tree(path).body
        assert len(statements) <= 1
        assert not statements or ast.get_docstring(tree(path))
    drawers = {"utils", "util", "helpers", "helper", "common", "constants", "types", "misc"}
    everything = {*modules(), *(path.stem for path in (ROOT / "sahara_assets_tests").rglob("*.py"))}
    assert not {part for name in everything for part in name.split(".")} & drawers
