"""Every pollution of the corpus, through the loader into DuckDB and through `read_table`: read right, or kept out with a true reason."""

from __future__ import annotations

import pytest

from sahara_assets_tests.drops.messy.outcomes import expected_rows, load, peek
from sahara_assets_tests.drops.messy.page import PAGE, render
from sahara_assets_tests.drops.messy.pollutions import COLUMNS, EVERY, pollutions

CORPUS = {pollution.name: pollution for pollution in pollutions()}


def _same_beginnings(found, wanted):
    assert len(found) == len(wanted), found
    for reason, beginning in zip(found, wanted, strict=True):
        assert reason.startswith(beginning), (reason, beginning)


@pytest.mark.parametrize("name", CORPUS)
def test_a_load_reads_it_right_or_keeps_it_with_a_true_reason(name, tmp_path):
    pollution = CORPUS[name]
    found = load(pollution, tmp_path)
    if pollution.refused:
        assert found.ledger["status"] == "rejected"
        assert pollution.refused in found.rejects[0]["reason"]
        assert not found.rows
        return
    assert found.rows == expected_rows(pollution, pollution.loads)
    _same_beginnings([reject["reason"] for reject in found.rejects], pollution.reasons)
    assert found.ledger["rows_read"] == len(found.rows) + len(found.rejects)


@pytest.mark.parametrize("name", CORPUS)
def test_read_table_finds_the_same_rows_without_being_told(name, tmp_path):
    pollution = CORPUS[name]
    found = peek(pollution, tmp_path)
    assert found.records_read == len(found.rows) + len(found.rejects)
    numbers = pollution.loads if pollution.peeks is None else pollution.peeks
    reasons = pollution.reasons if pollution.peek_reasons is None else pollution.peek_reasons
    comma = pollution.settings.get("decimal_mark") == ","
    wanted = [
        (*row[:5], row[5].replace(".", ",") if comma else row[5], row[6]) for row in expected_rows(pollution, numbers)
    ]
    assert [tuple(row[: len(COLUMNS)]) for row in found.rows] == wanted
    assert all(len(row) == len(COLUMNS) + pollution.extra for row in found.rows)
    _same_beginnings([reject.reason for reject in found.rejects], reasons)


def test_every_line_of_a_file_without_a_quoted_line_break_is_accounted_for(tmp_path):
    for pollution in pollutions():
        if b"some text\n" in pollution.content or "record_delimiter" in pollution.settings:
            continue
        table = peek(pollution, tmp_path)
        text = pollution.content.decode("latin-1").removeprefix("\xef\xbb\xbf").replace("\r\n", "\n")
        if "\n" not in text:
            text = text.replace("\r", "\n")
        lines = [line for line in text.split("\n") if line.strip()]
        names = table.dialect.header_lines if table.header is not None else 0
        assert table.records_read + names == len(lines), pollution.name


def test_the_order_file_itself_is_in_the_corpus_as_it_is():
    assert all(set(pollution.loads) <= set(EVERY) for pollution in CORPUS.values())
    assert len(CORPUS) == len(pollutions())


def test_the_documentation_says_what_happens(tmp_path):
    assert PAGE.read_text(encoding="utf-8") == render(tmp_path), "run: python -m sahara_assets_tests.drops.messy.page"
