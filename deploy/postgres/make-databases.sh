#!/bin/sh
# Makes the two databases of a Sahara service, each with a role of its own that may do nothing elsewhere: `dagster` for Dagster's history
# and `warehouse` for the tables. The postgres image runs it once, when it makes a new data folder; running it again does no harm and sets
# the passwords anew. Passwords come from the files that DAGSTER_PASSWORD_FILE and WAREHOUSE_PASSWORD_FILE name.
set -eu

make() { # role and database, file of its password
  # The password is quoted by psql and stands on no command line that others could see.
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<SQL
\set role '$1'
\set password \`cat "$2"\`
SET log_statement = 'none';
SELECT format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION', :'role')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
SELECT format('ALTER ROLE %I PASSWORD %L', :'role', :'password') \gexec
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING %L', :'role', :'role', 'UTF8')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'role') \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'role') \gexec
SQL
}

make dagster "$DAGSTER_PASSWORD_FILE"
make warehouse "$WAREHOUSE_PASSWORD_FILE"
