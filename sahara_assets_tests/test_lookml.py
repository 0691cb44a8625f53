"""The LookML file names the columns that the reporting views have, and no others."""

import re

from sahara_assets.builds import Run
from sahara_assets.stages import insights as insights_stage
from sahara_assets.tables.lookml import render
from sahara_assets.tables.reporting import REPORT_VIEWS
from sahara_assets_tests.commands import ROOT
from sahara_assets_tests.insights.insight_shop import InsightShop, line
from sahara_assets_tests.small_shop import NOW

FILE = ROOT / "deploy" / "looker" / "sahara.view.lkml"
_FIELD = re.compile(r"^  (dimension|dimension_group|measure): (\w+) \{$(.*?)^  \}$", re.MULTILINE | re.DOTALL)


def _views(text):
    """Each view of a LookML file with its table, the columns its fields read, and the fields its measures read."""
    found = {}
    for name, body in re.findall(r"^view: (\w+) \{$(.*?)^\}$", text, re.MULTILINE | re.DOTALL):
        (table,) = re.findall(r"^  sql_table_name: (\w+) ;;$", body, re.MULTILINE)
        fields = [(kind, own, content) for kind, own, content in _FIELD.findall(body)]
        columns = [column for _, _, content in fields for column in re.findall(r"\$\{TABLE\}\.(\w+)", content)]
        used = {field for _, _, content in fields for field in re.findall(r"\$\{(?!TABLE)(\w+)\}", content)}
        found[name] = (table, columns, [own for _, own, _ in fields], used)
    return found


def test_the_committed_file_is_the_one_that_the_declarations_give():
    assert FILE.read_text(encoding="utf-8") == render(), f"run: python -m sahara_assets.tables.lookml {FILE}"


def test_the_file_names_the_columns_that_a_warehouse_really_has(tmp_path):
    shop = InsightShop(tmp_path)
    shop.deliver("purchases/a.csv", [line("1"), line("2")])
    shop.tell()
    insights_stage.report_views(shop.warehouse, shop.settings, Run("test", NOW))
    present = shop.warehouse.present_columns()
    found = _views(FILE.read_text(encoding="utf-8"))
    assert set(found) == {view.name for view in REPORT_VIEWS}
    for name, (table, columns, fields, used) in found.items():
        assert table == name
        assert len(columns) == len(set(columns))
        assert set(columns) == present[name]
        assert len(fields) == len(set(fields)), "a field's name must be its own in LookML"
        assert used <= set(columns)


def test_brackets_and_quotes_are_even():
    text = "\n".join(row for row in FILE.read_text(encoding="utf-8").splitlines() if not row.lstrip().startswith("#"))
    bare = re.sub(r'"(?:\\.|[^"\\])*"', '""', text)
    assert bare.count("{") == bare.count("}")
    assert bare.count('"') % 2 == 0
    assert "/*" not in bare
