"""What a shop's analytics mean: `[analytics]`. How their files are read is set with their datasets, in `sections.py`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sahara_assets.settings.base import Section

CustomerId = Literal["visitor_id", "client_id", "user_id"]


class AnalyticsSettings(Section):
    """What sessions and events say about customers and purchases."""

    customer: CustomerId = Field(
        "visitor_id",
        description="Which id of a session leads to the customer: through the same column of the customers dataset, else by being the customer's id.",
    )
    purchases: Literal["none", "transactions", "tutorial"] = Field(
        "none",
        description="Which product rows are purchases beside those of the purchases dataset. `transactions`: completed purchases (action type 6 in Analytics 360, the event `purchase` in 4). `tutorial`: product rows of hits of type EVENT, as Google's k-means tutorial has it, which are clicks and cart actions; each counts one unit.",
    )
    order: Literal["transaction", "session"] = Field(
        "transaction",
        description="What an order is under `transactions`: a transaction, by its id, or the session, for exports that name none.",
    )
