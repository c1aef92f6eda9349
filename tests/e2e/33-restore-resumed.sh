#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A restore that is killed goes on where it stopped: what was complete is not
# written again, what was not is, and the result is whole.
. "$(dirname "$0")/lib.sh"
command -v strace >/dev/null || skip "no strace"
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"

mkdir -p "$T/src"
for i in $(seq 1 60); do
    mkdir -p "$T/src/d$((i % 7))"
    seq "$i" $((i * 50)) >"$T/src/d$((i % 7))/f$i"
done
head -c 3000000 /dev/urandom >"$T/src/large"
find "$T/src" -exec touch -d '2024-05-06 07:08:09.123456789' {} +
make_vault
expect_status 0 "$ABRI" backup "$T/src"

step "killed in the middle"
strace -f -o "$T/trace" -e trace=utimensat -e inject=utimensat:signal=KILL:when=25 \
    "$ABRI" --quiet restore --threads 1 "latest:$T/src" --target "$T/back" >"$T/out" 2>"$T/err" </dev/null &&
    fail "it was not killed"
find "$T/back" -type f -newermt 2024-05-06 ! -newermt 2024-05-07 -printf '%P %i\n' | LC_ALL=C sort >"$T/complete"
[ -s "$T/complete" ] || fail "nothing was complete"

step "the same command goes on"
expect_status 0 "$ABRI" restore "latest:$T/src" --target "$T/back"
expect_same_tree "$T/src" "$T/back"
while read -r name inode; do
    expect_equal "$(stat -c %i "$T/back/$name")" "$inode" "$name was written again"
done <"$T/complete"

step "afterwards nothing is left to go on with: a plain restore writes all"
read -r name inode <"$T/complete"
born=$(stat -c %z "$T/back/$name")
settle
expect_status 0 "$ABRI" restore "latest:$T/src" --target "$T/back"
# Another file may get the number of the one that it replaces, but not its birthday.
[ "$(stat -c %z "$T/back/$name")" != "$born" ] || fail "$name was not written"
expect_same_tree "$T/src" "$T/back"
