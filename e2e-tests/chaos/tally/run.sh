#!/bin/sh
cd "$(dirname "$0")" || exit 1
exec python -I -S tally.py
