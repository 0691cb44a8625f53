"""The folder of what extracts wrote, as a drop folder: every part in it is a drop of the dataset that its extract fills.

In the ledger such a drop's path begins with `extracts/`, wherever the folder lies. What writes there is `extracts/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from sahara_assets.drops.folders import DropFolder, LocalFolder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sahara_assets.drops.folders import Listed

EXTRACTED = "extracts/"
"""How the paths of extracted drops begin."""

_ENDING = ".jsonl.gz"


class ExtractedFolder(DropFolder):
    """The parts of all extracts; a folder that is not there holds none.

    Args:
        root: the folder, absolute.
    """

    settles = False

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = LocalFolder(root, "drops.extracts_folder")

    def __str__(self) -> str:
        # As a prefix of the paths that are listed.
        return str(self._folder).removesuffix(EXTRACTED)

    def check(self) -> None:
        """Nothing needs to be there."""

    def _entries(self) -> Iterator[Listed]:
        """Every part; what an extract keeps beside them is none."""
        if self._root.is_dir():
            for path, stat in self._folder.listing():
                if path.endswith(_ENDING) and path.count("/") == 1:
                    yield f"{EXTRACTED}{path}", stat

    def open(self, path: str, signature: str) -> BinaryIO:
        """A part's bytes."""
        return self._folder.open(path.removeprefix(EXTRACTED), signature)
