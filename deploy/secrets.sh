#!/bin/sh
# Writes .env from .env.example with a fresh secret for each that is empty; an .env that is there
# stays. With --one it prints a secret. Needs nothing but a shell: a host that runs containers may
# have no Python.
set -eu

secret() {
    head -c 30 /dev/urandom | base64 | tr '+/' '-_'
}

if [ "${1:-}" = --one ]; then
    secret
    exit
fi
[ ! -e .env ] || exit 0
umask 077
while IFS= read -r line; do
    case "$line" in
        MLSPLOIT_*_KEY= | MLSPLOIT_*_PASSWORD=) printf '%s%s\n' "$line" "$(secret)" ;;
        *) printf '%s\n' "$line" ;;
    esac
done <.env.example >.env.unfinished
mv .env.unfinished .env
echo "wrote .env with fresh secrets" >&2
