#!/bin/sh
# Is the process of this image alive? Not: is all that it needs there too. Traefik takes an unhealthy
# container out of its routes, and a service without NATS still answers.
set -eu

answers() {
    exec python -S -c '
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=3)
connection.request("GET", sys.argv[1])
sys.exit(connection.getresponse().status != 200)
' "$1"
}

case "$SERVICE" in
    execution) test -f "$MLSPLOIT_WORKER_DIR/ready" ;;
    # Its /healthz speaks of the whole system.
    portal) answers /docs ;;
    *) answers /healthz ;;
esac
