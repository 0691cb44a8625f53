"""What is shown of hostile names and values shows them and obeys none: on terminals, in logs, in the report, in Dagster."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
import shlex
import subprocess
import unicodedata
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sahara_assets.console import as_json
from sahara_assets.logs import _Harmless
from sahara_assets.report.templates import packaged
from sahara_assets.untrusted import as_text_cell, is_formula, json_text, markdown_cell, shell_word, visible
from sahara_assets_tests.browser import Browser
from sahara_assets_tests.commands import sahara
from sahara_assets_tests.security.hostile_shop import EVIL, FORMULAS, REFUSED_NAMES, SHOWN_NAMES, TERMINAL

_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def dangerous(text):
    """The characters of a text, line feeds aside, that a terminal acts on or that turn the order of letters around."""
    return {
        c
        for c in text
        if c != "\n"
        and (unicodedata.category(c) in {"Cc", "Zl", "Zp", "Cs"} or unicodedata.bidirectional(c) in _TURNING)
    }


# --- terminals -------------------------------------------------------------------------------------------------------------------

_FOR_BOTH = (
    ("run", "--dry-run"),
    ("drops",),
    ("drops", "--all"),
    ("drops", "verify"),
    ("rejects",),
    ("segments",),
    ("sweep",),
    ("check",),
    ("warehouse", "check"),
    *(("peek", f"data/purchases/{name}") for name in (SHOWN_NAMES[0], REFUSED_NAMES[0])),
)
COMMANDS = (
    *_FOR_BOTH,
    *((*words, "--json") for words in _FOR_BOTH),
    ("drops", "allow", "purchases/\x1b[2J"),
    ("no such \x1b[2J command",),
    ("peek", "no such \x1b[2J file"),
    ("init", "data", "--out", "../proposed.toml", "--force"),
    ("init", "data", "--out", "../proposed.toml", "--force", "--json"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: visible(" ".join(words)))
def test_no_command_sends_a_control_character_to_the_terminal(words, hostile_project):
    outcome = sahara(*words, cwd=hostile_project)
    assert outcome.out + outcome.err
    assert dangerous(outcome.out) == set()
    assert dangerous(outcome.err) == set()


def test_the_run_that_met_them_told_of_them_in_the_same_way(hostile_run):
    _, outcome = hostile_run
    assert dangerous(outcome.out) == set()
    # Dagster's console log has colours of its own where it thinks that somebody looks.
    assert dangerous(re.sub(r"\x1b\[[0-9;]*m", "", outcome.err)) == set()
    assert "\\x1b[2J" in outcome.out + outcome.err


def test_machines_get_the_values_as_they_are(hostile_project):
    rejects = sahara("rejects", "--json", cwd=hostile_project).json
    for evil in TERMINAL:
        assert any(evil in row["raw_text"] for row in rejects)


@given(st.text())
def test_visible_text_is_harmless_and_plain_text_stays(text):
    assert dangerous(visible(text, lines=True)) == set()
    assert dangerous(visible(text)) == set()
    assert "\n" not in visible(text)
    if not dangerous(text) and "\n" not in text and text.isprintable():
        assert visible(text) == text


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_text_is_harmless_and_means_the_same(value):
    import json

    text = json_text(value, indent=1)
    assert dangerous(text) == set()
    assert json.loads(text) == value


def test_numbers_that_json_does_not_know_are_null(capsys):
    as_json({"a": float("nan")})
    assert capsys.readouterr().out == '{\n  "a": null\n}\n'


@pytest.mark.parametrize("name", SHOWN_NAMES)
def test_a_remedy_can_be_pasted_into_a_shell_whatever_a_file_is_called(name, tmp_path):
    said = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {shell_word(name)}"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert said.stdout.splitlines()[-1] == name
    assert list(tmp_path.iterdir()) == []


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_a_shell_reads_one_word_back(text):
    assert [word for word in shlex.split(shell_word(text)) if word != "--" or text == "--"][-1] == text


# --- logs ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("evil", EVIL)
def test_a_log_line_shows_them_with_its_traceback(evil):
    try:
        raise ValueError(evil)
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "f", 1, "said %s", (evil,), (type(error), error, error.__traceback__)
        )
    line = _Harmless(logging.Formatter("%(message)s")).format(record)
    assert dangerous(line) == set()
    assert line.startswith(f"said {visible(evil, lines=True)}")


def test_the_code_location_logs_through_that_formatter():
    from sahara_assets.definitions import defs

    context = dg.build_init_logger_context(logger_config={"name": "dagster", "log_level": "INFO"})
    logger = defs().loggers["console"].logger_fn(context)
    assert logger.handlers
    assert all(isinstance(handler.formatter, _Harmless) for handler in logger.handlers)


# --- the report ------------------------------------------------------------------------------------------------------------------


class _Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []
        self.scripts = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.lasttag == "script" and data.strip():
            self.scripts.append(data)


def test_the_report_of_the_hostile_shop_holds_no_script_but_its_own_and_no_handler_or_address(hostile_project):
    page = (hostile_project / "exports" / "sahara_report.html").read_text(encoding="utf-8")
    parser = _Elements()
    parser.feed(page)
    tags = {tag for tag, _ in parser.found}
    scripts = [attributes for tag, attributes in parser.found if tag == "script"]
    assert scripts == [{"type": "application/json", "id": "insight-data"}, {}]
    inert, own = parser.scripts
    assert isinstance(json.loads(inert), dict)
    assert own == packaged("insights.js")
    assert not tags & {"iframe", "object", "embed", "form", "base", "foreignobject"}
    for tag, attributes in parser.found:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("href", "src", "xlink:href", "action", "srcset", "style"):
            assert not re.match(r"(?i)\s*(javascript|data:text|https?:|//)", attributes.get(name) or ""), tag
    # It was shown, not left out: the project's own name is one of the attacks.
    assert "&lt;script&gt;window.pwned=1&lt;/script&gt;" in page


def test_a_browser_runs_nothing_of_it(hostile_project):
    with Browser() as browser:
        address = (hostile_project / "exports" / "sahara_report.html").as_uri()
        page = browser.open(address)
        assert page.evaluate("typeof window.pwned") == "undefined"
        assert page.requests == [address]
        assert page.complaints == []


# --- Dagster ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def metadata(hostile_project):
    """All that the run told Dagster of every asset, and of every check."""
    with dg.DagsterInstance.from_config(str(hostile_project / ".sahara")) as instance:
        (run,) = instance.get_runs()
        events = instance.all_logs(run.run_id)
    found = []
    for entry in events:
        materialization = entry.asset_materialization
        if materialization is not None:
            found += [
                (f"{materialization.asset_key}.{name}", value) for name, value in materialization.metadata.items()
            ]
    return found


def test_markdown_in_dagster_holds_no_link_html_or_foreign_picture_and_no_torn_table(metadata):
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    texts = {name: value.value for name, value in metadata if isinstance(value, dg.MarkdownMetadataValue)}
    assert len(texts) > 10
    evil_seen = 0
    for name, text in texts.items():
        columns = None
        for token in reader.parse(text):
            assert token.type != "html_block", name
            if token.type == "table_open":
                columns = text.splitlines()[1].count("---")
            for inner in token.children or []:
                assert inner.type not in {"link_open", "html_inline"}, (name, inner)
                if inner.type == "image":
                    assert inner.attrs["src"].startswith("data:image/svg+xml"), name
                evil_seen += inner.type == "code_inline"
        if columns:
            rows = [token for token in reader.parse(text) if token.type == "tr_open"]
            cells = [token for token in reader.parse(text) if token.type in {"td_open", "th_open"}]
            assert len(cells) == len(rows) * columns, name
    assert evil_seen > 0


@given(st.text() | st.sampled_from(EVIL), st.text() | st.sampled_from(EVIL))
def test_any_text_is_one_cell_of_a_markdown_table_and_reads_as_itself(one, other):
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    table = f"| a | b |\n|---|---|\n| {markdown_cell(one)} | {markdown_cell(other)} |"
    tokens = reader.parse(table)
    cells = [tokens[place + 1] for place, token in enumerate(tokens) if token.type == "td_open"]
    assert len(cells) == 2
    for cell, text in zip(cells, (one, other), strict=True):
        inner = cell.children or []
        assert {token.type for token in inner} <= {"text", "code_inline"}
        shown = "".join(token.content for token in inner).strip()
        expected = visible(" ".join(text.split())).strip()
        assert shown.replace("\\ |", "\\|") == expected.replace("\\ |", "\\|")


def test_pictures_are_drawings_without_scripts(metadata):
    import base64
    from urllib.parse import unquote

    drawings = re.findall(r"\(data:image/svg\+xml([^)]*)\)", "\n".join(str(value.value) for _, value in metadata))
    assert drawings
    for drawing in drawings:
        head, _, body = drawing.partition(",")
        svg = base64.b64decode(body).decode() if "base64" in head else unquote(body)
        for element in ET.fromstring(svg).iter():  # noqa: S314 - our own drawing, parsed to be looked at
            assert element.tag.rpartition("}")[2].lower() not in {"script", "foreignobject", "a", "image", "use"}
            assert not [name for name in element.attrib if name.lower().startswith("on")]


# --- spreadsheets ----------------------------------------------------------------------------------------------------------------


def runs(cell):
    """Whether a spreadsheet takes a cell for a formula: by its first character that shows, unless it is a number."""
    stripped = cell.lstrip().lstrip("\0")
    if re.fullmatch(r"[+-]?[0-9][0-9.,  ]*%?", stripped):
        return False
    return stripped[:1] in set("=+-@\uff1d\uff0b\uff0d\uff20") or cell[:1] in {"\t", "\r", "\n"}


def cells_of(text, delimiter):
    return [cell for row in csv.reader(io.StringIO(text), delimiter=delimiter) for cell in row]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_no_cell_of_an_audience_file_is_a_formula_in_any_country(delimiter, hostile_project):
    files = sorted((hostile_project / "exports").glob("*.csv"))
    assert files
    for path in files:
        cells = cells_of(path.read_text(encoding="utf-8"), delimiter)
        assert [cell for cell in cells if runs(cell)] == [], path.name


def test_corrected_rows_stay_as_they_stood_the_reasons_run_nothing_and_the_command_warns(hostile_project, tmp_path):
    outcome = sahara("rejects", "--csv", str(tmp_path / "again.csv"), cwd=hostile_project)
    assert outcome.code == 0
    again = (tmp_path / "again.csv").read_text(encoding="utf-8")
    for formula in FORMULAS:
        assert formula.replace('"', '""') in again  # the same rows, or they would not be when they come back
    assert re.search(r"\d+ rows? holds? cells that begin like a formula.*edit the file as text", outcome.err)
    reasons = (tmp_path / "again-reasons.csv").read_text(encoding="utf-8")
    for delimiter in ",;\t|":
        assert [cell for cell in cells_of(reasons, delimiter) if runs(cell)] == []


def test_peek_writes_cells_as_they_stand_and_warns(tmp_path):
    (tmp_path / "in.csv").write_text("a,b\n1,=1+1\n2,x\n3\n")
    outcome = sahara("peek", "in.csv", "--csv", "good.csv", "--rejects", "bad.csv", cwd=tmp_path)
    assert (tmp_path / "good.csv").read_text().splitlines() == ["a,b", "1,=1+1", "2,x"]
    assert "1 row holds cells that begin like a formula" in outcome.err
    (tmp_path / "plain.csv").write_text("a,b\n1,-2\n2,x\n")
    assert "formula" not in sahara("peek", "plain.csv", "--csv", "good.csv", cwd=tmp_path).err


@given(st.text(max_size=20) | st.sampled_from(EVIL))
def test_a_text_cell_never_runs_and_what_is_no_formula_stays(text):
    cell = as_text_cell(text)
    assert not runs(cell)
    if not is_formula(text):
        assert cell == text


@pytest.mark.parametrize("number", ["-1", "+1.5", "-1,234.50", "1e-3", "-12 %", "2025-01-01"])
def test_numbers_are_no_formulas(number):
    assert not is_formula(number)
