"""A BigQuery that runs on loopback over DuckDB, for the real `google-cloud-bigquery` client to talk to.

What it believes about BigQuery stands beside a citation of BigQuery's documentation; what the documentation does not say is marked
"unverified". What it does not know it refuses with 501, so that a test never passes on a guess. It is a test double: no
authentication, no Storage API (call `to_arrow(create_bqstorage_client=False)`), no legacy SQL, no sessions, no Cloud Storage.

Tests ask for the fixtures `fake_bigquery` and `bigquery_client` (`fixtures`), or run `FakeBigQuery` (`server`) themselves.

From the wire inwards: `server` (HTTP), `routes` (what a path means), `uploads`, `faults`, `errors`; `jobs` (states), `results`, `loads`,
`scripts` (many statements), `statements` (one), `inserts`, `ddl`, `views`, `session`, `transactions`; `dialect`, `translation`, `calls`,
`aggregates`, `overloads`, `parameters`, `tables` (GoogleSQL to DuckDB's SQL); `macros`, `macros_time`, `scalars`, `farmhash` (functions);
`catalogue`, `layout`, `schema`, `encoding`, `estimates` (what is kept and how it is shown). `emulator` starts the second opinion.
"""
