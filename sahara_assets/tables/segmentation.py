"""The sweep, the registry of models, and the segments they make."""

from __future__ import annotations

from sahara_assets.tables.columns import (
    Table,
    decimal_column,
    flag_column,
    float_column,
    integer_column,
    text_column,
    timestamp_column,
)

K_SWEEP = Table(
    name="k_sweep",
    stage="segmentation",
    description="How good every k in the configured range is, and why it was chosen or not.",
    columns=(
        integer_column("k", "Number of clusters."),
        float_column("mean_squared_distance", "Mean of squared distances to the nearest centroid.", nullable=False),
        float_column(
            "davies_bouldin_index",
            "Mean worst ratio of within-cluster to between-cluster distance; lower is better.",
            nullable=False,
        ),
        float_column("silhouette", "Mean silhouette; higher is better.", nullable=False),
        integer_column("silhouette_sample_size", "Customers the silhouette was taken over; all where it is exact."),
        float_column(
            "calinski_harabasz", "Between-cluster to within-cluster dispersion; higher is better.", nullable=False
        ),
        float_column("smallest_share", "Share of customers in the smallest cluster.", nullable=False),
        float_column("largest_share", "Share of customers in the largest cluster.", nullable=False),
        float_column(
            "stability",
            "Mean adjusted Rand index over reseeded resamples; 1 is the same grouping every time.",
            nullable=False,
        ),
        float_column(
            "elbow", "How much more the step to k helped than the next one will; 0 is no elbow.", nullable=False
        ),
        float_column(
            "wholeness", "1 where no cluster is really two; lower as one of them falls apart.", nullable=False
        ),
        float_column(
            "steadiness", "How much of its weakest cluster half samples find again; 1 is all of it.", nullable=False
        ),
        float_column("score", "The combined score that the choice ranks by; null where k did not qualify."),
        flag_column("is_chosen", "The k in use."),
        text_column("verdict", "Why it was chosen, or why not.", nullable=False),
    ),
    key=("k",),
)

SEGMENTATION_MODELS = Table(
    name="segmentation_models",
    stage="segmentation",
    description="The registry: every trained model as readable JSON, the champion and every other k of its sweep.",
    columns=(
        integer_column("version", "Counts trainings, from 1."),
        integer_column("k", "Number of clusters."),
        text_column("stage", "champion (in use), candidate (swept in the same training) or retired.", nullable=False),
        text_column("model", "The whole model as JSON: features, treatments, centroids, segments.", nullable=False),
        text_column("metrics", "Its line of the sweep as JSON.", nullable=False),
        text_column("trace", "Why this k was chosen, line by line, as JSON.", nullable=False),
        text_column("training_fingerprint", "Hash of the settings and code that trained it.", nullable=False),
        timestamp_column(
            "cut_off", "The moment up to which its customers' lines count, project time zone.", nullable=False
        ),
        timestamp_column("first_ordered_at", "First sale line it was trained on, UTC."),
        timestamp_column("last_ordered_at", "Latest sale line it was trained on, UTC."),
        integer_column("customer_count", "Customers it was trained on."),
        timestamp_column("trained_at", "When it was trained, UTC.", nullable=False),
        text_column("run_id", "The run that trained it.", nullable=False),
    ),
    key=("version", "k"),
)

CUSTOMER_SEGMENTS = Table(
    name="customer_segments",
    stage="segmentation",
    description="One row per customer: the segment the champion puts it in.",
    columns=(
        text_column("customer_id", "The customer.", nullable=False),
        integer_column("segment", "The segment's key: stable across retrainings."),
        text_column("segment_name", "The segment's name.", nullable=False),
        text_column("tier", "Platinum, Gold, Silver or Bronze.", nullable=False),
        float_column(
            "distance", "Distance to the segment's centroid, in the model's standardised space.", nullable=False
        ),
        flag_column("is_outlier", "Further from its centroid than the model's outlier distance."),
    ),
    key=("customer_id",),
)

SEGMENT_PROFILES = Table(
    name="segment_profiles",
    stage="segmentation",
    description="One row per segment: how big it is, what it is worth, what sets it apart, what to do.",
    columns=(
        integer_column("segment", "The segment's key: stable across retrainings."),
        text_column("segment_name", "A name that a marketer understands.", nullable=False),
        text_column(
            "tier",
            "Platinum, Gold, Silver or Bronze, by mean gross spend or what `segmentation.rank_by` names.",
            nullable=False,
        ),
        integer_column("customer_count", "Customers in it."),
        float_column("customer_share", "Share of all customers.", nullable=False),
        decimal_column("gross_spend", "Their gross spend; null, as the next four, in a project without order lines."),
        float_column("spend_share", "Share of all gross spend."),
        float_column("mean_gross_spend", "Gross spend per customer."),
        float_column("mean_order_count", "Orders per customer."),
        float_column("median_recency_days", "Median days since the last order."),
        integer_column("outlier_count", "Customers far from the centroid."),
        text_column("centroid", "The centroid in original units, as JSON by feature.", nullable=False),
        text_column(
            "differences",
            "Every feature with its median and standardised difference from all customers, the largest first, as a JSON list.",
            nullable=False,
        ),
        text_column("description", "One sentence that says what sets the segment apart.", nullable=False),
        text_column("action", "One suggested action.", nullable=False),
    ),
    key=("segment",),
)

SEGMENT_CHANGES = Table(
    name="segment_changes",
    stage="segmentation",
    description="What each change of champion did to the segments: kept, new or gone, and how many customers moved.",
    columns=(
        integer_column("version", "The training that made the change."),
        integer_column("k", "The new champion's number of clusters."),
        integer_column("position", "Order of the lines within the change."),
        text_column("change", "kept, new or gone.", nullable=False),
        integer_column("segment", "The segment's key."),
        text_column("old_name", "Its name before."),
        text_column("new_name", "Its name now."),
        float_column("centroid_shift", "How far its centroid moved, in standardised units."),
        integer_column("customers_stayed", "Customers in it before and now.", nullable=True),
        integer_column("customers_joined", "Customers in it now that were elsewhere before.", nullable=True),
        integer_column("customers_left", "Customers in it before that are elsewhere now.", nullable=True),
    ),
    key=("version", "k", "position"),
)
