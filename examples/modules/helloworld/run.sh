#!/bin/sh
# What every module starts with: in its container, or in a copy of its checkout.
cd "$(dirname "$0")" || exit 1
exec python hello.py
