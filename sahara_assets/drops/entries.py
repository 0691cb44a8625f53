"""Names and links in a drop folder: which are refused before anything is opened, and how a file is opened without leaving the folder.

Whoever may write into the folder chooses names and may make links. Where the folder is walked is `folders.py`.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO, Literal

from sahara_assets.untrusted import misleads, visible

Follow = Literal["own", "all", "none"]
"""Which links out of the folder are followed: those of the user who runs this and of root, every one, or none."""

LEADS_OUT = (
    "is a link that leads out of the drop folder, made by another user than the one who runs Sahara; deliver the file itself, or set "
    'drops.follow_links = "all" if whoever may make links there may have any file read'
)
LEADS_OUT_BY_RULE = (
    'is a link that leads out of the drop folder, and drops.follow_links = "none"; deliver the file itself'
)

_MOST_LINKS = 40  # as many as Linux follows
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


def led_out(root: Path, path: str, follow: Follow) -> str:
    """Why a file may not be read, because links lead to it that leave the folder; empty where it may.

    Args:
        root: the folder, resolved.
        path: below it, with forward slashes.
        follow: which links may leave it.

    Raises:
        OSError: links go in a circle, or were changed meanwhile.
    """
    if follow == "all" or _resolved(root, path, follow) is not None:
        return ""
    return LEADS_OUT if follow == "own" else LEADS_OUT_BY_RULE


def _resolved(root: Path, path: str, follow: Follow) -> Path | None:
    """Where links lead to, each read once by us; None where one leaves the folder that must not.

    What a link says cannot be changed, only the link replaced: so its owner and its words belong together where it is the same before
    and after.
    """
    place = root / path
    for _ in range(_MOST_LINKS):
        link = next((part for part in _below(root, place) if part.is_symlink()), None)
        if link is None:
            return place
        before = link.lstat()
        target = Path(os.path.normpath(link.parent / link.readlink()))
        after = link.lstat()
        if (before.st_dev, before.st_ino) != (after.st_dev, after.st_ino):
            raise OSError("was changed while it was looked at")
        if not target.is_relative_to(root) and (follow == "none" or not _is_ours(before)):
            return None
        place = target / place.relative_to(link)
    raise OSError("links that lead nowhere")


def _below(root: Path, place: Path) -> list[Path]:
    """The folders between a folder and a place inside it, and the place itself, from the outside in; none for a place elsewhere."""
    if not place.is_relative_to(root):
        return []
    inside = [place, *place.parents][: len(place.relative_to(root).parts)]
    return inside[::-1]


def _is_ours(link: os.stat_result) -> bool:
    """Whether the user who runs this made a link, or root; where users have no numbers, making a link takes a privilege of its own."""
    who = getattr(os, "geteuid", None)
    return who is None or link.st_uid in {0, who()}


def open_inside(root: Path, path: str, follow: Follow = "none") -> BinaryIO:
    """Open a file of a folder for reading, and nothing outside of it but what may be, whatever is swapped for a link meanwhile.

    Args:
        root: the folder, resolved.
        path: below it, with forward slashes; a link there may lead to another place below the folder.
        follow: which links may lead elsewhere.

    Raises:
        OSError: it cannot be opened, or leads out of the folder.
    """
    if follow == "all":
        return (root / path).open("rb")
    place = _resolved(root, path, follow)
    if place is None:
        raise OSError(LEADS_OUT if follow == "own" else LEADS_OUT_BY_RULE)
    if not _CAN_WALK:  # Windows, where making a link takes a privilege of its own
        return place.open("rb")
    if not place.is_relative_to(root):  # where a link of ours led: what lies there is nobody else's
        return _regular(os.open(place, os.O_RDONLY | os.O_NONBLOCK))
    *folders, name = place.relative_to(root).parts
    # Step by step from a folder that is held open: the system itself refuses a link at every step.
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in folders:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK, dir_fd=folder)
            os.close(folder)
            folder = inner
        # A pipe in the file's place would otherwise be waited for.
        return _regular(os.open(name, os.O_RDONLY | _NO_LINK | os.O_NONBLOCK, dir_fd=folder))
    finally:
        os.close(folder)


def _regular(descriptor: int) -> BinaryIO:
    opened = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        opened.close()
        raise OSError("it is no file any more")
    return opened
