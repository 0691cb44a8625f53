"""Whether the databases that fill datasets could be asked when they were last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.extracts.extracting import last_tries
from sahara_assets.quality.questions import Answer, Question
from sahara_assets.wording import counted, some

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


def _extracts_succeed(_: Warehouse, settings: Settings) -> Answer:
    tries = last_tries(settings)
    failed = [f"{each.name}: {each.error}" for each in tries if each.error]
    if failed:
        said = f"{counted(len(failed), 'extract')} failed, and the next run tries again: {some(failed, 3)}"
        return False, said, {"failed": failed}
    if not settings.extracts:
        return True, "no database is read", {}
    never = len(settings.extracts) - len(tries)
    if never:
        return (
            False,
            f"{counted(never, 'extract was', 'extracts were')} never tried; `sahara extract` asks the databases",
            {},
        )
    return True, f"{counted(len(tries), 'extract')}, each read to its end when it was last tried", {}


def _all_rows_have_watermarks(_: Warehouse, settings: Settings) -> Answer:
    said = [f"{each.name}: {notice}" for each in last_tries(settings) for notice in each.notices]
    if said:
        return False, some(said, 3), {"notices": said}
    return True, "nothing to note", {}


QUESTIONS: tuple[Question, ...] = (
    Question("extracts_succeed", "extracts", "Every database could be read.", False, _extracts_succeed),
    Question(
        "rows_are_found",
        "extracts",
        "Every row has the watermark by which it is found.",
        False,
        _all_rows_have_watermarks,
    ),
)
"""The checks on this part of the pipeline, in the order they are told."""
