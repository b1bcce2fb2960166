#!/bin/sh
# Without arguments: the process of this image. With arguments: an administrator's command of its
# service, as in `docker compose run --rm modules createmodule NAME URL -b BRANCH`.
set -eu

serve() {
    # Requests get their log line from the application; the gateway drops idle connections first.
    exec python -m uvicorn --factory "$@" --host 0.0.0.0 --port 8000 \
        --no-access-log --no-server-header --timeout-graceful-shutdown 5
}

if [ "$#" -gt 0 ]; then
    case "$SERVICE" in
        portal | execution)
            echo "$SERVICE has no commands" >&2
            exit 2
            ;;
    esac
    exec python -m deploy.command "$@"
fi

case "$SERVICE" in
    # Unlike uvicorn's fast parser, h11 reads methods that nobody has heard of.
    portal) serve gateway.portal.main:build --http h11 ;;
    execution) exec python -m execution ;;
    *) serve "services.$SERVICE.main:build" ;;
esac
