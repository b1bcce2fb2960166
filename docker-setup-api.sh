#!/bin/sh
# Sets the system up in containers: secrets, images, databases, the administrator and a token.
# Safe to run again: what is there stays as it is.
set -eu
cd "$(dirname "$0")"

usage() {
    cat <<TEXT
usage: $0 [-a] [-p] [-t] [-h]

  -a  ask nothing: the administrator has no password until
      ./docker-manage-api.sh changepassword admin
  -p  production: no debug mode
  -t  also make the user testuser, with a password that is printed
  -h  show this
TEXT
}

ask=true production=false test_user=false
while getopts "apth" option; do
    case $option in
        a) ask=false ;;
        p) production=true ;;
        t) test_user=true ;;
        h) usage && exit 0 ;;
        *) usage >&2 && exit 2 ;;
    esac
done

say() {
    echo "[docker-setup-api] $*" >&2
}

sh deploy/secrets.sh
if [ "$production" = true ] && grep -q '^MLSPLOIT_API_DEBUG_MODE=true' .env; then
    sed -i 's/^MLSPLOIT_API_DEBUG_MODE=true/MLSPLOIT_API_DEBUG_MODE=false/' .env
    say "debug mode is off"
fi

say "building the images"
docker compose build --quiet
say "starting postgres, nats and users"
docker compose up --detach --wait users

if ! ./docker-manage-api.sh checkuserexists admin >/dev/null 2>&1; then
    say "creating the user admin"
    if [ "$ask" = true ]; then
        ./docker-manage-api.sh createsuperuser --username admin
    else
        ./docker-manage-api.sh createsuperuser --username admin --no-input
    fi
fi
./docker-manage-api.sh drf_create_token admin

if [ "$test_user" = true ] && ! ./docker-manage-api.sh checkuserexists testuser >/dev/null 2>&1; then
    password=$(sh deploy/secrets.sh --one)
    ./docker-manage-api.sh createuser --username testuser "--password=$password" >/dev/null
    say "created the user testuser with the password $password"
fi
