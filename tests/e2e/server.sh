# SPDX-License-Identifier: Apache-2.0
# A server under test, on loopback: sourced behind lib.sh. Its program lies beside abri's.
#
# $ROOT is its directory, $URL where it is, $OWNER the configuration of its first owner.
ABRID=$(dirname "$ABRI")/abrid
ROOT="$T/root" URL= SERVER_PID= PORT=0
OWNER="$T/owner"
[ -x "$ABRID" ] || { echo "no program at $ABRID" >&2; exit 99; }

cleanup_server() {
    [ -z "$SERVER_PID" ] || { kill -9 "$SERVER_PID" 2>/dev/null; wait "$SERVER_PID" 2>/dev/null; }
    cleanup
}
trap 'cleanup_server' EXIT

# server_start WORD…: waits until it serves; the same port again after a first start.
server_start() {
    : >"$T/server.out"
    "$ABRID" --root "$ROOT" --listen "127.0.0.1:$PORT" "$@" >"$T/server.out" 2>>"$T/server.err" &
    SERVER_PID=$!
    until grep -q 'serving at' "$T/server.out"; do
        kill -0 "$SERVER_PID" 2>/dev/null || { cat "$T/server.err" >&2; fail 'abrid did not start'; }
    done
    URL=$(sed -n 's/.*serving at \(https.*\)$/\1/p' "$T/server.out" | head -n 1)
    PORT=${URL##*:}
}
server_stop() {
    kill "$SERVER_PID"
    wait "$SERVER_PID"
    expect_equal "$?" 0 'the end of abrid'
    SERVER_PID=
    check_server
}
server_kill() {
    kill -9 "$SERVER_PID"
    wait "$SERVER_PID" 2>/dev/null
    SERVER_PID=
    check_server
}
check_server() {
    ! grep -q 'AddressSanitizer\|LeakSanitizer\|runtime error:' "$T/server.err" ||
        { cat "$T/server.err" >&2; fail 'a sanitizer spoke in abrid'; }
}
# The token for the first owner, which lies in a file until it is used; here also afterwards.
bootstrap_token() {
    until grep -q 'there is no owner yet' "$T/server.out" || [ -s "$T/bootstrap" ]; do kill -0 "$SERVER_PID" || fail 'abrid ended'; done
    [ ! -s "$ROOT/bootstrap-token" ] || sed -n 's/^abri enrol [^ ]* \(abri-[a-z0-9]*\)$/\1/p' "$ROOT/bootstrap-token" >"$T/bootstrap"
    cat "$T/bootstrap"
}
# call METHOD PATH [JSON]: as the owner; prints the answer.
call() { ABRI_CONFIG_DIR="$OWNER" "$ABRI" --vault "$URL" admin call "$@"; }
# A server, its owner, and the tenant $TENANT.
server_with_tenant() {
    server_start "$@"
    expect_status 0 env ABRI_CONFIG_DIR="$OWNER" "$ABRI" enrol "$URL" "$(bootstrap_token)" --name chief
    TENANT=$(call POST /v1/tenants '{"name":"Example"}' | jq -r .tenant)
}
# machine_token [JSON members]: for $TENANT
machine_token() { call POST /v1/tokens "{\"type\":\"machine\",\"tenant\":\"$TENANT\"${1:+,$1}}" | jq -r .token; }
# enrol_machine NAME [JSON members]: as $T/NAME
enrol_machine() {
    expect_status 0 env ABRI_CONFIG_DIR="$T/$1" "$ABRI" enrol "$URL" "$(machine_token "${2:-}")" --name "$1" --kdf-memory 1 --kdf-passes 1
}
# as NAME COMMAND…: abri as that machine, with its vault
as() {
    who=$1
    shift
    env ABRI_CONFIG_DIR="$T/$who" ABRI_CACHE_DIR="$T/cache-$who" ABRI_VAULT="$URL" "$ABRI" "$@"
}
id_of() { jq -r .id "$T/$1/servers"/*/identity.json; }
vault_of() { jq -r .vault "$T/$1/servers"/*/identity.json; }
