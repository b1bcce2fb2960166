"""`make demo`: the demonstration on a running system, or on one made for it and thrown away."""

import subprocess
import sys

from dev.faults import told_in_one_sentence
from dev.target import a_system


@told_in_one_sentence
def main() -> int:
    with a_system() as url:
        command = [sys.executable, "-m", "examples.demo", "--url", url, *sys.argv[1:]]
        return subprocess.call(command)


if __name__ == "__main__":
    sys.exit(main())
