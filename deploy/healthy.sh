#!/bin/sh
# Is the process of this image alive? Not: is all that it needs there too. Traefik takes an unhealthy
# container out of its routes, and a service without NATS still answers.
set -eu

if [ "$SERVICE" = execution ]; then
    # Of the workers that share a folder, the one in this container.
    for lock in "$MLSPLOIT_WORKER_DIR/lock" "$MLSPLOIT_WORKER_DIR"/worker-*/lock; do
        if [ "$(cat "$lock" 2>/dev/null)" = "$(hostname)" ]; then
            exec test -f "${lock%lock}ready"
        fi
    done
    exit 1
fi
exec python -S -c '
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=3)
connection.request("GET", "/livez")
sys.exit(connection.getresponse().status != 200)
'
