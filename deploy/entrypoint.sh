#!/bin/sh
# Without arguments: the process of this image. With arguments: an administrator's command of its
# service, as in `docker compose run --rm modules createmodule NAME URL -b BRANCH`.
set -eu

TOKEN=/credentials/worker-token

# Minted by the setup container, unless the environment brings one.
if [ "$SERVICE" = execution ] && [ -z "${MLSPLOIT_WORKER_TOKEN:-}" ] && [ -s "$TOKEN" ]; then
    MLSPLOIT_WORKER_TOKEN=$(cat "$TOKEN")
    export MLSPLOIT_WORKER_TOKEN
fi

if [ "$#" -gt 0 ]; then
    case "$SERVICE $1" in
        *" doctor") ;;
        "portal "* | "execution "*)
            echo "$SERVICE has no commands" >&2
            exit 2
            ;;
    esac
    exec python -m deploy.command "$@"
fi

case "$SERVICE" in
    # Unlike uvicorn's fast parser, h11 reads methods that nobody has heard of.
    portal) exec python -m deploy.serve gateway.portal.main:build h11 ;;
    execution) exec python -m execution ;;
    *) exec python -m deploy.serve "services.$SERVICE.main:build" ;;
esac
