"""What was handed to marketing tools."""

from __future__ import annotations

from sahara_assets.tables.columns import Table, integer_column, text_column

AUDIENCE_FILES = Table(
    name="audience_files",
    stage="activation",
    description="The audience files of the last export.",
    columns=(
        text_column("file_name", "The file, in the export folder.", nullable=False),
        text_column("format", "ga4 or ga360.", nullable=False),
        integer_column("row_count", "Customers in it."),
        text_column("sha256", "SHA-256 of the file.", nullable=False),
        integer_column(
            "left_out",
            "Customers that are in no file of this format; the manifest says why. Stands with its first file.",
        ),
    ),
    key=("file_name",),
)
