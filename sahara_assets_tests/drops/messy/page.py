"""The table of `docs/messy-csv.md`, made from the corpus: `python -m sahara_assets_tests.drops.messy.page` writes the page anew."""

from __future__ import annotations

import tempfile
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from sahara_assets.drops.dialect import DELIMITER_NAMES, Dialect
from sahara_assets.onboarding.render import toml_list, toml_string
from sahara_assets_tests.commands import ROOT
from sahara_assets_tests.drops.messy.outcomes import Loaded, load, peek
from sahara_assets_tests.drops.messy.pollutions import Pollution, pollutions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sahara_assets.drops.tables import Table

PAGE = ROOT / "docs" / "messy-csv.md"
_BEGIN, _END = "<!-- the table: begin -->", "<!-- the table: end -->"
_LONGEST_NAMES = 60


def render(folder: Path) -> str:
    """The page, its table made anew."""
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(_BEGIN)[0], text.split(_END)[1]
    lines = ["| the file has | settings | a load | `sahara peek`, not told anything |", "| --- | --- | --- | --- |"]
    for number, pollution in enumerate(pollutions()):
        own = folder / str(number)
        own.mkdir()
        cells = (
            pollution.name,
            _settings(pollution),
            _loaded(load(pollution, own)),
            _peeked(pollution, peek(pollution, own / "peek")),
        )
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return before + _BEGIN + "\n" + "\n".join(lines) + "\n" + _END + after


def _settings(pollution: Pollution) -> str:
    return ", ".join(f"`{name} = {_value(value)}`" for name, value in pollution.settings.items())


def _value(value: object) -> str:
    if isinstance(value, str):
        return toml_string(value)
    if isinstance(value, list):
        text = toml_list(value)
        return text if len(text) <= _LONGEST_NAMES else f"[{toml_string(value[0])}, …]"
    return "{…}" if isinstance(value, dict) else str(value)


def _loaded(found: Loaded) -> str:
    if found.ledger["status"] == "rejected":
        return f"refused: {_sentence(found.rejects[0]['reason'])}"
    return _counted(len(found.rows), [(reject["line"], reject["reason"]) for reject in found.rejects])


def _peeked(pollution: Pollution, table: Table) -> str:
    told = f"told {', '.join(f'`{name}`' for name in pollution.peek_given)}: " if pollution.peek_given else ""
    unusual = [
        f"{name.replace('_', ' ')} {_spelled(value)}"
        for name in ("delimiter", "quote", "escape", "record_delimiter", "skip_lines", "header_lines", "comment")
        if (value := getattr(table.dialect, name)) != getattr(Dialect(), name) and name not in pollution.peek_given
    ]
    found = f"{', '.join(unusual)}; " if unusual else ""
    return told + found + _counted(len(table.rows), [(reject.line, reject.reason) for reject in table.rejects])


def _spelled(value: object) -> str:
    if not isinstance(value, str):
        return str(value)
    name = DELIMITER_NAMES.get(value)
    return name or f"`{value if value.isprintable() else toml_string(value)}`"


def _counted(rows: int, rejects: Iterable[tuple[int, str]]) -> str:
    parts = [f"{rows} {'row' if rows == 1 else 'rows'}"]
    for reason, members in groupby(rejects, key=lambda pair: pair[1]):
        lines = [line for line, _ in members]
        where = f"line {lines[0]}" if len(lines) == 1 else f"lines {lines[0]} to {lines[-1]}"
        parts.append(f"{where}: {_sentence(reason)}")
    return "; ".join(parts)


def _sentence(reason: str) -> str:
    return reason.removeprefix("orders.csv: ").split(". It holds:")[0].replace("<", "&lt;").replace("`", "'")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        PAGE.write_text(render(Path(scratch)), encoding="utf-8")
