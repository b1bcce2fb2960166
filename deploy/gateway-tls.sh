#!/bin/sh
# Starts the gateway with TLS (docker-compose.tls.yml). Its entry point `web` stays for the worker,
# inside; `websecure` has all of its options, and `redirect` sends plain http there.
set -eu

CERTIFICATES=${CERTIFICATES:-/certificates}

refuse() {
    echo "gateway: $*" >&2
    exit 1
}

case "$MLSPLOIT_HOSTING_SSL_ENABLED" in
    true | True | TRUE | 1 | yes | on) ;;
    *) refuse "links would say http: set MLSPLOIT_HOSTING_SSL_ENABLED=true" ;;
esac

# Empty words stand for flags that are not asked for; only at the very end Traefik overlooks them.
for flag in "$@"; do
    shift
    [ -z "$flag" ] || set -- "$@" "$flag"
done

set -- "$@" --entryPoints.web.asDefault=true
for flag in "$@"; do
    case "$flag" in
        --entryPoints.web.address=*) ;;
        --entryPoints.web.*) set -- "$@" "--entryPoints.websecure.${flag#--entryPoints.web.}" ;;
    esac
done

if [ -n "$MLSPLOIT_HOSTING_ACME_EMAIL" ]; then
    set -f
    hosts=$(echo "$MLSPLOIT_API_ALLOWED_HOSTS" | tr ',' ' ')
    number=0
    for host in $hosts; do
        case "$host" in
            \*) refuse "ACME needs names: list them in MLSPLOIT_API_ALLOWED_HOSTS" ;;
            .*) refuse "ACME needs whole names: MLSPLOIT_API_ALLOWED_HOSTS has $host" ;;
        esac
        set -- "$@" "--entryPoints.websecure.http.tls.domains[$number].main=$host"
        number=$((number + 1))
    done
    [ "$number" -gt 0 ] || refuse "ACME needs names: list them in MLSPLOIT_API_ALLOWED_HOSTS"
    set -- "$@" \
        --entryPoints.websecure.http.tls.certResolver=acme \
        "--certificatesResolvers.acme.acme.email=$MLSPLOIT_HOSTING_ACME_EMAIL" \
        "--certificatesResolvers.acme.acme.caServer=$MLSPLOIT_HOSTING_ACME_SERVER" \
        "--certificatesResolvers.acme.acme.storage=$CERTIFICATES/acme.json" \
        --certificatesResolvers.acme.acme.tlsChallenge=true
else
    for file in fullchain.pem privkey.pem; do
        [ -s "$CERTIFICATES/$file" ] || refuse "no $file in MLSPLOIT_HOSTING_SSL_DIR"
    done
    set -- "$@" --entryPoints.websecure.http.tls=true
fi

exec traefik "$@" \
    --entryPoints.websecure.address=:8443 \
    --entryPoints.redirect.address=:8080 \
    "--entryPoints.redirect.http.redirections.entryPoint.to=:$MLSPLOIT_GATEWAY_SSL_PORT" \
    --entryPoints.redirect.http.redirections.entryPoint.scheme=https
