#!/bin/sh
# Starts the whole system in containers, in the foreground; Ctrl-C stops it.
set -eu
cd "$(dirname "$0")"
exec docker compose up "$@"
