"""The books that are kept over the drops and over what is built from them."""

from __future__ import annotations

from sahara_assets.tables.columns import Table, date_column, integer_column, text_column, timestamp_column

DROPS = Table(
    name="drops",
    stage="raw",
    description="The ledger: one row per version of every file that was ever seen.",
    columns=(
        text_column("dataset", "The dataset that the drop belongs to.", nullable=False),
        text_column("path", "The file, relative to the drop folder.", nullable=False),
        text_column("drop_id", "SHA-256 of the file's content.", nullable=False),
        text_column("status", "loaded, rejected, held, allowed, replaced or forgotten.", nullable=False),
        text_column("reason", "Why it was rejected, held, replaced or forgotten."),
        integer_column("rows_read", "Records in the file, counted by a scan of its own."),
        integer_column("rows_loaded", "Rows that are in the raw table."),
        integer_column("rows_rejected", "Rows that were kept out; all of them where the drop was rejected or held."),
        integer_column("size_bytes", "Size of the file."),
        timestamp_column("modified_at", "The file's modification time, UTC.", nullable=False),
        date_column("file_date", "The date in the file's name, where it has one."),
        text_column("format", "How the rows were held: csv, jsonl (JSON lines), json (one JSON array) or parquet."),
        text_column("encoding", "How the text was encoded; null for Parquet."),
        text_column("delimiter", "What separated the fields."),
        text_column("header", "The header line as it stood."),
        text_column("column_names", "The columns' names in the file's order, as a JSON list."),
        text_column(
            "column_samples", "Of a drop that was refused: some values of each column, as a JSON object of lists."
        ),
        text_column("undeclared_columns", "Header names that no declared column maps, as a JSON list; kept in _extra."),
        text_column("absent_columns", "Columns of ours that the file lacks, as a JSON list."),
        text_column(
            "rejected_columns",
            "How many rows were rejected for each column, by its name in the file, as a JSON object.",
        ),
        text_column(
            "reading_fingerprint",
            "Hash of the settings and code that read it; of a version that is held, with those of what it would replace.",
        ),
        text_column(
            "signature",
            "Size, times and inode when last looked at, in a bucket what tells uploads apart: an unchanged one is not hashed again.",
        ),
        timestamp_column("loaded_at", "When this version was taken in, UTC.", nullable=False),
        text_column("run_id", "The run that took it in.", nullable=False),
    ),
    key=("dataset", "path", "drop_id"),
)

REJECTED_ROWS = Table(
    name="rejected_rows",
    stage="raw",
    description="Every row that could not be typed or breaks a declared rule, as it stood in the file.",
    columns=(
        text_column("dataset", "The dataset that the drop belongs to.", nullable=False),
        text_column("drop_id", "SHA-256 of the drop's content.", nullable=False),
        integer_column("line", "Physical line number in the drop, counted from 1 with the header."),
        text_column("column_name", "The column at fault, by its name in the file; null where the whole row is."),
        text_column("reason", "What is wrong and what would be right.", nullable=False),
        text_column("raw_text", "The row as it stood in the file.", nullable=False),
    ),
    key=("dataset", "drop_id", "line"),
)

STEP_COUNTS = Table(
    name="step_counts",
    stage="sales",
    description="What every step takes in, lets go (by reason) and hands on, so that nothing is lost silently.",
    columns=(
        text_column("table_name", "The table that the step builds.", nullable=False),
        integer_column("position", "Order of the lines within the table's account."),
        text_column("reason", "'in', 'out', or why rows leave.", nullable=False),
        integer_column("row_count", "Rows."),
    ),
    key=("table_name", "position"),
)

IN = "in: "
"""How the reasons of a step's account begin that say what came in."""

BUILDS = Table(
    name="builds",
    stage="raw",
    description="Which inputs, settings and code every derived table and file was built from.",
    columns=(
        text_column("name", "The table or file group.", nullable=False),
        text_column("fingerprint", "Hash of its inputs' fingerprints, its settings and its code.", nullable=False),
        integer_column("row_count", "Rows it has."),
        text_column("details", "What the builder wants remembered, as JSON.", nullable=False),
        timestamp_column("built_at", "When, UTC.", nullable=False),
        text_column("run_id", "The run that built it.", nullable=False),
    ),
    key=("name",),
)
