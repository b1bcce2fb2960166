#!/bin/sh
# An administrator's command in a container of the service that owns it:
#     ./docker-manage-api.sh createmodule helloworld https://example.org/helloworld.git -b main
set -eu
cd "$(dirname "$0")"

# As manage.py has them; a test holds the two equal.
case "${1:-help}" in
    createsuperuser | createuser | checkuserexists | changepassword | drf_create_token | createworkertoken | listusers)
        service=users ;;
    checkblobs | exportblobs | importblobs)
        service=files ;;
    createmodule | updatemodule | removemodule | listmodules | checkmodule)
        service=modules ;;
    listruns | requeue)
        service=runs ;;
    deadletters | replaydead | auditlog)
        [ "$#" -gt 1 ] || { echo "usage: $0 $1 SERVICE" >&2 && exit 2; }
        command=$1 service=$2
        shift 2
        set -- "$command" "$@" ;;
    doctor)
        # Each container sees its own settings, database, files and programs, and no other's.
        code=0
        for service in users files modules pipelines runs portal execution; do
            echo "== $service"
            docker compose run --rm --no-deps --no-TTY "$service" doctor </dev/null || code=1
        done
        exit "$code" ;;
    makemigrations | migrate)
        echo "Not needed: each service brings its database up to date when it starts." && exit 0 ;;
    *)
        sed -n 's/^    \([a-z_ |]*\))$/\1/p' "$0" | tr '|' '\n' | sed 's/^ */  /' >&2 && exit 2 ;;
esac

# A pipe gets the command's own lines, without a terminal's line ends.
if [ -t 0 ] && [ -t 1 ]; then
    exec docker compose run --rm "$service" "$@"
fi
exec docker compose run --rm --no-TTY "$service" "$@"
