"""The page of threats names tests that are there."""

from __future__ import annotations

import re

from sahara_assets_tests.commands import ROOT

PAGE = ROOT / "docs" / "security.md"


def test_every_test_that_the_page_names_is_there_and_every_test_of_this_folder_is_named():
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/]+\.py)`", text)) - {"hostile_shop.py"}
    tests = ROOT / "sahara_assets_tests"
    assert [name for name in sorted(named) if not (tests / name).is_file()] == []
    here = {f"security/{path.name}" for path in (tests / "security").glob("test_*.py")} - {"security/test_page.py"}
    assert here <= named


def test_the_settings_that_the_page_names_are_settings():
    text = PAGE.read_text(encoding="utf-8")
    reference = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    for section, key in re.findall(r"`(drops|warehouse)\.(\w+)`", text):
        assert f"`{key}`" in reference, f"{section}.{key}"


def test_no_limit_on_the_page_differs_from_the_one_that_holds():
    from sahara_assets.drops import content, header, json_text

    text = PAGE.read_text(encoding="utf-8")
    assert (
        f"{content.LONGEST_LINE_BYTES >> 20} MB, a header {header.HEADER_BYTES >> 20} MB and {header.MOST_COLUMNS:,} columns"
        in text
    )
    assert f"{json_text.DEEPEST} levels and {json_text.LONGEST_ELEMENT_BYTES >> 20} MB a record" in text
