#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A backup that is killed -9 at a system call leaves nothing that a person must
# clean up: the vault checks, the next backup works, everything restores.
. "$(dirname "$0")/lib.sh"
command -v strace >/dev/null || skip "no strace"
# The leak checker cannot work while strace holds the process.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"

mkdir -p "$T/src/dir"
seq 1 20000 >"$T/src/numbers"
head -c 700000 /dev/urandom >"$T/src/dir/noise"
make_vault
expect_status 0 "$ABRI" backup "$T/src"

killed=0
for call in pwrite64 fdatasync fsync renameat2 linkat mkdirat openat unlinkat; do
    for n in 1 2 4 9; do
        head -c 300000 /dev/urandom >"$T/src/dir/noise-$call-$n"
        strace -f -o "$T/trace" -e trace=$call -e inject=$call:signal=KILL:when=$n \
            "$ABRI" --quiet backup "$T/src" >"$T/out" 2>"$T/err" </dev/null
        [ $? -ne 0 ] && killed=$((killed + 1))
        expect_status 0 "$ABRI" check --keyless
    done
done
step "killed $killed times"
[ "$killed" -ge 8 ] || fail "hardly ever killed"

step "the vault goes on"
expect_status 0 "$ABRI" backup "$T/src"
expect_status 0 "$ABRI" check --read-data
expect_status 0 "$ABRI" restore "latest:$T/src" --target "$T/back"
expect_same_tree "$T/src" "$T/back"
