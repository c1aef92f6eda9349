#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Behind a load balancer: HAProxy in TCP mode, with PROXY protocol v2. The client's address arrives; who is no
# front end is not believed, and a front end that does not say for whom it speaks is not served.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
command -v haproxy >/dev/null || skip 'no haproxy'
command -v python3 >/dev/null || skip 'no python3'

HAPROXY_PID=
stop_haproxy() {
    [ -z "$HAPROXY_PID" ] || { kill "$HAPROXY_PID" 2>/dev/null; wait "$HAPROXY_PID" 2>/dev/null; }
    HAPROXY_PID=
}
trap 'stop_haproxy; cleanup_server' EXIT
# start_haproxy WORDS: in front of the server, from the address 127.0.0.3; $FRONT is where. The socket is
# made here and handed over, so that nobody else can have its port.
start_haproxy() {
    cat >"$T/haproxy.cfg" <<X
global
    log stderr local0 info
defaults
    mode tcp
    timeout connect 30s
    timeout client 120s
    timeout server 120s
listen front
    bind fd@\${FRONT_FD}
    source 127.0.0.3
    server one ${URL#https://} $1
X
    : >"$T/front"
    python3 - "$T/haproxy.cfg" "$T/front" 2>"$T/haproxy.log" <<'X' &
import os, socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 0)); s.listen(64); s.set_inheritable(True)
os.environ["FRONT_FD"] = str(s.fileno())
open(sys.argv[2], "w").write("%d\n" % s.getsockname()[1])
os.execvp("haproxy", ["haproxy", "-f", sys.argv[1], "-db"])
X
    HAPROXY_PID=$!
    until [ -s "$T/front" ]; do kill -0 "$HAPROXY_PID" || { cat "$T/haproxy.log" >&2; fail 'no haproxy'; }; done
    FRONT=https://127.0.0.1:$(cat "$T/front")
}
refused() { curl -s --unix-socket "$T/metrics" http://local/ | sed -n 's/^abri_refused_connections_total{reason="proxy"} //p'; }

step 'enrolment, backup and restore through it'
server_start --proxy 127.0.0.3 --proxy 2001:db8::/32 --metrics-socket "$T/metrics"
start_haproxy send-proxy-v2
direct=$URL URL=$FRONT
expect_status 0 env ABRI_CONFIG_DIR="$OWNER" "$ABRI" enrol "$URL" "$(bootstrap_token)" --name chief
TENANT=$(call POST /v1/tenants '{"name":"Example"}' | jq -r .tenant)
enrol_machine web '"restore":true'
mkdir -p "$T/src"
seq 1 100000 >"$T/src/numbers"
head -c 40000000 /dev/urandom >"$T/src/large"
expect_status 0 as web backup "$T/src"
expect_status 0 as web restore latest --target "$T/back"
expect_same_tree "$T/src" "$T/back$T/src"
expect_equal "$(refused)" 0

step 'the address is the client'\''s: through the front, and without it'
expect_equal "$(call GET /v1/self | jq -r .address)" 127.0.0.1
self() { # from ADDRESS to PORT
    curl -sS --http2 --interface "$1" -k --cert "$T/owner.pem" "$2/v1/self" | jq -r .address
}
cat "$OWNER"/servers/*/certificate.pem "$OWNER"/servers/*/key.pem >"$T/owner.pem"
expect_equal "$(self 127.0.0.9 "$FRONT")" 127.0.0.9 'through the front'
expect_equal "$(self 127.0.0.9 "$direct")" 127.0.0.9 'directly'

step 'a front end that does not say for whom it speaks is not served'
stop_haproxy
URL=$direct
start_haproxy ''
before=$(refused)
curl -sS --http2 -k --max-time 60 "$FRONT/v1/server" >"$T/out" 2>"$T/err" && fail 'served without PROXY'
until [ "$(refused)" -gt "$before" ]; do kill -0 "$SERVER_PID" || fail 'abrid ended'; done
stop_haproxy

step 'a front end that nobody named is not believed: what it says is no TLS'
server_stop
server_start --proxy 192.0.2.1 --metrics-socket "$T/metrics"
start_haproxy send-proxy-v2
curl -sS --http2 -k "$FRONT/v1/server" >"$T/out" 2>"$T/err" && fail 'PROXY of a stranger was believed'
expect_status 0 curl -sS --http2 -k "$URL/v1/server"
stop_haproxy
server_stop

step 'and without any front end named, PROXY is refused'
server_start
start_haproxy send-proxy-v2
curl -sS --http2 -k "$FRONT/v1/server" >"$T/out" 2>"$T/err" && fail 'PROXY was believed by a server without front ends'
stop_haproxy
server_stop
