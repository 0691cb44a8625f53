"""The drops in `data/` are small, are what their README says, and are what the command in it makes."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path

from sahara_assets.generate.shop import generate
from sahara_assets_tests.generate.independent_reading import read_purchases
from sahara_assets_tests.generate.test_shop import compare

DATA = Path(__file__).parents[2] / "data"
DROPS = ("purchases", "products", "customers", "truth")


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for name in DROPS
        for path in sorted((folder / name).glob("*"))
        if path.is_file()
    }


def test_the_command_in_the_readme_makes_exactly_these_files(tmp_path: Path) -> None:
    command = re.search(r"^    (sahara generate .*)$", (DATA / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert command is not None
    _, _, *words = shlex.split(command[1])
    options = dict(zip(words[::2], words[1::2], strict=True))
    assert options.pop("--out") == "data"
    made = generate(
        tmp_path, **{name.removeprefix("--").replace("-", "_"): int(value) for name, value in options.items()}
    )
    assert files(tmp_path) == files(DATA)
    compare(made, read_purchases(DATA))


def test_they_are_small() -> None:
    contents = files(DATA)
    assert len(contents) <= 120
    assert sum(map(len, contents.values())) <= 2_500_000


def test_every_count_in_the_readme_is_the_planted_one_and_none_is_left_out() -> None:
    def flat(tree: dict, above: str = "") -> dict[str, str]:
        found = {}
        for name, value in tree.items():
            found |= flat(value, f"{above}{name}.") if isinstance(value, dict) else {above + name: str(value)}
        return found

    planted = flat(json.loads((DATA / "truth" / "planted_quirks.json").read_text(encoding="utf-8")))
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    stated = dict(re.findall(r"^\| `([a-z_.]+\.[a-z_]+)` \| ([\d.]+) \|", readme, re.MULTILINE))
    expected = {name: value for name, value in planted.items() if not name.startswith("made_with.")}
    assert f"{expected.pop('purchases.drops')} files" in readme
    assert stated == expected


def test_the_readme_is_the_dictionary_of_every_column() -> None:
    sections = re.split(r"^## ", (DATA / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    for dataset in DROPS[:3]:
        section = next(text for text in sections if text.startswith(f"`{dataset}/"))
        described = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
        for path in (DATA / dataset).iterdir():
            with path.open(encoding="utf-8", newline="") as file:
                assert next(csv.reader(file)) == described
