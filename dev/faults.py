"""How a command of this folder fails: in a sentence on stderr and with exit code 1."""

import sys
from collections.abc import Callable
from functools import wraps

from dev.preflight import StartupFault
from dev.supervisor import Interrupted, NotReadyInTime, ProcessDied

FAULTS = (StartupFault, ProcessDied, NotReadyInTime)


def tell(fault: Exception) -> int:
    """Say what is wrong; returns the exit code that says so too."""
    print(f"mlsploit: {fault}", file=sys.stderr, flush=True)
    return 1


def told_in_one_sentence(main: Callable[[], int]) -> Callable[[], int]:
    """What a person can act on is said without a traceback; everything else keeps its own."""

    @wraps(main)
    def guarded() -> int:
        try:
            return main()
        except (Interrupted, KeyboardInterrupt):
            return 0
        except FAULTS as fault:
            return tell(fault)

    return guarded
