#!/bin/sh
# Run once at every `docker compose up`, in the image of users: the administrator exists, and the
# worker has a token. Neither is done twice; a new secret key makes a new token.
set -eu

ADMIN=admin
TOKEN=/credentials/worker-token

command() {
    python -m deploy.command "$@"
}

if ! command checkuserexists "$ADMIN" 2>/dev/null; then
    # Without MLSPLOIT_SUPERUSER_PASSWORD nobody can log in until `changepassword admin`.
    command createsuperuser --username "$ADMIN" --no-input
fi

signed_with=$(printf %s "$MLSPLOIT_API_SECRET_KEY" | sha256sum | cut -d ' ' -f 1)
if [ ! -s "$TOKEN" ] || [ "$(cat "$TOKEN.signed-with" 2>/dev/null)" != "$signed_with" ]; then
    umask 077
    command createworkertoken "$ADMIN" >"$TOKEN.new"
    mv "$TOKEN.new" "$TOKEN"
    echo "$signed_with" >"$TOKEN.signed-with"
    echo "The worker has a new token."
fi
