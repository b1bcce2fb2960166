#!/bin/sh
# What every module starts with: in its container, or in a copy of its checkout.
cd "$(dirname "$0")" || exit 1
# One core, always: the matrices are small, and one order of additions gives one result.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
exec python -m adversarial
