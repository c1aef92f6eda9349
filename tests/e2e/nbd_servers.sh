# SPDX-License-Identifier: Apache-2.0
# NBD servers of others that a test talks to, one at a time, at the socket $T/s. Sourced behind lib.sh;
# cleanup_servers belongs into the EXIT trap, before cleanup.
SERVERS=
cleanup_servers() { for p in $SERVERS; do kill "$p" 2>/dev/null; wait "$p" 2>/dev/null; done; SERVERS=; }
export TMPDIR="$T" # sockets and what nbdkit leaves behind
URI="nbd+unix:///?socket=$T/s"

# listening SOCKET PID: until it is there.
listening() {
    until [ -S "$1" ]; do
        kill -0 "$2" 2>/dev/null || fail "no server at $1"
        sleep 0.02
    done
}
# serve_nbdkit ARG…
serve_nbdkit() {
    cleanup_servers
    rm -f "$T/s"
    nbdkit -f -U "$T/s" "$@" >"$T/nbdkit.log" 2>&1 &
    SERVERS=$!
    listening "$T/s" $!
}
# serve_qemu ARG…: an image by qemu-nbd
serve_qemu() {
    cleanup_servers
    rm -f "$T/s"
    qemu-nbd -t -e 16 -k "$T/s" "$@" &
    SERVERS=$!
    listening "$T/s" $!
}
