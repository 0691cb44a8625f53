"""What is bought together, which products are recommended to whom, and how well that went on a later period."""

from __future__ import annotations

from sahara_assets.tables.columns import (
    Table,
    flag_column,
    float_column,
    integer_column,
    text_column,
    timestamp_column,
)

STAGE = "recommendations"

BOUGHT_TOGETHER = Table(
    name="bought_together",
    stage=STAGE,
    description="For each product those that stand in the same orders most often, by product id.",
    columns=(
        text_column("product_id", "The product.", nullable=False),
        integer_column("rank", "1 is the one most often in the same orders; ties by id."),
        text_column("other_product_id", "The product bought with it.", nullable=False),
        text_column("description", "The product's name."),
        text_column("other_description", "The other product's name."),
        integer_column("order_count", "Orders that hold both."),
        integer_column("product_order_count", "Orders that hold the product."),
        integer_column("other_order_count", "Orders that hold the other."),
        float_column("support", "Share of all orders that hold both.", nullable=False),
        float_column("confidence", "Share of the product's orders that hold the other.", nullable=False),
        float_column(
            "lift",
            "confidence ÷ the other's share of all orders: above 1 they stand together more often than by chance.",
            nullable=False,
        ),
    ),
    key=("product_id", "rank"),
)

POPULAR_PRODUCTS = Table(
    name="popular_products",
    stage=STAGE,
    description="What is recommended to somebody of whom nothing is known: the products most customers buy, recent purchases first.",
    columns=(
        integer_column("rank", "1 is the most popular; ties by id."),
        text_column("product_id", "The product.", nullable=False),
        text_column("description", "The product's name."),
        float_column("score", "Share of all customers who bought it, each counting less with time.", nullable=False),
        integer_column("customer_count", "Customers who bought and kept it."),
    ),
    key=("rank",),
)

RECOMMENDATION_MODELS = Table(
    name="recommendation_models",
    stage=STAGE,
    description="The registry: the method in use of every training, as readable JSON; factors are in product_factors.",
    columns=(
        integer_column("version", "Counts trainings, from 1."),
        text_column("stage", "champion (in use) or retired.", nullable=False),
        text_column("method", "matrix_factorisation, bought_together or popularity.", nullable=False),
        text_column("model", "What it needs beside the factors, as JSON.", nullable=False),
        text_column("metrics", "What each method was worth on the later period, as JSON.", nullable=False),
        text_column("trace", "Why this method was chosen, line by line, as JSON.", nullable=False),
        text_column("training_fingerprint", "Hash of the settings that trained it.", nullable=False),
        timestamp_column("cut_off", "The moment up to which purchases count, project time zone.", nullable=False),
        timestamp_column(
            "evaluated_from", "Where the later period begins that methods were compared on, project time zone."
        ),
        integer_column("customer_count", "Customers it was trained on."),
        integer_column("product_count", "Products it was trained on."),
        integer_column("interaction_count", "Pairs of customer and product that it was trained on."),
        timestamp_column("trained_at", "When it was trained, UTC.", nullable=False),
        text_column("run_id", "The run that trained it.", nullable=False),
    ),
    key=("version",),
)

PRODUCT_FACTORS = Table(
    name="product_factors",
    stage=STAGE,
    description="The champion's factors of every product; empty where the champion is no matrix factorisation.",
    columns=(
        integer_column("version", "The training they come from."),
        text_column("product_id", "The product.", nullable=False),
        text_column("factors", "Its factors, as a JSON list of numbers.", nullable=False),
    ),
    key=("product_id",),
)

_METRICS = tuple(
    float_column(f"{name}_at_{k}", f"{meaning} (first {k}).")
    for name, meaning in (
        ("precision", "Share of the recommended products that were bought"),
        ("recall", "Share of the bought products that were recommended"),
        ("map", "Mean average precision"),
        ("ndcg", "Normalised discounted cumulative gain"),
    )
    for k in (5, 10)
)

RECOMMENDATION_EVALUATION = Table(
    name="recommendation_evaluation",
    stage=STAGE,
    description="What each method would have been worth: trained on what came before, measured on purchases that were new later.",
    columns=(
        integer_column("place", "Order of the lines: what was tuned first, then what was compared."),
        text_column("slice", "tuning (which factors to take) or later (which method to take).", nullable=False),
        text_column("method", "matrix_factorisation, bought_together or popularity.", nullable=False),
        integer_column("factors", "Of a matrix factorisation.", nullable=True),
        float_column("regularisation", "Of a matrix factorisation."),
        timestamp_column("split_at", "Trained before, measured from then on; project time zone.", nullable=False),
        timestamp_column("measured_until", "Where what it was measured on ends; project time zone.", nullable=False),
        integer_column("customer_count", "Customers with a purchase before and a new product after."),
        integer_column("pair_count", "New products that they bought, of those that had been sold before."),
        *_METRICS,
        float_column("coverage_at_10", "Share of the products on offer that are among somebody's first 10."),
        float_column("novelty_at_10", "Mean of −log2 of the share of customers who had the recommended product."),
        float_column("recall", "BigQuery ML's column: here recall_at_10."),
        float_column(
            "mean_squared_error", "BigQuery ML's: of the score against 1 for what was bought and 0 for what was not."
        ),
        float_column("mean_average_precision", "BigQuery ML's: over the whole ranking."),
        float_column("normalized_discounted_cumulative_gain", "BigQuery ML's: over the whole ranking."),
        float_column(
            "average_rank", "BigQuery ML's: mean percentile rank of what was bought; 0 is first, 0.5 is chance."
        ),
        flag_column("is_chosen", "The factors taken, or the method that became champion."),
    ),
    key=("place",),
)

PRODUCT_RECOMMENDATIONS = Table(
    name="product_recommendations",
    stage=STAGE,
    description="The products to recommend to each customer who has bought something, best first.",
    columns=(
        text_column("customer_id", "The customer.", nullable=False),
        integer_column("rank", "1 is the best; ties by product id."),
        text_column("product_id", "The product.", nullable=False),
        text_column("description", "The product's name."),
        float_column("score", "What the method thinks of it; comparable within one method only.", nullable=False),
        text_column(
            "method",
            "The champion, or popularity where that has nothing (more) to say of this customer.",
            nullable=False,
        ),
        text_column("reason", "Why, in words a customer may read.", nullable=False),
        text_column(
            "reason_product_id", "The product that the customer has and that it is bought with, where there is one."
        ),
    ),
    key=("customer_id", "rank"),
)

PRODUCT_AUDIENCES = Table(
    name="product_audiences",
    stage=STAGE,
    description="The reverse, for promotions: the customers most likely to take one of an audience's products and do not have it yet.",
    columns=(
        text_column("audience", "The audience's name in `recommendations.audiences`.", nullable=False),
        integer_column("rank", "1 is the likeliest; ties by customer id."),
        text_column("customer_id", "The customer.", nullable=False),
        text_column("product_id", "The product of the audience that suits this customer best.", nullable=False),
        text_column("description", "That product's name."),
        float_column("score", "What the method thinks of it.", nullable=False),
    ),
    key=("audience", "rank"),
)
