"""`make migration`: writes what the models have and the migrations lack as a new migration."""

import sys

from dev.environment import ROOT
from shared.migrations import write_revision


def main(service: str, message: str) -> int:
    location = ROOT / "services" / service / "migrations"
    if not location.is_dir():
        print(f"There is no service {service!r} with migrations.", file=sys.stderr)
        return 1
    write_revision(location, message or "change")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
