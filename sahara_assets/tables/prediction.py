"""Who will buy again, what that is known from, and the segments of those who have not bought yet."""

from __future__ import annotations

from sahara_assets.tables.columns import (
    Table,
    flag_column,
    float_column,
    integer_column,
    text_column,
    timestamp_column,
)

REPEAT_BUYER_TRAINING = Table(
    name="repeat_buyer_training",
    stage="prediction",
    description="The parts that the repeat buyer models were made from: whose features as of which cut-off, and who bought again after it.",
    columns=(
        integer_column("position", "Order of the parts: training, choosing, calibration, report."),
        text_column(
            "role",
            "train (learned from), choose (later; decides between the models), calibrate (other customers of that cut-off; sets the probabilities) or report (the last cut-off; measures).",
            nullable=False,
        ),
        timestamp_column(
            "cut_off", "Features know what was ordered before this moment, project time zone.", nullable=False
        ),
        timestamp_column("label_until", "Bought again: from the cut-off until before this moment.", nullable=False),
        integer_column("customer_count", "Customers with a sale line before the cut-off."),
        integer_column("repeat_buyer_count", "Those of them who bought again."),
        float_column("repeat_share", "Their share.", nullable=False),
    ),
    key=("position",),
)

REPEAT_BUYER_GUARD = Table(
    name="repeat_buyer_guard",
    stage="prediction",
    description="How well each feature alone tells who bought again in the training part: what separates too well is a leak until it is allowed.",
    columns=(
        text_column("feature", "The feature.", nullable=False),
        float_column("known_share", "Share of the training rows that have a value.", nullable=False),
        float_column(
            "auc_alone", "Area under the curve of the feature alone, in its better direction.", nullable=False
        ),
    ),
    key=("feature",),
)

REPEAT_BUYER_MODELS = Table(
    name="repeat_buyer_models",
    stage="prediction",
    description="The registry: every trained repeat buyer model as readable JSON with its measures; the champion scores.",
    columns=(
        integer_column("version", "Counts trainings, from 1."),
        text_column("kind", "logistic or boosted_trees.", nullable=False),
        text_column("stage", "champion (in use), candidate (of the same training) or retired.", nullable=False),
        text_column("model", "The whole model as JSON: features, weights or trees, calibration.", nullable=False),
        text_column("metrics", "How good it was on the customers of the report cut-off, as JSON.", nullable=False),
        text_column("verdict", "Why it is or is not the champion.", nullable=False),
        text_column("training_fingerprint", "Hash of the settings that trained it.", nullable=False),
        text_column("training_set", "Fingerprint of the training set it was made from.", nullable=False),
        integer_column("horizon_days", "Bought again means within so many days."),
        timestamp_column("report_cut_off", "The cut-off it was measured at, project time zone.", nullable=False),
        integer_column("customer_count", "Rows it was learned from: customers × cut-offs."),
        timestamp_column("trained_at", "When, UTC.", nullable=False),
        text_column("run_id", "The run that trained it.", nullable=False),
    ),
    key=("version", "kind"),
)

REPEAT_BUYER_DECILES = Table(
    name="repeat_buyer_deciles",
    stage="prediction",
    description="The champion on the customers of the report cut-off, by tenths, the likeliest first: what had been said, what came, gains and lift.",
    columns=(
        integer_column("decile", "1 for the likeliest tenth."),
        integer_column("customer_count", "Customers in it."),
        integer_column("repeat_buyer_count", "Those who bought again."),
        float_column("mean_probability", "What had been said of them.", nullable=False),
        float_column("repeat_share", "What came.", nullable=False),
        float_column("lift", "repeat_share ÷ that of all customers.", nullable=False),
        float_column(
            "reached_share", "Share of all who bought again that this tenth and the likelier ones hold.", nullable=False
        ),
        float_column("reached_lift", "reached_share ÷ the share of customers in them.", nullable=False),
    ),
    key=("decile",),
)

REPEAT_BUYER_IMPORTANCES = Table(
    name="repeat_buyer_importances",
    stage="prediction",
    description="What the champion goes by.",
    columns=(
        text_column("feature", "The feature.", nullable=False),
        integer_column("rank", "1 for the most important."),
        float_column(
            "importance",
            "How much average precision falls on the customers of the report cut-off where the feature is shuffled among them.",
            nullable=False,
        ),
        float_column(
            "weight",
            "Of a logistic regression, how the log-odds change with one standard deviation more; null for trees and categories.",
        ),
    ),
    key=("feature",),
)

REPEAT_BUYER_SCORES = Table(
    name="repeat_buyer_scores",
    stage="prediction",
    description="One row per buyer: how likely they buy again within the horizon after the cut-off of customer_features.",
    columns=(
        text_column("customer_id", "The customer.", nullable=False),
        float_column("probability", "Calibrated probability of another sale line.", nullable=False),
        integer_column("rank", "1 for the likeliest; equal to nine digits, they go by id."),
        integer_column("decile", "1 for the likeliest tenth."),
        flag_column("is_contact", "Within the budget of the settings."),
    ),
    key=("customer_id",),
)

SEGMENT_CLASSIFIER = Table(
    name="segment_classifier",
    stage="prediction",
    description="What predicts segments from attributes, and how well: one row, or none where it is off, impossible or no better than the commonest segment.",
    columns=(
        integer_column("segmentation_version", "The segmentation whose segments it knows."),
        integer_column("k", "How many segments that has."),
        text_column("model", "One logistic regression a segment, as JSON.", nullable=False),
        integer_column("customer_count", "Customers with a segment and attributes, from whom it learned."),
        float_column("accuracy", "Share of them that cross-validation put into their segment.", nullable=False),
        float_column(
            "majority_share", "Share of the commonest segment: the accuracy of knowing nothing.", nullable=False
        ),
        float_column("standard_error", "Of the accuracy.", nullable=False),
    ),
    key=("segmentation_version",),
)

PREDICTED_SEGMENTS = Table(
    name="predicted_segments",
    stage="prediction",
    description="One row per customer who has attributes but no segment yet: the likeliest segment.",
    columns=(
        text_column("customer_id", "The customer.", nullable=False),
        integer_column("segment", "The likeliest segment's key."),
        text_column("segment_name", "Its name.", nullable=False),
        float_column("probability", "How likely it is, among the segments.", nullable=False),
    ),
    key=("customer_id",),
)

CANNOT_LEARN = "cannot_learn"
"""Under this name the build of the training set remembers why nothing could be learned from it."""

PREDICTION_TABLES: tuple[Table, ...] = (
    REPEAT_BUYER_TRAINING,
    REPEAT_BUYER_GUARD,
    REPEAT_BUYER_MODELS,
    REPEAT_BUYER_DECILES,
    REPEAT_BUYER_IMPORTANCES,
    REPEAT_BUYER_SCORES,
    SEGMENT_CLASSIFIER,
    PREDICTED_SEGMENTS,
)
