"""The report for marketers, and the charts that it shares with the Dagster UI."""
