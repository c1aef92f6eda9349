#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Metrics: a scrape as collectors make it, every line checked, labels with hostile
# names, refusals counted, and callers who are slow or talk nonsense.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
command -v python3 >/dev/null || skip 'no python3'

SOCKET="$T/metrics"
scrape() { curl -sS --unix-socket "$SOCKET" -D "$T/head" http://local/metrics >"$T/scrape" || fail 'curl failed'; }
value() { sed -n "s/^$1 //p" "$T/scrape"; }
check() { python3 "$(dirname "$0")/openmetrics.py" "$T/scrape" || fail 'not OpenMetrics'; }

step 'an empty server'
server_start --metrics-socket "$SOCKET" --metrics-address 127.0.0.1:0
expect_equal "$(stat -c '%a %F' "$SOCKET")" '660 socket'
scrape
check
expect_grep '^HTTP/1.0 200 OK' "$T/head"
expect_grep 'application/openmetrics-text; version=1.0.0' "$T/head"
expect_equal "$(value abri_machines)" 0
expect_equal "$(value abri_log_cosigned_age_seconds)" +Inf
expect_grep "^abri_build_info{version=\"$("$ABRID" --version | sed 's/abrid //')\"} 1" "$T/scrape"
tcp=$(sed -n 's/^abrid: metrics at //p' "$T/server.out")
curl -sS "$tcp" | grep -q '^# EOF' || fail 'nothing on the address'
server_stop
[ ! -e "$SOCKET" ] || fail 'the socket is left'

step 'machines: names are what they are, and age begins with a snapshot'
server_with_tenant --metrics-socket "$SOCKET"
enrol_machine web
evil='a"b\c
d} 1'
name=$(printf '%s' "$evil" | tr '\n' ' ')
token=$(machine_token)
expect_status 0 env ABRI_CONFIG_DIR="$T/evil" "$ABRI" enrol "$URL" "$token" --name "$name" --kdf-memory 1 --kdf-passes 1
expect_status 0 as web backup "$T/evil"
expect_status 13 env ABRI_CONFIG_DIR="$T/thief" "$ABRI" enrol "$URL" "$token"
expect_status 13 env ABRI_CONFIG_DIR="$T/thief" "$ABRI" enrol "$URL" "$token"
scrape
check
expect_equal "$(value abri_machines)" 2
expect_equal "$(value abri_vaults)" 2
expect_equal "$(value abri_snapshots_total)" 1
expect_equal "$(value abri_tenants)" 1
expect_equal "$(value abri_sessions)" 0
expect_equal "$(value abri_queue_requests)" 0
expect_equal "$(value 'abri_refusals_total{reason="token_used"}')" 2
grep "^abri_machine_snapshot_age_seconds{tenant=\"Example\",machine=\"$(id_of web)\",name=\"web\"} [0-9]*$" "$T/scrape" >/dev/null || fail 'no age of web'
grep -F "machine=\"$(id_of evil)\",name=\"a\\\"b\\\\c d} 1\"} +Inf" "$T/scrape" >/dev/null || fail 'no label of evil'
[ "$(value abri_log_entries)" -gt 10 ] || fail 'entries of the log'
expect_equal "$(value abri_clock_trusted)" 1
[ "$(value abri_run_seconds_total)" -ge 0 ] || fail 'how long it ran'
[ "$(value abri_received_bytes_total)" -gt 1000 ] || fail 'bytes'

step 'what is no request is refused; who is slow holds nobody up for long'
python3 - "$SOCKET" <<'X' || fail 'hostile callers'
import socket, sys, os
def say(data, shut=False):
    s = socket.socket(socket.AF_UNIX); s.settimeout(60); s.connect(sys.argv[1])
    try:
        s.sendall(data)
        if shut: s.shutdown(socket.SHUT_WR)
        out = b''
        while True:
            b = s.recv(65536)
            if not b: break
            out += b
    except (BrokenPipeError, ConnectionResetError):
        out = b'reset'
    s.close()
    return out
assert say(b'GET /other HTTP/1.1\r\n\r\n').startswith(b'HTTP/1.0 404'), 1
assert say(b'POST /metrics HTTP/1.1\r\n\r\n').startswith(b'HTTP/1.0 405'), 2
assert say(b'GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n').startswith(b'HTTP/1.0 200'), 3
assert say(b'GET / HTTP/1.0\r\n\r\n').endswith(b'# EOF\n'), 4
head = say(b'HEAD /metrics HTTP/1.1\r\n\r\n'); assert head.startswith(b'HTTP/1.0 200') and head.endswith(b'\r\n\r\n'), 5
assert not say(b'\r\n\r\n').startswith(b'HTTP/1.0 200'), 6
assert not say(b'GET\r\n\r\n').startswith(b'HTTP/1.0 200'), 7
assert not say(b'GET /metrics HTTP/2\r\n\r\n').startswith(b'HTTP/1.0 200'), 8
assert not say(b'GET /metrics HT\0TP/1.1\r\n\r\n').startswith(b'HTTP/1.0 200'), 9
assert not say(b'G' * 100000).startswith(b'HTTP/1.0 200'), 10
assert not say(b'GET /metrics', True).startswith(b'HTTP/1.0 200'), 11
silent = socket.socket(socket.AF_UNIX); silent.connect(sys.argv[1])   # says nothing
assert say(b'GET / HTTP/1.0\r\n\r\n').startswith(b'HTTP/1.0 200'), 12 # and is sent away in time
for seed in range(200):
    import random
    r = random.Random(seed)
    say(bytes(r.randrange(256) for _ in range(r.randrange(1, 200))), True)
assert say(b'GET / HTTP/1.0\r\n\r\n').startswith(b'HTTP/1.0 200'), 13
X

step 'a revoked machine is listed no more'
expect_status 0 call POST "/v1/identities/$(id_of evil)/revoke" '{"reason":"gone"}'
until scrape && [ "$(value abri_machines)" = 1 ]; do kill -0 "$SERVER_PID" || fail 'abrid ended'; done
expect_no_grep "$(id_of evil)" "$T/scrape"
check

step 'a path that is taken'
server_stop
echo mine >"$SOCKET"
expect_status 1 "$ABRID" --root "$ROOT" --listen 127.0.0.1:0 --metrics-socket "$SOCKET"
expect_grep 'is there already, and no socket' "$T/err"
expect_equal "$(cat "$SOCKET")" mine
