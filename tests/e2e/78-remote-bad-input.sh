#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What goes wrong between machines and a server: certificates, tokens, clocks, answers that are lost, a full disk, uploads
# that are not what they should be, another version. Each has its own line and status, and costs nothing that
# was acknowledged.
. "$(dirname "$0")/lib.sh"
HERE=$(realpath "$(dirname "$0")")
. "$(dirname "$0")/clocks.sh"
HELPER=
cleanup_all() {
    [ -z "$HELPER" ] || { kill "$HELPER" 2>/dev/null; wait "$HELPER" 2>/dev/null; }
    cleanup_server
}
trap 'cleanup_all' EXIT
# helper PROGRAM WORD…: a python program that writes its port to its PORT_FILE, $T/port.
helper() {
    rm -f "$T/port"
    /usr/bin/python3 "$@" 2>"$T/helper.err" &
    HELPER=$!
    until [ -s "$T/port" ]; do kill -0 "$HELPER" || fail "$1 ended"; done
}
helper_end() {
    kill "$HELPER"
    wait "$HELPER" 2>/dev/null
    HELPER=
}
# server_at VARIABLE=VALUE: the server alone, with another clock from now on.
server_at() {
    server_stop
    export "$1"
    server_start
    unset "${1%%=*}"
}
# at SECONDS COMMAND…: a clock that is so much off
at() {
    moved=$1
    shift
    ABRI_TEST_MOVED=$moved "$@"
}
as_at() {
    export ABRI_TEST_MOVED="$1"
    shift
    as "$@"
    rc=$?
    unset ABRI_TEST_MOVED
    return $rc
}
dir_of() { echo "$T/$1/servers"/*; }
# web METHOD PATH WORD…: curl as that machine (or $WHO); the answer in $T/answer, prints the status.
web() {
    method=$1 path=$2 who=$(dir_of "${WHO:-web}")
    shift 2
    curl -sS --http2 --max-time 100 -o "$T/answer" -w '%{http_code}' -X "$method" --cacert "$who/authority.pem" \
        --cert "$who/certificate.pem" --key "$who/key.pem" "https://127.0.0.1:$PORT$path" "$@" 2>"$T/curl.err"
}
answered() { # STATUS CODE [TEXT]
    [ "$status" = "$1" ] || { cat "$T/curl.err" "$T/answer" >&2; fail "status $status instead of $1"; }
    expect_equal "$(jq -r .error.code "$T/answer")" "$2"
    expect_grep "${3:-.}" "$T/answer"
}
# refused STATUS TEXT COMMAND…: one line with that text
refused() {
    wanted_status=$1 text=$2
    shift 2
    expect_status "$wanted_status" "$@"
    expect_one_error
    expect_grep "$text" "$T/err"
}
entries() { call GET '/v1/log/entries?from=0&count=1000' | jq "[.entries[].event | select(.kind == \"$1\")] | length"; }
day=86400
S="$T/src"
mkdir -p "$S"
head -c 3000000 /dev/urandom >"$S/large"
seq 1 10000 >"$S/text"

step 'a second installation, whose papers count for nothing at the first'
server_with_tenant
enrol_machine stranger
strange_token=$(machine_token)
server_stop
mv "$ROOT" "$T/root2"
mv "$OWNER" "$T/owner2"
rm -f "$T/bootstrap"
server_with_tenant
enrol_machine web '"restore":true'
expect_status 0 as web backup "$S"

step 'wrong server: the same address, another authority'
refused 1 'is not the server that this machine was enrolled at' as stranger backup "$S"
refused 1 'is not the server that made this token' env ABRI_CONFIG_DIR="$T/none" "$ABRI" enrol "$URL" "$strange_token"
[ ! -e "$T/none/servers" ] || fail 'something was left'

step 'no certificate, a foreign one, a forged one'
expect_equal "$(curl -sS --http2 -o "$T/answer" -w '%{http_code}' --cacert "$(dir_of web)/authority.pem" "$URL/v1/self")" 401
expect_equal "$(jq -r .error.code "$T/answer")" certificate_missing
cp -r "$T/web" "$T/foreign"
cp "$(dir_of stranger)/certificate.pem" "$(dir_of stranger)/key.pem" "$(dir_of foreign)"
refused 1 'not of this installation' as foreign backup "$S"
status=$(WHO=foreign web GET /v1/self)
answered 401 certificate_foreign
cp -r "$T/web" "$T/forged"
forged=$(dir_of forged)
printf 'subjectAltName=critical,URI:abri:machine:%s\nextendedKeyUsage=clientAuth\nbasicConstraints=critical,CA:FALSE\n' "$(id_of web)" >"$T/extensions"
openssl req -new -key "$forged/key.pem" -subj / -out "$T/request" 2>"$T/openssl" &&
    openssl x509 -req -in "$T/request" -CA "$ROOT/authority.pem" -CAkey "$ROOT/authority.key" -set_serial 77 -days 30 -sha256 \
        -extfile "$T/extensions" -out "$forged/certificate.pem" 2>>"$T/openssl" || { cat "$T/openssl" >&2; fail 'openssl'; }
refused 1 'has not issued that certificate' as forged backup "$S"
status=$(WHO=forged web GET /v1/self)
answered 401 certificate_foreign

step 'an expired certificate, and one that is not valid yet'
late_token=$(machine_token)
server_at ABRI_TEST_PASSED=$((40 * day))
refused 1 'certificate has expired.*Enrol again' as web backup "$S"
status=$(web GET /v1/self -k)
answered 401 certificate_expired
refused 13 'token has expired' env ABRI_CONFIG_DIR="$T/late" "$ABRI" enrol "$URL" "$late_token"
server_at ABRI_TEST_MOVED=$((-40 * day))
refused 1 "not valid yet: is this server's clock right" as web backup "$S"
server_stop
server_start
expect_status 0 as web backup "$S"

step 'tokens: used, cancelled, mistyped'
token=$(machine_token)
expect_status 0 env ABRI_CONFIG_DIR="$T/gone" "$ABRI" enrol "$URL" "$token" --name gone --kdf-memory 1 --kdf-passes 1
refused 13 'used already' env ABRI_CONFIG_DIR="$T/twice" "$ABRI" enrol "$URL" "$token"
cancelled=$(call POST /v1/tokens "{\"type\":\"machine\",\"tenant\":\"$TENANT\"}")
expect_status 0 call POST "/v1/tokens/$(echo "$cancelled" | jq -r .id)/cancel"
refused 13 'does not know that token' env ABRI_CONFIG_DIR="$T/twice" "$ABRI" enrol "$URL" "$(echo "$cancelled" | jq -r .token)"
token=$(call POST /v1/tokens '{"type":"person","role":"operator"}' | jq -r .token)
expect_status 0 env ABRI_CONFIG_DIR="$T/maker" "$ABRI" enrol "$URL" "$token" --name maker
made=$(ABRI_CONFIG_DIR="$T/maker" "$ABRI" --vault "$URL" admin call POST /v1/tokens "{\"type\":\"machine\",\"tenant\":\"$TENANT\"}" | jq -r .token)
expect_status 0 call POST "/v1/identities/$(id_of maker)/revoke" '{"reason":"stolen"}'
size=$(call GET '/v1/log/entries?from=0&count=1' | jq .size)
refused 13 'whoever made it was revoked' env ABRI_CONFIG_DIR="$T/twice" "$ABRI" enrol "$URL" "$made"
call GET "/v1/log/entries?from=$size&count=1000" | jq -r '.entries[].event.kind' >"$T/kinds"
expect_no_grep 'token.use\|identity.create' "$T/kinds"
refused 2 'no token' env ABRI_CONFIG_DIR="$T/twice" "$ABRI" enrol "$URL" "${token}x"
[ ! -e "$T/twice/servers" ] || fail 'a refused enrolment left something'
expect_status 0 call POST "/v1/identities/$(id_of gone)/revoke" '{"reason":"stolen"}'
refused 1 'was revoked' as gone backup "$S"

step "a machine's clock that is 50 years off: backed up all the same, and dated by the server"
for years in -50 50; do
    rm -f "$S/new"
    echo "$years" >"$S/new"
    expect_status 0 as_at $((years * 365 * day)) web backup "$S"
    expect_status 0 as_at $((years * 365 * day)) web restore latest --target "$T/back$years"
    expect_same_tree "$S" "$T/back$years$S"
    expect_status 0 env ABRI_TEST_MOVED=$((years * 365 * day)) ABRI_CONFIG_DIR="$T/odd$years" "$ABRI" enrol "$URL" "$(machine_token)" --name "odd$years" --kdf-memory 1 --kdf-passes 1
done
expect_status 0 as web --json snapshots
jq -r 'select(.message_type == "snapshot") | .received' "$T/out" | cut -c 1-4 | sort -u >"$T/years"
[ "$(wc -l <"$T/years")" -le 2 ] && expect_grep "^$(date +%Y)" "$T/years"

step 'an enrolment whose answer is lost is repeated with the same token'
people=$(call GET /v1/identities | jq '.identities | length')
helper "$HERE/lossy.py" "$PORT" "$ROOT/log/pending" 1 "$T/port"
there="https://127.0.0.1:$(cat "$T/port")"
token=$(machine_token '"restore":true')
enrol_lost() { env ABRI_CONFIG_DIR="$T/lost" "$ABRI" enrol "$there" "$token" --name lost --kdf-memory 1 --kdf-passes 1; }
refused 14 'cannot be reached' enrol_lost
refused 13 'used already' env ABRI_CONFIG_DIR="$T/thief" "$ABRI" enrol "$URL" "$token"
expect_status 0 enrol_lost
expect_equal "$(call GET /v1/identities | jq '.identities | length')" $((people + 1)) 'identities'
helper_end
expect_status 0 env ABRI_CONFIG_DIR="$T/lost" ABRI_CACHE_DIR="$T/cache-lost" "$ABRI" --vault "$URL/$(vault_of lost)" version
expect_equal "$(entries token.use)" "$(call GET /v1/tokens | jq '[.tokens[] | select(.used != null)] | length')" 'each token is used once'

step 'a new vault whose answer is lost is the same vault'
token=$(machine_token '"restore":true')
expect_status 0 env ABRI_CONFIG_DIR="$T/made" "$ABRI" enrol "$URL" "$token" --name made --no-vault
helper "$HERE/lossy.py" "$PORT" "$ROOT/log/pending" 1 "$T/port"
mv "$(dir_of made)" "$T/made/servers/127.0.0.1_$(cat "$T/port")"
there="https://127.0.0.1:$(cat "$T/port")"
vaults=$(call GET /v1/vaults | jq '.vaults | length')
expect_status 0 env ABRI_CONFIG_DIR="$T/made" "$ABRI" init --vault "$there" --kdf-memory 1 --kdf-passes 1
expect_equal "$(call GET /v1/vaults | jq '.vaults | length')" $((vaults + 1)) vaults
helper_end
mv "$(dir_of made)" "$T/made/servers/127.0.0.1_$PORT"
expect_status 0 as made backup "$S"

step 'a machine that never heard that its vault was made finds it'
jq 'del(.vault)' "$(dir_of made)/identity.json" >"$T/identity" && cp "$T/identity" "$(dir_of made)/identity.json"
refused 10 'which vault' as made snapshots
expect_status 0 as made init --kdf-memory 1 --kdf-passes 1
expect_status 0 as made snapshots
expect_grep '^1 snapshot' "$T/out"
expect_status 1 as made init --kdf-memory 1 --kdf-passes 1
expect_grep 'has a vault already' "$T/err"

step 'a crash between the entry of a new vault and its move to its place'
server_kill
mv "$ROOT/vaults/$(vault_of made)" "$ROOT/pending/$(id_of made)"
server_start
[ -d "$ROOT/vaults/$(vault_of made)" ] || fail 'the vault was not brought to its place'
expect_status 0 as made backup "$S"
server_kill
mv "$ROOT/vaults/$(vault_of made)" "$T/aside"
mkdir "$ROOT/vaults/00000000000000000000000000000001"
server_start
expect_grep "$(vault_of made).* is missing" "$T/server.err"
expect_grep '00000000000000000000000000000001 is in no entry of the log' "$T/server.err"
server_stop
rmdir "$ROOT/vaults/00000000000000000000000000000001"
mv "$T/aside" "$ROOT/vaults/$(vault_of made)"
server_start

step 'uploads that are truncated, too long, out of order, changed, repeated'
V=$(vault_of made)
session=$(find "$ROOT/vaults/$V/sessions" -type f -printf '%T@ %f\n' | sort | head -n 1 | cut -d ' ' -f 2)
pack=$(find "$ROOT/vaults/$V/packs" -type f -size +1M | head -n 1)
name=$(basename "$pack")
mv "$pack" "$T/pack"
put() { # FILE [SESSION [NAME]]
    as_name=${3:-$name}
    status=$(WHO=${WHO:-made} web PUT "/v1/vaults/$V/sessions/${2:-$session}/packs/$(echo "$as_name" | cut -c 1-2)/$as_name" -T "$1")
}
size=$(stat -c %s "$T/pack")
head -c $((size - 100)) "$T/pack" >"$T/truncated"
(cat "$T/pack" && echo more) >"$T/longer"
(head -c 64 "$T/pack" && tail -c +1000001 "$T/pack" && tail -c +65 "$T/pack" | head -c 999936) >"$T/reordered"
cp "$T/pack" "$T/changed"
printf 'XXXX' | dd of="$T/changed" bs=1 seek=500000 conv=notrunc 2>/dev/null
expect_equal "$(stat -c %s "$T/reordered")" "$size"
put "$T/truncated"
answered 422 damaged
put "$T/longer"
answered 422 damaged
put "$T/reordered"
answered 422 damaged
put "$T/changed"
answered 422 damaged
put "$T/pack" "$session" "0000$(echo "$name" | cut -c 5-)"
answered 422 damaged 'its name'
put "$T/pack" 00000000000000000000000000000001
answered 404 not_found
WHO=web put "$T/pack"
answered 404 not_found
truncate -s 300000000 "$T/huge"
put "$T/huge"
answered 413 limit
: >"$T/empty"
put "$T/empty"
[ "$status" = 413 ] || [ "$status" = 400 ] || fail "an empty pack: $status"
[ ! -e "$pack" ] || fail 'something was stored'
put "$T/pack"
expect_equal "$status" 201
put "$T/pack"
expect_equal "$status" 200 'the same again'
cmp -s "$T/pack" "$pack" || fail 'another pack was stored'
expect_status 0 as made check --read-data

step 'requests out of order, and bodies that make no sense'
status=$(WHO=made web POST "/v1/vaults/$V/sessions/00000000000000000000000000000001/begin")
answered 404 not_found
for verb in begin begin end end; do
    status=$(WHO=made web POST "/v1/vaults/$V/sessions/$session/$verb")
    expect_equal "$status" 200 "$verb"
done
head -c 100000 /dev/urandom >"$T/noise"
status=$(WHO=made web POST "/v1/vaults/$V/sessions/$session/snapshot" --data-binary @"$T/noise")
[ "$status" = 400 ] || [ "$status" = 422 ] || fail "noise as a snapshot: $status"
status=$(WHO=made web PUT "/v1/vaults/$V/sessions/$session" --data-binary @"$T/noise")
[ "$status" = 413 ] || [ "$status" = 422 ] || fail "noise as a key: $status"
head -c 400000 /dev/zero >"$T/zeros"
status=$(web POST /v1/enrol --data-binary @"$T/zeros")
expect_equal "$status" 413 'a request that is too long'
for json in '' '{' '[]' '{"token":1}' '{"token":"a","token":"b"}'; do
    status=$(web POST /v1/enrol --data-binary "$json")
    answered 400 usage
done
status=$(web GET /v1/nothing)
answered 404 no_such_call
status=$(web DELETE "/v1/vaults/$V")
answered 405 no_such_method

step 'another version of the protocol'
status=$(web GET /v1/self -H 'abri-protocol: 1')
expect_equal "$status" 200
status=$(web GET /v1/self -H 'abri-protocol: 2')
answered 505 protocol_newer 'the server is older'
status=$(web GET /v2/self)
answered 505 protocol_newer
status=$(web GET /v1/self -H 'abri-protocol: 0')
answered 505 protocol_older 'the caller is older'
status=$(web GET /v1/self -H 'abri-protocol: one')
answered 400 usage
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/other.key" -subj / -out "$T/request" 2>"$T/openssl" &&
    printf 'subjectAltName=critical,DNS:abrid\nextendedKeyUsage=serverAuth\n' >"$T/extensions" &&
    openssl x509 -req -in "$T/request" -CA "$ROOT/authority.pem" -CAkey "$ROOT/authority.key" -set_serial 78 -days 30 -sha256 \
        -extfile "$T/extensions" -out "$T/other.pem" 2>>"$T/openssl" || { cat "$T/openssl" >&2; fail 'openssl'; }
# other_version STATUS TYPE BODY TEXT
other_version() {
    helper "$HERE/otherversion.py" "$T/other.pem" "$T/other.key" "$T/port" "$1" "$2" "$3"
    rm -rf "$T/other"
    cp -r "$T/web" "$T/other"
    mv "$(dir_of other)" "$T/other/servers/127.0.0.1_$(cat "$T/port")"
    refused 1 "$4" env ABRI_CONFIG_DIR="$T/other" ABRI_CACHE_DIR="$T/cache-other" "$ABRI" --vault "https://127.0.0.1:$(cat "$T/port")" backup "$S"
    helper_end
}
other_version 505 application/json '{"error":{"code":"protocol_older","class":"newer_format","message":"this server speaks versions 3 to 4 of the protocol, the caller version 1: the caller is older. Upgrade abri here"}}' \
    'the caller is older. Upgrade abri here'
other_version 505 application/json '{"error":{"code":"protocol_x","class":"of a later time","message":"upgrade"}}' upgrade
other_version 404 text/html '<html>nothing here</html>' 'no abrid, or one of quite another version'

step 'the disk of the server is full: told, nothing lost, and on it goes once there is room'
server_stop
mkdir "$T/small"
if [ "$IS_ROOT" = yes ] && mount -t tmpfs -o size=48m none "$T/small" 2>/dev/null; then
    MOUNTS="$T/small"
    ROOT="$T/small/root"
    OWNER="$T/owner3"
    rm -f "$T/bootstrap"
    server_with_tenant
    enrol_machine full '"restore":true'
    mkdir "$T/some"
    head -c 4000000 /dev/urandom >"$T/some/first"
    expect_status 0 as full backup "$T/some"
    cp -r "$T/some" "$T/before"
    head -c 50000000 /dev/urandom >"$T/some/second"
    refused 1 'has no space left: nothing that it has acknowledged is lost' as full backup "$T/some"
    expect_status 0 as full restore latest --target "$T/r1"
    expect_same_tree "$T/before" "$T/r1$T/some"
    kept=$(find "$ROOT/vaults" -path '*/packs/*' -type f | wc -l)
    # what fills the disk may be somebody else
    head -c 60000000 /dev/zero >"$T/small/filler" 2>/dev/null
    expect_equal "$(df --output=avail "$T/small" | tail -n 1 | tr -d ' ')" 0
    as full backup "$T/before" >"$T/out" 2>"$T/err" && fail 'a backup on a full disk'
    rm "$T/small/filler"
    expect_status 0 as full restore latest --target "$T/r2"
    expect_same_tree "$T/before" "$T/r2$T/some"
    rm -rf "$T/some/second"
    echo small >"$T/some/third"
    mount -o remount,size=56m "$T/small" # how much the refused packs left is a matter of chance
    expect_status 0 as full backup "$T/some"
    mount -o remount,size=200m "$T/small"
    head -c 40000000 /dev/urandom >"$T/some/fourth"
    expect_status 0 as full backup "$T/some"
    expect_status 0 as full restore latest --target "$T/r3"
    expect_same_tree "$T/some" "$T/r3$T/some"
    expect_status 0 as full check --read-data
    [ "$(find "$ROOT/vaults" -path '*/packs/*' -type f | wc -l)" -gt "$kept" ] || fail 'no new packs?'
    server_stop
else
    echo '  (not without the right to mount a small file system)'
fi
