"""Serves one app of a system without containers: `python -m dev.serve services.runs.main:build`."""

import argparse
from contextlib import suppress

import uvicorn

from deploy.early_answers import EarlyAnswers
from deploy.quiet import QuietServer

# Open event streams never end by themselves, so a server must not wait for them when it stops.
GRACE_SECONDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("factory", help="MODULE:FUNCTION that makes the app")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--http", help="which parser of uvicorn's reads requests, if not our own")
    asked = parser.parse_args()
    config = uvicorn.Config(
        asked.factory,
        factory=True,
        port=asked.port,
        http=asked.http or EarlyAnswers,
        # Requests get their log line from the application.
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    with suppress(KeyboardInterrupt):
        QuietServer(config).run()


if __name__ == "__main__":
    main()
