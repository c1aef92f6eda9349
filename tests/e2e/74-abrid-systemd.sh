#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# abrid as a service: the units as systemd reads them, what it tells systemd, sockets that were handed over, the watchdog.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
command -v python3 >/dev/null || skip 'no python3'
DIST=$(dirname "$ABRI")/dist

step 'the units: understood, and confined'
if command -v systemd-analyze >/dev/null; then
    tree="$T/tree"
    mkdir -p "$tree/usr/lib/systemd/system" "$tree/usr/local/sbin" "$tree/usr/sbin" "$tree/bin" "$tree/etc"
    cp "$DIST/abrid.service" "$DIST/abrid.socket" "$tree/usr/lib/systemd/system/"
    for unit in basic sysinit shutdown network-online multi-user sockets; do
        printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$unit" >"$tree/usr/lib/systemd/system/$unit.target"
    done
    for slice in system -; do printf '[Unit]\nDefaultDependencies=no\n' >"$tree/usr/lib/systemd/system/$slice.slice"; done
    program=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$DIST/abrid.service")
    mkdir -p "$tree$(dirname "$program")"
    for file in "$tree$program" "$tree/bin/kill"; do
        printf '#!/bin/sh\n' >"$file"
        chmod 755 "$file"
    done
    expect_status 0 systemd-analyze verify --man=no --root="$tree" "$tree/usr/lib/systemd/system/abrid.service" "$tree/usr/lib/systemd/system/abrid.socket"
    ! grep 'abrid\.' "$T/err" || fail 'systemd-analyze verify complains'
    expect_status 0 systemd-analyze security --no-pager --offline=yes --root="$tree" --threshold=20 abrid.service
    grep 'Overall exposure' "$T/out"
else
    echo '  (no systemd-analyze here)'
fi

step 'what systemd is told: ready, reloading, stopping, alive'
expect_status 0 python3 "$(dirname "$0")/systemd-stand-in.py" "$ABRID" "$T/service" "$T/abrid.toml"
cat "$T/out"
