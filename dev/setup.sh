# Makes .venv with the locked dependencies. Called by make when there is none, or when they changed.
set -eu

if [ ! -x .venv/bin/python ]; then
    for candidate in python3.11 python3 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
    if [ -z "${python:-}" ]; then
        echo "Python 3.11 is missing: install it (for example: apt install python3.11-venv)." >&2
        exit 1
    fi
    if ! command -v git >/dev/null; then
        echo "git is missing: install it (for example: apt install git)." >&2
        exit 1
    fi
    echo "making .venv (once; takes a minute or two)"
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
        rm -rf .venv
        echo "$python cannot make virtual environments: install its venv package (for example: apt install python3.11-venv)." >&2
        exit 1
    fi
fi

.venv/bin/python -m pip install -qq --disable-pip-version-check --no-input \
    --require-hashes -r requirements/dev.txt
touch .venv/.installed
