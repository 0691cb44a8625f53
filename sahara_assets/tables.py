"""Every table and column, declared once.

DDL, contract checks, the column schema in the Dagster UI, the data dictionary and (later) the BigQuery schemas derive from what stands
here. What a dataset's file must hold stands here too (`DATASETS`), because a raw table is its dataset's columns and a few of ours.
How columns are computed does not live here: `drops/` fills the raw tables, `sales/`, `features/` and `segmentation/` the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a column holds; each warehouse has its own word for it."""

    TEXT = "text"
    DECIMAL = "decimal"  # DECIMAL(18,4): money and quantity, exact on every warehouse
    INTEGER = "integer"  # 64 bits
    FLOAT = "float"  # ratios and model numbers: equal to 1e-9 between warehouses
    TIMESTAMP = "timestamp"  # UTC unless the name ends in _local
    DATE = "date"
    BOOLEAN = "boolean"


@dataclass(frozen=True)
class Column:
    """One column: its name (with the unit where it has one), what it holds, and what that means."""

    name: str
    kind: Kind
    description: str
    nullable: bool = True


@dataclass(frozen=True)
class Table:
    """One table: `key` are the columns that tell rows apart and give every read its order."""

    name: str
    stage: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns' names in their declared order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            KeyError: the table declares no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name} declares no column {name!r}")


@dataclass(frozen=True)
class Dataset:
    """What the drops of one kind hold.

    `required` columns must be in the header and hold a value in every row; `expected` ones must be in the header, but may be empty in
    a row. `key` names the columns by which a newer row replaces an older one; without a key every line counts.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    required: tuple[str, ...]
    expected: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = field(default=())

    @property
    def raw_table(self) -> str:
        """The name of the raw table that this dataset's drops fill."""
        return f"raw_{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the declared columns, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The declared column of that name.

        Raises:
            KeyError: the dataset declares no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"dataset {self.name} declares no column {name!r}")


def _text(name: str, description: str, *, nullable: bool = True) -> Column:
    return Column(name, Kind.TEXT, description, nullable)


def _decimal(name: str, description: str, *, nullable: bool = True) -> Column:
    return Column(name, Kind.DECIMAL, description, nullable)


def _integer(name: str, description: str, *, nullable: bool = False) -> Column:
    return Column(name, Kind.INTEGER, description, nullable)


def _float(name: str, description: str, *, nullable: bool = True) -> Column:
    return Column(name, Kind.FLOAT, description, nullable)


def _timestamp(name: str, description: str, *, nullable: bool = True) -> Column:
    return Column(name, Kind.TIMESTAMP, description, nullable)


def _date(name: str, description: str, *, nullable: bool = True) -> Column:
    return Column(name, Kind.DATE, description, nullable)


def _flag(name: str, description: str) -> Column:
    return Column(name, Kind.BOOLEAN, description, nullable=False)


# --- datasets: what a file holds ------------------------------------------------------------------------------------------------

PURCHASES_DATASET = Dataset(
    name="purchases",
    description="One row per order line, as the shop's till or order system exports them.",
    columns=(
        _text("order_id", "The order, invoice or receipt that the line stands on.", nullable=False),
        _text("customer_id", "Who bought; empty for an anonymous line."),
        _text("product_id", "What was bought: article number, SKU or stock code.", nullable=False),
        _text("description", "The product's name as printed on the line."),
        _decimal("quantity", "Units bought; negative for units that came back.", nullable=False),
        _decimal("unit_price", "Price of one unit in the project's currency.", nullable=False),
        _timestamp("ordered_at", "When the line was ordered, in UTC.", nullable=False),
        _text("country", "The customer's country as the line states it."),
        _text("category", "The product's category, where the line states it."),
        _text("currency", "Currency code of the price, where the line states it."),
        _text("client_id", "Analytics client id (the browser), for the audience file."),
        _text("user_id", "Analytics user id, for the audience file."),
    ),
    required=("order_id", "product_id", "quantity", "unit_price", "ordered_at"),
    expected=("customer_id",),
    identifiers=("order_id", "customer_id", "product_id", "client_id", "user_id"),
)

PRODUCTS_DATASET = Dataset(
    name="products",
    description="One row per product; a newer drop replaces a product's row.",
    columns=(
        _text("product_id", "Article number, SKU or stock code, as purchases state it.", nullable=False),
        _text("description", "The product's name."),
        _text("category", "Category, or a path of categories from wide to narrow."),
        _decimal("list_price", "Price of one unit in the catalogue, in the project's currency."),
    ),
    required=("product_id",),
    key=("product_id",),
    identifiers=("product_id",),
)

CUSTOMERS_DATASET = Dataset(
    name="customers",
    description="One row per customer; a newer drop replaces a customer's row.",
    columns=(
        _text("customer_id", "The customer, as purchases state it.", nullable=False),
        _text("country", "The customer's country."),
        _text("client_id", "Analytics client id (the browser), for the audience file."),
        _text("user_id", "Analytics user id, for the audience file."),
        _date("signed_up_on", "The day the customer signed up, local."),
    ),
    required=("customer_id",),
    key=("customer_id",),
    identifiers=("customer_id", "client_id", "user_id"),
)

DATASETS: dict[str, Dataset] = {d.name: d for d in (PURCHASES_DATASET, PRODUCTS_DATASET, CUSTOMERS_DATASET)}


def _raw_table(dataset: Dataset) -> Table:
    """A raw table: the dataset's typed columns, every line of every current drop, and where each line came from."""
    local = tuple(
        _timestamp(f"{column.name}_local", f"{column.name} in the project's time zone.", nullable=column.nullable)
        for column in dataset.columns
        if column.kind is Kind.TIMESTAMP
    )
    return Table(
        name=dataset.raw_table,
        stage="raw",
        description=f"Every line of every current {dataset.name} drop, typed. {dataset.description}",
        columns=(
            _text("_drop_id", "SHA-256 of the drop's content; `drops` says which paths deliver it.", nullable=False),
            _integer("_line", "Physical line number in the drop, counted from 1 with the header."),
            *dataset.columns,
            *local,
            _text("_extra", "Undeclared columns as canonical JSON text; null where there are none."),
            _text("_line_hash", "MD5 of the typed declared columns: the same on every warehouse.", nullable=False),
            _integer("_occurrence", "The n-th line of this drop with that hash, from 1."),
        ),
        key=("_drop_id", "_line"),
    )


RAW_TABLES: dict[str, Table] = {name: _raw_table(dataset) for name, dataset in DATASETS.items()}

# --- raw stage: the books that are kept over the drops --------------------------------------------------------------------------

DROPS = Table(
    name="drops",
    stage="raw",
    description="The ledger: one row per version of every file that was ever seen.",
    columns=(
        _text("dataset", "The dataset that the drop belongs to.", nullable=False),
        _text("path", "The file, relative to the drop folder.", nullable=False),
        _text("drop_id", "SHA-256 of the file's content.", nullable=False),
        _text("status", "loaded, rejected, held, allowed, replaced or forgotten.", nullable=False),
        _text("reason", "Why it was rejected, held, replaced or forgotten."),
        _integer("rows_read", "Records in the file, counted by a scan of its own."),
        _integer("rows_loaded", "Rows that are in the raw table."),
        _integer("rows_rejected", "Rows that were kept out; all of them where the drop was rejected or held."),
        _integer("size_bytes", "Size of the file."),
        _timestamp("modified_at", "The file's modification time, UTC.", nullable=False),
        _date("file_date", "The date in the file's name, where it has one."),
        _text("encoding", "How the text was encoded."),
        _text("delimiter", "What separated the fields."),
        _text("header", "The header line as it stood."),
        _text("undeclared_columns", "Header names that no declared column maps, as a JSON list; kept in _extra."),
        _text("absent_columns", "Mapped columns that the header lacks, as a JSON list."),
        _text("reading_fingerprint", "Hash of the settings and code that read it."),
        _text("signature", "Size, times and inode when last looked at: an unchanged one is not hashed again."),
        _timestamp("loaded_at", "When this version was taken in, UTC.", nullable=False),
        _text("run_id", "The run that took it in.", nullable=False),
    ),
    key=("dataset", "path", "drop_id"),
)

REJECTED_ROWS = Table(
    name="rejected_rows",
    stage="raw",
    description="Every row that could not be typed or breaks a declared rule, as it stood in the file.",
    columns=(
        _text("dataset", "The dataset that the drop belongs to.", nullable=False),
        _text("drop_id", "SHA-256 of the drop's content.", nullable=False),
        _integer("line", "Physical line number in the drop, counted from 1 with the header."),
        _text("column_name", "The column at fault, by its name in the file; null where the whole row is."),
        _text("reason", "What is wrong and what would be right.", nullable=False),
        _text("raw_text", "The row as it stood in the file.", nullable=False),
    ),
    key=("dataset", "drop_id", "line"),
)

STEP_COUNTS = Table(
    name="step_counts",
    stage="sales",
    description="What every step takes in, lets go (by reason) and hands on, so that nothing is lost silently.",
    columns=(
        _text("table_name", "The table that the step builds.", nullable=False),
        _integer("position", "Order of the lines within the table's account."),
        _text("reason", "'in', 'out', or why rows leave.", nullable=False),
        _integer("row_count", "Rows."),
    ),
    key=("table_name", "position"),
)

# --- sales stage ----------------------------------------------------------------------------------------------------------------

PURCHASES = Table(
    name="purchases",
    stage="sales",
    description="Every order line once, classified: nothing is dropped unseen.",
    columns=(
        _text("_drop_id", "The drop that the line came from.", nullable=False),
        _integer("_line", "Its physical line there."),
        _text("order_id", "The order that the line stands on.", nullable=False),
        _text("customer_id", "Who bought; null for an anonymous line."),
        _text("product_id", "What was bought.", nullable=False),
        _text("description", "The product's name as printed on the line."),
        _decimal("quantity", "Units; negative for units that came back.", nullable=False),
        _decimal("unit_price", "Price of one unit in the project's currency.", nullable=False),
        _decimal("line_total", "quantity × unit_price.", nullable=False),
        _timestamp("ordered_at", "When it was ordered, UTC.", nullable=False),
        _timestamp("ordered_at_local", "When it was ordered, in the project's time zone.", nullable=False),
        _date("ordered_on", "The local day it was ordered.", nullable=False),
        _text("line_kind", "sale, return, cancellation, adjustment or free.", nullable=False),
        _flag("is_fee", "A fee (postage, bank charge), not merchandise."),
        _flag("is_future", "Dated more than a day after the drop was modified."),
        _text("country", "The customer's country as the line states it."),
        _text("category", "Category of the product: the line's own, else the product's."),
        _text("client_id", "Analytics client id."),
        _text("user_id", "Analytics user id."),
    ),
    key=("_drop_id", "_line"),
)

ORDERS = Table(
    name="orders",
    stage="sales",
    description="One row per order.",
    columns=(
        _text("order_id", "The order.", nullable=False),
        _text("customer_id", "Who ordered: the most frequent on its lines, ties to the latest; null if anonymous."),
        _timestamp("ordered_at", "Its earliest line, UTC.", nullable=False),
        _timestamp("ordered_at_local", "Its earliest line, in the project's time zone.", nullable=False),
        _date("ordered_on", "The local day of its earliest line.", nullable=False),
        _integer("line_count", "Lines of any kind."),
        _decimal("unit_count", "Units on its sale lines.", nullable=False),
        _decimal("gross_spend", "Value of its sale lines.", nullable=False),
        _decimal("returned_value", "Value of its returned and cancelled lines, as a positive amount.", nullable=False),
        _decimal("net_spend", "gross_spend − returned_value.", nullable=False),
        _flag("has_sale", "At least one sale line."),
        _flag("has_return", "At least one return line."),
        _flag("has_cancellation", "At least one cancellation line."),
        _flag("has_adjustment", "At least one adjustment line."),
    ),
    key=("order_id",),
)

PRODUCTS = Table(
    name="products",
    stage="sales",
    description="One row per product that was sold or is in the catalogue.",
    columns=(
        _text("product_id", "The product.", nullable=False),
        _text("description", "From the catalogue, else the most frequent on its lines, ties to the latest."),
        _text("category", "From the catalogue, else the most frequent on its lines, ties to the latest."),
        _decimal("list_price", "Catalogue price."),
        _flag("is_fee", "A fee, not merchandise."),
        _integer("sale_line_count", "Sale lines."),
        _decimal("unit_count", "Units on sale lines.", nullable=False),
        _decimal("gross_spend", "Value of sale lines.", nullable=False),
    ),
    key=("product_id",),
)

CUSTOMERS = Table(
    name="customers",
    stage="sales",
    description="One row per known customer, buyers or not.",
    columns=(
        _text("customer_id", "The customer.", nullable=False),
        _text("country", "From the customer file, else the most frequent on the lines, ties to the latest."),
        _text("client_id", "From the customer file, else the latest on the lines."),
        _text("user_id", "From the customer file, else the latest on the lines."),
        _date("signed_up_on", "From the customer file."),
        _timestamp("first_ordered_at", "First sale line, UTC."),
        _timestamp("last_ordered_at", "Latest sale line, UTC."),
        _integer("line_count", "Lines of any kind."),
        _flag("has_sale", "At least one sale line."),
    ),
    key=("customer_id",),
)

# --- features stage: `customer_features` is in schema.py, made from features/declarations.py ---------------------------------------

TOP_CATEGORIES = Table(
    name="top_categories",
    stage="features",
    description="The categories that take most of the spend; customer_features holds each customer's share in them.",
    columns=(
        _integer("rank", "1 for the category with the biggest gross spend."),
        _text("category", "The category: the first part of its path.", nullable=False),
        _decimal("gross_spend", "Value of its sale lines up to the cut-off.", nullable=False),
        _float("spend_share", "Its share of all gross spend.", nullable=False),
    ),
    key=("rank",),
)

# --- segmentation stage ---------------------------------------------------------------------------------------------------------

K_SWEEP = Table(
    name="k_sweep",
    stage="segmentation",
    description="How good every k in the configured range is, and why it was chosen or not.",
    columns=(
        _integer("k", "Number of clusters."),
        _float("mean_squared_distance", "Mean of squared distances to the nearest centroid.", nullable=False),
        _float(
            "davies_bouldin_index",
            "Mean worst ratio of within-cluster to between-cluster distance; lower is better.",
            nullable=False,
        ),
        _float("silhouette", "Mean silhouette; higher is better.", nullable=False),
        _integer("silhouette_sample_size", "Customers the silhouette was taken over; all where it is exact."),
        _float("calinski_harabasz", "Between-cluster to within-cluster dispersion; higher is better.", nullable=False),
        _float("smallest_share", "Share of customers in the smallest cluster.", nullable=False),
        _float("largest_share", "Share of customers in the largest cluster.", nullable=False),
        _float(
            "stability",
            "Mean adjusted Rand index over reseeded resamples; 1 is the same grouping every time.",
            nullable=False,
        ),
        _float("score", "The combined score that the choice ranks by; null where k did not qualify."),
        _flag("is_chosen", "The k in use."),
        _text("verdict", "Why it was chosen, or why not.", nullable=False),
    ),
    key=("k",),
)

SEGMENTATION_MODELS = Table(
    name="segmentation_models",
    stage="segmentation",
    description="The registry: every trained model as readable JSON, the champion and every other k of its sweep.",
    columns=(
        _integer("version", "Counts trainings, from 1."),
        _integer("k", "Number of clusters."),
        _text("stage", "champion (in use), candidate (swept in the same training) or retired.", nullable=False),
        _text("model", "The whole model as JSON: features, treatments, centroids, segments.", nullable=False),
        _text("metrics", "Its line of the sweep as JSON.", nullable=False),
        _text("trace", "Why this k was chosen, line by line, as JSON.", nullable=False),
        _text("training_fingerprint", "Hash of the settings and code that trained it.", nullable=False),
        _timestamp("cut_off", "The moment up to which its customers' lines count, project time zone.", nullable=False),
        _timestamp("first_ordered_at", "First sale line it was trained on, UTC."),
        _timestamp("last_ordered_at", "Latest sale line it was trained on, UTC."),
        _integer("customer_count", "Customers it was trained on."),
        _timestamp("trained_at", "When it was trained, UTC.", nullable=False),
        _text("run_id", "The run that trained it.", nullable=False),
    ),
    key=("version", "k"),
)

CUSTOMER_SEGMENTS = Table(
    name="customer_segments",
    stage="segmentation",
    description="One row per customer: the segment the champion puts it in.",
    columns=(
        _text("customer_id", "The customer.", nullable=False),
        _integer("segment", "The segment's key: stable across retrainings."),
        _text("segment_name", "The segment's name.", nullable=False),
        _text("tier", "Platinum, Gold, Silver or Bronze.", nullable=False),
        _float("distance", "Distance to the segment's centroid, in the model's standardised space.", nullable=False),
        _flag("is_outlier", "Further from its centroid than the model's outlier distance."),
    ),
    key=("customer_id",),
)

SEGMENT_PROFILES = Table(
    name="segment_profiles",
    stage="segmentation",
    description="One row per segment: how big it is, what it is worth, what sets it apart, what to do.",
    columns=(
        _integer("segment", "The segment's key: stable across retrainings."),
        _text("segment_name", "A name that a marketer understands.", nullable=False),
        _text("tier", "Platinum, Gold, Silver or Bronze, by mean gross spend.", nullable=False),
        _integer("customer_count", "Customers in it."),
        _float("customer_share", "Share of all customers.", nullable=False),
        _decimal("gross_spend", "Their gross spend.", nullable=False),
        _float("spend_share", "Share of all gross spend.", nullable=False),
        _float("mean_gross_spend", "Gross spend per customer.", nullable=False),
        _float("mean_order_count", "Orders per customer.", nullable=False),
        _float("median_recency_days", "Median days since the last order.", nullable=False),
        _integer("outlier_count", "Customers far from the centroid."),
        _text("centroid", "The centroid in original units, as JSON by feature.", nullable=False),
        _text("differences", "Largest standardised differences from all customers, as a JSON list.", nullable=False),
        _text("description", "One sentence that says what sets the segment apart.", nullable=False),
        _text("action", "One suggested action.", nullable=False),
    ),
    key=("segment",),
)

SEGMENT_CHANGES = Table(
    name="segment_changes",
    stage="segmentation",
    description="What each change of champion did to the segments: kept, new or gone, and how many customers moved.",
    columns=(
        _integer("version", "The training that made the change."),
        _integer("k", "The new champion's number of clusters."),
        _integer("position", "Order of the lines within the change."),
        _text("change", "kept, new or gone.", nullable=False),
        _integer("segment", "The segment's key."),
        _text("old_name", "Its name before."),
        _text("new_name", "Its name now."),
        _float("centroid_shift", "How far its centroid moved, in standardised units."),
        _integer("customers_stayed", "Customers in it before and now.", nullable=True),
        _integer("customers_joined", "Customers in it now that were elsewhere before.", nullable=True),
        _integer("customers_left", "Customers in it before that are elsewhere now.", nullable=True),
    ),
    key=("version", "k", "position"),
)

# --- activation stage -----------------------------------------------------------------------------------------------------------

AUDIENCE_FILES = Table(
    name="audience_files",
    stage="activation",
    description="The audience files of the last export.",
    columns=(
        _text("file_name", "The file, in the export folder.", nullable=False),
        _text("format", "ga4 or ga360.", nullable=False),
        _integer("row_count", "Customers in it."),
        _text("sha256", "SHA-256 of the file.", nullable=False),
        _integer("left_out", "Customers that are not in it; the manifest says why."),
    ),
    key=("file_name",),
)

BUILDS = Table(
    name="builds",
    stage="raw",
    description="Which inputs, settings and code every derived table and file was built from.",
    columns=(
        _text("name", "The table or file group.", nullable=False),
        _text("fingerprint", "Hash of its inputs' fingerprints, its settings and its code.", nullable=False),
        _integer("row_count", "Rows it has."),
        _text("details", "What the builder wants remembered, as JSON.", nullable=False),
        _timestamp("built_at", "When, UTC.", nullable=False),
        _text("run_id", "The run that built it.", nullable=False),
    ),
    key=("name",),
)
