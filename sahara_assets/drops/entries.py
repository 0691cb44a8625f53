"""Names and links in a drop folder: which are refused before anything is opened, and how a file is opened without leaving the folder.

Whoever may write into the folder chooses names and may make links. Where the folder is walked is `folders.py`.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from sahara_assets.untrusted import misleads, visible

LEADS_OUT = (
    "is a link that leads out of the drop folder; deliver the file itself, or set drops.follow_links = true if nobody but you can make "
    "links there"
)

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_CAN_WALK = os.open in os.supports_dir_fd and bool(_NO_LINK)


def shown_name(path: str) -> tuple[str, str | None]:
    r"""A path as the ledger can hold it and a terminal show it, and what is wrong with it where something is.

    >>> shown_name("a.csv"), shown_name("a\x1b[2J.csv")
    (('a.csv', None), ('a\\x1b[2J.csv', 'its name holds control characters; rename it'))
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        return visible(path.encode("utf-8", "backslashreplace").decode()), "its name is not UTF-8; rename it"
    return (visible(path), "its name holds control characters; rename it") if misleads(path) else (path, None)


def leads_out(entry: os.DirEntry[str], root: Path) -> bool:
    """Whether a directory entry is a link to something outside of a folder.

    Args:
        entry: anything in it.
        root: the folder, resolved.
    """
    if not entry.is_symlink():
        return False
    try:
        return not Path(entry.path).resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # it was changed while we looked
        return True


def open_inside(root: Path, path: str) -> BinaryIO:
    """Open a file of a folder for reading, and nothing outside of it, whatever is swapped for a link meanwhile.

    Args:
        root: the folder, resolved.
        path: below it, with forward slashes; a link there may lead to another place below the folder.

    Raises:
        OSError: it cannot be opened, or leads out of the folder.
    """
    place = (root / path).resolve()
    if not place.is_relative_to(root):
        raise OSError(LEADS_OUT)
    if not _CAN_WALK:  # Windows, where making a link takes a privilege of its own
        return place.open("rb")
    *folders, name = place.relative_to(root).parts
    # Step by step from a folder that is held open: the system itself refuses a link at every step.
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in folders:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK, dir_fd=folder)
            os.close(folder)
            folder = inner
        # A pipe in the file's place would otherwise be waited for.
        opened = os.fdopen(os.open(name, os.O_RDONLY | _NO_LINK | os.O_NONBLOCK, dir_fd=folder), "rb")
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
        opened.close()
        raise OSError("it is no file any more")
    return opened
