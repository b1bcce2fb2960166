#!/bin/sh
# Restarts every replica of the named services, one after the other, so that no request is refused:
#     deploy/rolling-restart.sh runs files
# A service with one replica is away while it restarts: give it two first (--scale).
set -eu

HEALTHY_SECONDS_MAX=90

[ "$#" -gt 0 ] || { echo "usage: $0 SERVICE..." >&2; exit 2; }

is_healthy() {
    [ "$(docker inspect --format '{{.State.Health.Status}}' "$1")" = healthy ]
}

for service in "$@"; do
    for container in $(docker compose ps --quiet "$service"); do
        docker restart "$container" >/dev/null
        waited=0
        until is_healthy "$container"; do
            waited=$((waited + 1))
            if [ "$waited" -gt "$HEALTHY_SECONDS_MAX" ]; then
                echo "$service: $container is not healthy; the others were left alone" >&2
                exit 1
            fi
            sleep 1
        done
        # The gateway hears of a healthy container within two seconds.
        sleep 2
        echo "$service: $container restarted"
    done
done
