#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Disks are served straight from a snapshot: what NBD clients of others read is what was backed up, damage costs
# what it hit, and nothing is left behind when the server goes.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/nbdkit.sh"
SEED=${ABRI_SEED:-$(date +%N)}
echo "ABRI_SEED=$SEED"

EXPORT_PID=
end_export() {
    [ -z "$EXPORT_PID" ] || { kill -9 "$EXPORT_PID" 2>/dev/null; wait "$EXPORT_PID" 2>/dev/null; }
    EXPORT_PID=
}
trap 'end_export; cleanup' EXIT

# start_export WORD…: in the background; waits until it serves, its addresses are in $T/uris
start_export() {
    : >"$T/uris"
    "$ABRI" export "$@" >"$T/uris" 2>"$T/export.err" </dev/null &
    EXPORT_PID=$!
    until [ -s "$T/uris" ]; do
        kill -0 "$EXPORT_PID" 2>/dev/null || { cp "$T/export.err" "$T/err"; : >"$T/out"; fail "export $* did not serve"; }
    done
    URI=$(head -n 1 "$T/uris")
}
stop_export() {
    kill -TERM "$EXPORT_PID"
    wait "$EXPORT_PID"
    status=$?
    EXPORT_PID=
    expect_equal "$status" 0 'the end of export'
    ! grep -q 'AddressSanitizer\|runtime error:' "$T/export.err" || { cat "$T/export.err" >&2; fail 'a sanitizer spoke'; }
    [ ! -e "$T/sock" ] || fail 'the socket is left behind'
}
same_as() { # URI FILE
    timeout 120 nbdcopy "$1" "$T/copy" >"$T/out" 2>"$T/err2" || { cat "$T/err2" >&2; fail "nbdcopy $1"; }
    cmp "$T/copy" "$2" || fail "$1 is not $2"
    rm -f "$T/copy"
}

# 24 MiB: data, a hole from 6 to 16 MiB, data with repetitions, and an end that is no whole block.
make_disk() {
    /usr/bin/python3 - "$1" "$2" <<'EOT'
import random, sys
r = random.Random(sys.argv[2])
with open(sys.argv[1], "wb") as f:
    f.write(r.randbytes(6 << 20))
    f.seek(16 << 20)
    block = r.randbytes(4096)
    for i in range(1024):
        f.write(block if i % 3 else r.randbytes(4096))
    f.write(bytes(r.randrange(65, 91) for _ in range(1 << 20)) * 3)
    f.write(b"A" * 65536 + r.randbytes(4096 * 3 + 512))
EOT
}
D="$T/disk.img"
make_disk "$D" "$SEED"
SIZE=$(stat -c %s "$D")
make_vault
expect_status 0 "$ABRI" backup "$D"
pack=$(find "$ABRI_VAULT/packs" -type f -printf '%s %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)

step 'a disk over a socket'
start_export latest --nbd "$T/sock"
expect_equal "$URI" "nbd+unix:///?socket=$T/sock"
nbdinfo --json "$URI" >"$T/info" || fail nbdinfo
expect_equal "$(jq -r '.exports[0] | "\(.["export-size"]) \(.is_read_only) \(.can_multi_conn) \(.can_cache)"' "$T/info")" "$SIZE true true true"
expect_equal "$(jq -r '.exports[0] | "\(.block_size_minimum) \(.block_size_preferred)"' "$T/info")" '1 524288'
same_as "$URI" "$D"
expect_status 0 qemu-img compare -f raw -F raw "$URI" "$D"
expect_grep 'identical' "$T/out"

step 'its hole is a hole'
nbdinfo --map --json "$URI" >"$T/map" || fail 'nbdinfo --map'
expect_equal "$(jq '[.[] | select(.type == 3) | .length] | add' "$T/map")" 10485760
expect_equal "$(jq '[.[] | .length] | add' "$T/map")" "$SIZE"
expect_equal "$(jq -r '[.[] | select(.type == 3)][0].offset' "$T/map")" 6291456

step 'patterns, anywhere'
at=$((23 << 20))
expect_status 0 qemu-io -r -f raw "$URI" -c "read -P 0x41 $at 65536" -c "read -P 0x41 $((at + 12345)) 777" \
    -c 'read -P 0 6291456 10485760' -c 'read -P 0 7000001 3' -c "read $((SIZE - 512)) 512"
expect_no_grep 'failed\|Pattern' "$T/out"
expect_status 1 qemu-io -r -f raw "$URI" -c "read -P 0x42 $at 512" -c quit

step 'several clients at once'
for i in 1 2 3; do
    (nbdcopy --requests=8 "$URI" "$T/c$i" && cmp "$T/c$i" "$D") >"$T/c$i.out" 2>&1 &
    eval "client$i=$!"
done
for i in 1 2 3; do
    eval "wait \$client$i" || { cat "$T/c$i.out" >&2; fail "client $i"; }
done
rm -f "$T"/c[123]
child=$(ps -o pid= --ppid "$EXPORT_PID" | tr -d ' ')
tr '\0' ' ' <"/proc/$child/cmdline" >"$T/args"
expect_grep 'passphrase=-3' "$T/args"
expect_no_grep "$ABRI_PASSPHRASE" "$T/args"
tr '\0' '\n' <"/proc/$child/environ" >"$T/environ"
expect_grep ABRI_VAULT "$T/environ"
expect_no_grep "$ABRI_PASSPHRASE" "$T/environ"
stop_export

step 'writing to a filter is forgotten'
start_export latest:"$D" --nbd "$T/sock" --filter cow
expect_status 0 qemu-io -f raw "$URI" -c 'write -P 0x77 1000000 5000' -c 'read -P 0x77 1000000 5000' -c flush
expect_no_grep 'failed' "$T/out"
stop_export
start_export latest --nbd "$T/sock" --filter cow --read-only
same_as "$URI" "$D"
expect_equal "$(nbdinfo --json "$URI" | jq '.exports[0].is_read_only')" true
stop_export

step 'parameters of filters'
start_export latest --nbd "$T/sock" --filter offset -- offset=16777216 range=65536
tail -c +16777217 "$D" | head -c 65536 >"$T/part"
same_as "$URI" "$T/part"
stop_export

step 'over TCP, as JSON'
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
start_export --json latest --nbd ":$port" --cache-size 2M
expect_equal "$(jq -r '"\(.message_type) \(.tls) \(.disks | length) \(.disks[0].size) \(.disks[0].uri)"' "$T/uris")" \
    "export false 1 $SIZE nbd://127.0.0.1:$port/"
expect_equal "$(jq -r '.disks[0].name' "$T/uris")" "${D#/}"
same_as "nbd://127.0.0.1:$port" "$D"
stop_export
expect_equal "$(wc -c <"$T/export.err")" 0 'nothing to warn of'

step 'with keys of TLS'
printf 'alice:%s\n' "$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')" >"$T/psk"
start_export latest --nbd "$T/sock" --tls "$T/psk"
expect_equal "$URI" "nbds+unix:///?socket=$T/sock"
expect_equal "$(nbdinfo --size "nbds+unix://alice@/?socket=$T/sock&tls-psk-file=$T/psk")" "$SIZE"
same_as "nbds+unix://alice@/?socket=$T/sock&tls-psk-file=$T/psk" "$D"
! nbdinfo "nbd+unix:///?socket=$T/sock" >/dev/null 2>&1 || fail 'served without TLS'
stop_export

step 'a crash is not the end'
start_export latest --nbd "$T/sock"
first=$(ps -o pid= --ppid "$EXPORT_PID" | tr -d ' ')
kill -9 "$first"
until child=$(ps -o pid= --ppid "$EXPORT_PID" | tr -d ' '); [ -n "$child" ] && [ "$child" != "$first" ] && [ -S "$T/sock" ] &&
    nbdinfo --size "$URI" >/dev/null 2>&1; do
    kill -0 "$EXPORT_PID" || fail 'export ended'
done
same_as "$URI" "$D"
expect_grep 'started again' "$T/export.err"
expect_equal "$(wc -l <"$T/uris")" 1
stop_export

step 'nothing outlives the command'
start_export latest --nbd "$T/sock"
child=$(ps -o pid= --ppid "$EXPORT_PID" | tr -d ' ')
end_export
while kill -0 "$child" 2>/dev/null; do :; done
rm -f "$T/sock"

step 'what is wrong is said in one line'
wrong() { # STATUS PATTERN WORD…
    wanted_status=$1 wanted_text=$2
    shift 2
    expect_status "$wanted_status" timeout 60 "$ABRI" export "$@"
    expect_one_error
    expect_grep "$wanted_text" "$T/err"
}
wrong 2 'export where' latest
wrong 2 'socket.s path must be absolute' latest --nbd unix:sock
for address in sock host: host:0 host:65536 '[::1]' '::1:10809' ':' 'a b:1' '-x:1'; do
    wrong 2 "takes a socket's absolute path" latest "--nbd=$address"
done
wrong 2 'at most 107 bytes' latest --nbd "/$(printf '%0200d' 0)"
wrong 1 'no disk .nosuch' latest:nosuch --nbd "$T/sock"
wrong 1 'no snapshot' 00ff00 --nbd "$T/sock"
wrong 1 "is no file\|no disk" "latest:$T" --nbd "$T/sock"
wrong 2 'no name of a filter' latest --nbd "$T/sock" --filter ../../evil
wrong 2 'NAME=VALUE' latest --nbd "$T/sock" -- --run=id
wrong 2 'goes with --tls' latest --nbd "$T/sock" --tls-verify-peer
wrong 1 'cannot open filter' latest --nbd "$T/sock" --filter nosuch
wrong 1 'nbdkit: .*plugin' latest --nbd "$T/sock" --plugin "$T/nosuch.so"
: >"$T/sock"
wrong 1 'is there already' latest --nbd "$T/sock"
rm "$T/sock"
expect_status 12 env ABRI_PASSPHRASE=wrong "$ABRI" export latest --nbd "$T/sock"
expect_one_error
expect_status 1 env PATH=/nonexistent "$ABRI" export latest --nbd "$T/sock"
expect_grep 'install it' "$T/err"
[ ! -e "$T/sock" ] || fail 'a socket is left behind'

step 'the plugin alone'
printf '%s\n' "$ABRI_PASSPHRASE" >"$T/pass"
alone() { timeout 60 nbdkit -U - "$PLUGIN" "$@"; }
expect_status 0 alone "$ABRI_VAULT" passphrase=+"$T/pass" snapshot=latest disk="$D" cache-size=1M --run 'nbdinfo --size "$uri"'
expect_equal "$(cat "$T/out")" "$SIZE"
expect_status 0 nbdkit --dump-plugin "$PLUGIN"
expect_grep '^max_thread_model=parallel' "$T/out"
refused() { # PATTERN WORD…
    wanted_text=$1
    shift
    expect_status 1 alone "$@" --run 'echo served'
    expect_no_grep served "$T/out"
    [ "$(wc -l <"$T/err")" = 1 ] || fail 'not one line of error'
    expect_grep "$wanted_text" "$T/err"
}
refused 'passphrase=- to be asked' "$ABRI_VAULT" passphrase=secret
expect_no_grep 'secret' "$T/err"
refused 'how is the vault opened' "$ABRI_VAULT"
refused 'given twice' "$ABRI_VAULT" passphrase=+"$T/pass" passphrase=+"$T/pass"
refused 'unknown parameter' "$ABRI_VAULT" passphrase=+"$T/pass" nosuch=1
refused 'at least' "$ABRI_VAULT" passphrase=+"$T/pass" cache-size=4k
refused 'no disk' "$ABRI_VAULT" passphrase=+"$T/pass" disk=sda
refused 'no vault\|not a vault\|No such' "$T/nowhere" passphrase=+"$T/pass"
echo wrong >"$T/wrong"
refused 'wrong passphrase' "$ABRI_VAULT" passphrase=+"$T/wrong"
(unset ABRI_VAULT; refused 'which vault' passphrase=+"$T/pass") || exit 1
expect_status 0 "$ABRI" key sheet
cp "$T/out" "$T/sheet"
expect_status 0 alone "$ABRI_VAULT" key-file="$T/sheet" --run 'nbdinfo --size "$uri"'
expect_equal "$(cat "$T/out")" "$SIZE"
start_export --key-file "$T/sheet" latest --nbd "$T/sock"
same_as "$URI" "$D"
stop_export

step 'it forks, and serves all the same'
expect_status 0 nbdkit -P "$T/pid" -U "$T/sock" "$PLUGIN" "$ABRI_VAULT" passphrase=+"$T/pass"
until [ -s "$T/pid" ]; do :; done
same_as "nbd+unix:///?socket=$T/sock" "$D"
daemon=$(cat "$T/pid")
kill "$daemon"
while kill -0 "$daemon" 2>/dev/null; do :; done
rm -f "$T/sock" "$T/pid"

step 'what backup --disk saved'
expect_status 0 "$ABRI" backup --disk "sda=$D"
start_export latest --nbd "$T/sock"
same_as "$URI" "$D"
expect_equal "$(nbdinfo --json "$URI" | jq -r '.exports[0]["export-name"]')" sda
stop_export
expect_status 0 "$ABRI" backup "$D"

step 'all disks of a machine'
mkdir -p "$T/d"
cp --sparse=always "$D" "$T/d/sda"
make_disk "$T/d/x y" "$SEED x"
expect_status 0 "$ABRI" backup --disk "$T/d/sda" --disk "$T/d/x y"
    start_export latest --nbd "$T/sock"
    expect_equal "$(sort "$T/uris" | tr '\n' ' ')" \
        "nbd+unix:///sda?socket=$T/sock nbd+unix:///x%20y?socket=$T/sock "
    expect_equal "$(nbdinfo --list --json "nbd+unix:///?socket=$T/sock" | jq -r '[.exports[]["export-name"]] | sort | join(",")')" 'sda,x y'
    same_as "nbd+unix:///x%20y?socket=$T/sock" "$T/d/x y"
    same_as "nbd+unix:///sda?socket=$T/sock" "$T/d/sda"
    ! nbdinfo --size "nbd+unix:///?socket=$T/sock" >/dev/null 2>&1 || fail 'which disk was that?'
    ! nbdinfo --size "nbd+unix:///sdb?socket=$T/sock" >/dev/null 2>&1 || fail 'there is no such disk'
    stop_export
    start_export latest:sda --nbd "$T/sock"
    same_as "$URI" "$T/d/sda"
    stop_export
    wrong 1 'it has: sda, x y' latest:sdb --nbd "$T/sock"
    expect_status 0 "$ABRI" backup "$D"

step 'damage costs what it hit'
chmod u+w "$pack"
flip() {
    /usr/bin/python3 - "$pack" <<'EOT'
import os, sys
with open(sys.argv[1], "r+b") as f:
    at = os.path.getsize(sys.argv[1]) // 2
    f.seek(at)
    byte = f.read(1)[0]
    f.seek(at)
    f.write(bytes([byte ^ 0xff]))
EOT
}
flip
start_export latest:"$D" --nbd "$T/sock"
! nbdcopy "$URI" "$T/copy" >"$T/out" 2>&1 || fail 'damage was not seen'
# It hung up with requests under way, on which some versions of nbdkit crash: then it is started again.
until nbdinfo --size "$URI" >/dev/null 2>&1; do
    kill -0 "$EXPORT_PID" 2>/dev/null || { cp "$T/export.err" "$T/err"; fail 'export ended'; }
done
expect_status 0 timeout 120 qemu-img convert --salvage -f raw -O raw "$URI" "$T/copy"
/usr/bin/python3 - "$T/copy" "$D" >"$T/blocks" <<'EOT'
import sys
a, b = (open(name, "rb").read() for name in sys.argv[1:])
grain = 512 << 10
bad = [at for at in range(0, len(b), grain) if a[at:at + grain] != b[at:at + grain]]
assert all(not any(a[at:at + grain]) for at in bad), "wrong bytes were given"
print(len(bad))
EOT
[ "$(cat "$T/blocks")" = 1 ] || fail "$(cat "$T/blocks") blocks are lost"
kill -TERM "$EXPORT_PID" && wait "$EXPORT_PID"
expect_equal "$?" 0
EXPORT_PID=
expect_grep 'disk.img.*at byte.*pack' "$T/export.err"
flip
rm -f "$T/copy"

step 'a vault that goes away gives errors, never other bytes'
start_export latest:"$D" --nbd "$T/sock" --cache-size 1M
expect_status 0 qemu-io -r -f raw "$URI" -c 'read 0 4096'
mv "$ABRI_VAULT" "$T/elsewhere"
timeout 120 qemu-img convert --salvage -f raw -O raw "$URI" "$T/copy" >/dev/null 2>&1 || fail 'it no longer answers'
/usr/bin/python3 - "$T/copy" "$D" <<'EOT' || fail 'other bytes'
import sys
a, b = (open(name, "rb").read() for name in sys.argv[1:])
assert all(a[at:at + 4096] in (b[at:at + 4096], bytes(len(b[at:at + 4096]))) for at in range(0, len(b), 4096))
EOT
mv "$T/elsewhere" "$ABRI_VAULT"
same_as "$URI" "$D"
kill -TERM "$EXPORT_PID" && wait "$EXPORT_PID"
EXPORT_PID=

step 'a snapshot on a server'
. "$(dirname "$0")/server.sh"
trap 'end_export; cleanup_server' EXIT
server_with_tenant
enrol_machine web '"restore":true'
expect_status 0 as web backup "$D"
ABRI_CONFIG_DIR="$T/web" ABRI_CACHE_DIR="$T/cache-web" ABRI_VAULT="$URL"
start_export latest --nbd "$T/sock"
same_as "$URI" "$D"
expect_status 0 qemu-io -r -f raw "$URI" -c "read -P 0x41 $at 65536" -c 'read -P 0 6291456 4096'
stop_export
expect_status 0 nbdkit -U - "$PLUGIN" "$URL" passphrase=+"$T/pass" --run 'nbdinfo --size "$uri"'
expect_equal "$(cat "$T/out")" "$SIZE"
server_stop
