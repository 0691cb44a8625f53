"""The fixtures that the fake lends: `fake_bigquery`, empty for every test, and a client of it with a dataset."""

from __future__ import annotations

from sahara_assets_tests.fake_bigquery.fixtures import bigquery_client, fake_bigquery, running_bigquery  # noqa: F401 - fixtures are found by name
