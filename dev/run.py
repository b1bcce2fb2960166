"""`make run`: one system on this machine, in the foreground, until somebody stops it.

Invariant: whatever goes wrong is one message for a person and exit code 1, and nothing is left
running.
"""

import signal
import sys
from types import FrameType

from dev.environment import ROOT, data_dir_of, ensure_dotenv, read_settings
from dev.faults import FAULTS, tell, told_in_one_sentence
from dev.preflight import GATEWAY_PORT_DEFAULT, check_names
from dev.stack import Stack

DEFAULTS = {
    "MLSPLOIT_GATEWAY_PORT": str(GATEWAY_PORT_DEFAULT),
    "MLSPLOIT_MODULES_CSV_FILE": "modules.csv",
}


@told_in_one_sentence
def main() -> int:
    if ensure_dotenv():
        say("wrote .env with a fresh secret")
    settings = DEFAULTS | read_settings()
    check_names(settings)
    stack = Stack(data_dir_of(settings), settings)
    try:
        stack.prepare(on_ready=lambda name, seconds: say(f"  {name} ready after {seconds:.1f} s"))
        stop_on_signals(stack)
        say("starting; the first time takes longer")
        stack.start()
        say(welcome(stack))
        while True:
            stack.supervisor.pause()
    except FAULTS as fault:
        # At once: stopping what still runs takes a moment.
        return tell(fault)
    finally:
        if stack.is_prepared:
            say("stopping")
        stack.stop()


def say(text: str) -> None:
    print(text, flush=True)


def stop_on_signals(stack: Stack) -> None:
    def request_stop(_number: int, _frame: FrameType | None) -> None:
        stack.supervisor.request_stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, request_stop)


def welcome(stack: Stack) -> str:
    folder = stack.data_dir
    if folder.is_relative_to(ROOT):
        folder = folder.relative_to(ROOT)
    return f"""
MLsploit is ready: {stack.url}

  administrator   admin, password in {folder}/admin-password; its token: make token
  a first try     make demo
  logs            {folder}/logs
  stop            Ctrl-C
"""


if __name__ == "__main__":
    sys.exit(main())
