#!/bin/sh
# Run once by the postgres image, on an empty data directory: one database and one role per service,
# and no way for a role into another's database.
set -eu

for service in users files modules pipelines runs; do
    variable="MLSPLOIT_$(echo "$service" | tr '[:lower:]' '[:upper:]')_DATABASE_PASSWORD"
    password=$(printenv "$variable")
    # Variables of psql quote themselves; CONNECT for PUBLIC is what Postgres grants by default.
    psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres \
        --set=service="$service" --set=password="$password" <<'SQL'
CREATE ROLE :"service" LOGIN PASSWORD :'password';
CREATE DATABASE :"service" OWNER :"service";
REVOKE CONNECT ON DATABASE :"service" FROM PUBLIC;
SQL
done
