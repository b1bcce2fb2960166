#!/bin/sh
# What deploy/backup.sh has copied becomes a system again, where there is none:
#     deploy/restore.sh FOLDER && docker compose up -d
# .env must be the one of the system that was copied: its secrets are in no backup.
#
# As long as a restoration is not whole, the databases let no service in: a part of a system never
# passes for one.
set -eu

services="runs pipelines modules files users"
from=$PWD
cd "$(dirname "$0")/.."
case ${1:?"which backup? deploy/restore.sh FOLDER"} in
    /*) folder=$1 ;;
    *) folder=$from/$1 ;;
esac
scratch=$(mktemp -d)
has_begun=no
is_whole=no

refuse() {
    echo "$1" >&2
    exit 1
}

finish() {
    rm -rf "$scratch"
    [ "$has_begun" = no ] || [ "$is_whole" = yes ] || echo "The restoration broke off. What is there is \
a part, and lets no service in: docker compose down -v, and once more." >&2
}

psql() {
    docker compose exec --no-TTY postgres psql --username=postgres --no-psqlrc \
        --set=ON_ERROR_STOP=1 -Atq "$@" </dev/null
}

# Whether the roles of these services may log in: LOGIN or NOLOGIN.
let_in() {
    statements=
    for role in $2; do
        statements="$statements ALTER ROLE $role $1;"
    done
    psql --command "$statements"
}

in_files() {
    docker compose run --rm --no-TTY --no-deps files "$@"
}

[ -f "$folder/manifest.sha256" ] ||
    refuse "$folder is no backup that deploy/backup.sh has finished."
(cd "$folder" && sha256sum --check --quiet manifest.sha256 >&2) || refuse "$folder is damaged."

trap finish EXIT
trap 'exit 1' HUP INT TERM
docker compose up --detach --wait postgres
tables="SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
for service in $services; do
    count=$(psql --dbname="$service" --command "$tables")
    [ "$count" = 0 ] ||
        refuse "There is a system already, with $service: docker compose down -v would end it."
done
docker compose create nats
docker compose cp nats:/data - </dev/null >"$scratch/nats.tar"
[ "$(tar -t -f "$scratch/nats.tar")" = data/ ] ||
    refuse "There is a system already, with NATS: docker compose down -v would end it."

has_begun=yes
let_in NOLOGIN "$services"
for service in $services; do
    docker compose exec --no-TTY postgres pg_restore --username=postgres --role="$service" --no-owner \
        --no-privileges --exit-on-error --single-transaction --dbname="$service" \
        <"$folder/databases/$service.dump"
done
docker compose cp - nats:/ <"$folder/nats.tar"

# It holds each content against the digest in its database.
let_in LOGIN files
if ! { tar -c -C "$folder/blobs" -f - . || touch "$scratch/broken"; } | in_files importblobs ||
    [ -e "$scratch/broken" ]; then
    exit 1
fi
# What a bucket holds beside is orphaned, and does no harm.
in_files checkblobs >"$scratch/report" </dev/null || [ -s "$scratch/report" ]
cat "$scratch/report"
! grep -E '^(lost|damaged)' "$scratch/report" >/dev/null || exit 1

let_in LOGIN "$services"
is_whole=yes
echo "Restored. Start it with docker compose up -d."
