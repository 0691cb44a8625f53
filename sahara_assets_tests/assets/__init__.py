"""Tests of the assets, run by Dagster on small generated data."""
