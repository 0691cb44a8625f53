"""A BigQuery that runs on loopback over DuckDB, for the real `google-cloud-bigquery` client to talk to.

What it believes about BigQuery stands beside a citation of BigQuery's documentation; what the documentation does not say is marked
"unverified". What it does not know it refuses with 501, so that a test never passes on a guess. It is a test double: no
authentication, no Storage API, no legacy SQL.

Modules, from the wire inwards: `server` (HTTP), `routes` (what a path means), `uploads`, `faults`; `jobs` (states), `loads`,
`scripts` (many statements), `statements` (one), `ddl`, `transactions`; `translation`, `calls`, `aggregates`, `parameters` (GoogleSQL to
DuckDB's SQL), `macros`, `macros_time`, `scalars`, `farmhash` (functions); `catalogue`, `schema`, `encoding`, `estimates` (what is kept
and how it is shown).
"""
