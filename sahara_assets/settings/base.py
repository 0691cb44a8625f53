"""What every section of `sahara.toml` is made of; the sections are in `sections.py` and beside it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One section of the file: unknown keys are problems, values are never converted."""

    # Strict, because a quoted number in the file is more likely a slip than a number; the environment's text is converted before.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
