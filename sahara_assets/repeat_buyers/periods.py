"""Which past moments a training is made of.

Everything that a model learns from, is chosen by or is calibrated on must have been known at the report's cut-off, or the report would flatter
it: a label says what a customer did *until the end of its horizon*. So a training cut-off lies a whole horizon before the one that chooses, and
that one a whole horizon before the report's. With one horizon for all, "bought again" means the same everywhere:

    sales ……… train … train ── horizon ── choose, calibrate ── horizon ── report ── horizon ── end of the data
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from sahara_assets.errors import SaharaError
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from sahara_assets.settings.repeat_buyers import RepeatBuyerSettings

Role = Literal["train", "choose", "calibrate", "report"]
ROLES: tuple[Role, ...] = ("train", "choose", "calibrate", "report")


class TooLittleError(SaharaError):
    """There is too little to learn from: nothing is trained, and what there was stays as it is. The text says what is lacking."""


@dataclass(frozen=True)
class Periods:
    """The cut-offs of a training, local moments.

    Attributes:
        train: several, ascending.
        choose: its customers are halved: one half chooses between the models, the other calibrates.
        report: measures, and is used for nothing else.
        horizon: bought again means within this time after a cut-off.
    """

    train: tuple[datetime, ...]
    choose: datetime
    report: datetime
    horizon: timedelta


def plan_periods(first: datetime, end: datetime, wanted: RepeatBuyerSettings) -> Periods:
    """The cut-offs that the data allow.

    Args:
        first: the first sale, local.
        end: the moment after the last day with a sale: what lies after it is not known.
        wanted: horizon, steps, history.

    Raises:
        TooLittleError: the data are too short, or the report's cut-off leaves no time after it.

    >>> from sahara_assets.settings.repeat_buyers import RepeatBuyerSettings
    >>> found = plan_periods(datetime(2024, 1, 1), datetime(2025, 1, 1), RepeatBuyerSettings())
    >>> [f"{moment:%d %b}" for moment in (*found.train, found.choose, found.report)]
    ['06 Feb', '07 Mar', '06 Apr', '05 Jul', '03 Oct']
    """
    report = datetime.fromisoformat(wanted.report_cut_off) if wanted.report_cut_off else None
    if wanted.horizon_days:
        horizon = timedelta(days=wanted.horizon_days)
        report = report or end - horizon
    else:
        assert report is not None  # noqa: S101 - the settings ask for it
        horizon = timedelta(days=(end - report).days)
    if horizon <= timedelta(0) or report + horizon > end:
        raise TooLittleError(
            f"the data end on {end:%Y-%m-%d}, and repeat_buyers.report_cut_off ({report:%Y-%m-%d}) with a horizon of {counted(horizon.days, 'day')} "
            "reaches beyond: who bought again by then is not known yet; set an earlier one, or a shorter horizon"
        )
    choose = report - horizon
    latest, history = choose - horizon, timedelta(days=wanted.minimum_history_days)
    step = timedelta(days=wanted.step_days)
    train = [
        latest - step * back for back in range(wanted.training_cut_offs) if latest - step * back - first >= history
    ]
    if not train:
        longest = ((report - first if wanted.report_cut_off else end - first) - history).days // (
            2 if wanted.report_cut_off else 3
        )
        remedy = (
            f"with this history a horizon of up to {counted(longest, 'day')} would do"
            if longest >= 1
            else "wait for more data"
        )
        raise TooLittleError(
            f"the sales reach from {first:%Y-%m-%d} to {end:%Y-%m-%d}, too short to learn from: a horizon of {counted(horizon.days, 'day')} is needed "
            f"three times (to train, to choose and to report) after {counted(history.days, 'day')} of history; {remedy} (repeat_buyers.horizon_days)"
        )
    return Periods(tuple(reversed(train)), choose, report, horizon)
