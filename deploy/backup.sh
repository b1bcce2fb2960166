#!/bin/sh
# Copies all that the containers hold into a folder, while they run:
#     deploy/backup.sh [FOLDER]
# Why the copy is consistent: docs/how-to/back-up.md. Either the folder is whole afterwards, or there
# is none of that name. No pipe here has an end whose failure would not be seen.
set -eu
umask 077
export LC_ALL=C

from=$PWD
cd "$(dirname "$0")/.."
case ${1:-} in
    "") folder=$PWD/backups/$(date -u +%Y-%m-%dT%H-%M-%SZ) ;;
    /*) folder=$1 ;;
    *) folder=$from/$1 ;;
esac
part=$folder.unfinished
is_whole=no
is_paused=no
watcher=

refuse() {
    echo "$1" >&2
    exit 1
}

in_files() {
    docker compose run --rm --no-TTY --no-deps files "$@"
}

in_postgres() {
    docker compose exec --no-TTY postgres "$@"
}

finish() {
    if [ "$is_paused" = yes ]; then
        docker compose unpause nats || echo "NATS is still paused: docker compose unpause nats" >&2
    fi
    [ -z "$watcher" ] || kill -9 "$watcher" 2>/dev/null || true
    if [ "$is_whole" = no ]; then
        rm -rf "$part" "$folder.sums"
        echo "No backup was made." >&2
    fi
}

# Those that are not here yet.
copy_contents() {
    ls -A "$part/blobs" >"$part/present"
    if ! { in_files exportblobs <"$part/present" || touch "$part/broken"; } |
        tar -x -C "$part/blobs" -f - || [ -e "$part/broken" ]; then
        refuse "The files' contents cannot be copied."
    fi
    rm "$part/present"
}

# A line for each file in the copy of the database, as sha256sum has them.
name_contents() {
    in_postgres pg_restore --data-only --table=files --file=- \
        <"$part/databases/files.dump" >"$part/files.sql"
    awk -F '\t' '
        /^COPY public\.files \(/ {
            sub(/^[^(]*\(/, ""); sub(/\).*/, "")
            count = split($0, names, ", ")
            for (i = 1; i <= count; i++) at[names[i]] = i
            reading = 1
            next
        }
        /^\\\.$/ { reading = 0 }
        reading { print $at["sha256"] "  blobs/" $at["blob_key"] }' "$part/files.sql" >"$part/named"
    rm "$part/files.sql"
}

# Of files that were deleted before their database was copied.
remove_others() {
    sed 's/.*  blobs.//' "$part/named" >"$part/keys"
    sort -o "$part/keys" "$part/keys"
    ls -A "$part/blobs" >"$part/present"
    comm -23 "$part/present" "$part/keys" >"$part/others"
    while IFS= read -r key; do
        rm "$part/blobs/$key"
    done <"$part/others"
    rm "$part/keys" "$part/present" "$part/others"
}

[ ! -e "$folder" ] || refuse "$folder exists already; a backup gets a folder of its own."
paused=$(docker compose ps --quiet --status paused nats)
[ -z "$paused" ] || refuse "NATS is paused, so another backup is at work: let it end first. \
If there is none: docker compose unpause nats"
running=$(docker compose ps --quiet --status running nats)
# What was taken down altogether is there again, and stands still.
[ -n "$running" ] || docker compose create nats

trap finish EXIT
# Not every shell carries EXIT out for these.
trap 'exit 1' HUP INT TERM
rm -rf "$part"
mkdir -p "$part/databases" "$part/blobs"
copy_contents

# From here to the end of the databases' copies NATS stands still; requests go on.
if [ -n "$running" ]; then
    # Should this script be killed with -9, NATS goes on a second later.
    (
        trap '' HUP INT TERM
        while kill -0 "$$"; do
            sleep 1
        done
        docker compose unpause nats
    ) </dev/null >/dev/null 2>&1 &
    watcher=$!
    if ! docker compose pause nats; then
        # Somebody else's pause is not ours to end.
        kill -9 "$watcher"
        exit 1
    fi
    is_paused=yes
fi
docker compose cp nats:/data - </dev/null >"$part/nats.tar"
for service in runs pipelines modules files users; do
    in_postgres pg_dump --username=postgres --format=custom "$service" \
        </dev/null >"$part/databases/$service.dump"
done
if [ "$is_paused" = yes ]; then
    # It fails if somebody let NATS go on meanwhile: then the copy would be none of one moment.
    is_paused=no
    docker compose unpause nats
fi

copy_contents
name_contents
remove_others
# Of nothing sha256sum makes a fault.
if [ -s "$part/named" ] && ! (cd "$part" && sha256sum --check --quiet named >&2); then
    refuse "Files were deleted at this very moment, or are damaged: make another backup. If it is \
the same again, ./docker-manage-api.sh checkblobs says more."
fi
rm "$part/named"
# What cannot be read back is no copy.
tar -t -f "$part/nats.tar" >/dev/null
for dump in "$part"/databases/*.dump; do
    in_postgres pg_restore --file=/dev/null <"$dump"
done

(cd "$part" && find . -type f -exec sha256sum {} +) >"$folder.sums"
mv "$folder.sums" "$part/manifest.sha256"
mv "$part" "$folder"
is_whole=yes
echo "$folder is a whole backup."
