#!/bin/sh
# Prints the secrets of the manifests, from .env and the address of Postgres:
#
#   make env && sh deploy/kubernetes/secrets.sh postgres.example.org:5432 | kubectl apply -n mlsploit -f -
#
# The keys of S3 and the worker's token are taken along when .env has them.
set -eu

postgres=${1:?"which Postgres? secrets.sh HOST:PORT"}
set -a
# shellcheck source=/dev/null
. "${2:-./.env}"
set +a

secret() {
    printf -- '---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\nstringData:\n' "$1"
}

entry() {
    # Single quotes in YAML: only they themselves need care.
    printf "  %s: '%s'\n" "$1" "$(printf %s "$2" | sed "s/'/''/g")"
}

value_of() {
    eval "printf %s \"\${$1:-}\""
}

upper() {
    printf %s "$1" | tr '[:lower:]' '[:upper:]'
}

nats_url() {
    entry MLSPLOIT_NATS_URL "nats://$1:$(value_of "MLSPLOIT_NATS_$(upper "$1")_PASSWORD")@nats:4222"
}

# Before anything is printed.
for name in API_SECRET_KEY FILES_LINK_KEY \
    USERS_DATABASE_PASSWORD FILES_DATABASE_PASSWORD MODULES_DATABASE_PASSWORD \
    PIPELINES_DATABASE_PASSWORD RUNS_DATABASE_PASSWORD \
    NATS_USERS_PASSWORD NATS_FILES_PASSWORD NATS_MODULES_PASSWORD NATS_PIPELINES_PASSWORD \
    NATS_RUNS_PASSWORD NATS_PORTAL_PASSWORD NATS_EXECUTION_PASSWORD NATS_OPERATOR_PASSWORD; do
    if [ -z "$(value_of "MLSPLOIT_$name")" ]; then
        echo "MLSPLOIT_$name is missing in .env: make env" >&2
        exit 1
    fi
done

for service in users files modules pipelines runs; do
    name=$(upper "$service")
    password=$(value_of "MLSPLOIT_${name}_DATABASE_PASSWORD")
    secret "$service"
    nats_url "$service"
    entry "MLSPLOIT_${name}_DATABASE_URL" "postgresql+asyncpg://$service:$password@$postgres/$service"
    case "$service" in
        users) entry MLSPLOIT_API_SECRET_KEY "$(value_of MLSPLOIT_API_SECRET_KEY)" ;;
        files)
            entry MLSPLOIT_FILES_LINK_KEY "$(value_of MLSPLOIT_FILES_LINK_KEY)"
            entry MLSPLOIT_FILES_S3_ACCESS_KEY_ID "$(value_of MLSPLOIT_FILES_S3_ACCESS_KEY_ID)"
            entry MLSPLOIT_FILES_S3_SECRET_ACCESS_KEY "$(value_of MLSPLOIT_FILES_S3_SECRET_ACCESS_KEY)"
            ;;
    esac
done

secret portal
nats_url portal
secret execution
nats_url execution
entry MLSPLOIT_WORKER_TOKEN "$(value_of MLSPLOIT_WORKER_TOKEN)"

secret nats
for name in USERS FILES MODULES PIPELINES RUNS PORTAL EXECUTION OPERATOR; do
    # In quotes of its own, because NATS reads a bare value as its own syntax.
    entry "MLSPLOIT_NATS_${name}_PASSWORD" "\"$(value_of "MLSPLOIT_NATS_${name}_PASSWORD")\""
done
