#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What cannot be read is named as it happens, the rest is saved, the status is 3.
. "$(dirname "$0")/lib.sh"
RACE=${2:?usage: $0 <abri> <race.so>}

make_vault
mkdir -p "$T/src/sub"
for f in a b c sub/d; do echo "$f" >"$T/src/$f"; done

# racing VARIABLE=NAME COMMAND…
racing() { env "$1" LD_PRELOAD="$RACE" ASAN_OPTIONS=verify_asan_link_order=0 "$ABRI" backup --force-read "$T/src"; }

step 'a file that vanishes between the look and the reading'
expect_status 3 racing ABRI_TEST_VANISH=b
expect_grep "^abri: $T/src/b: " "$T/err"
expect_grep 'abri: 1 item could not be saved' "$T/err"
expect_grep 'snapshot .* saved' "$T/out"
[ -e "$T/src/b" ] && fail 'the race did not happen'
expect_equal "$(names_of "$T/src")" 'a c sub sub/d '
expect_status 0 "$ABRI" snapshots
expect_grep incomplete "$T/out"

step 'a file that changes while it is read'
expect_status 3 racing ABRI_TEST_GROW=c
expect_grep "^abri: $T/src/c: changed while it was read" "$T/err"
expect_equal "$(names_of "$T/src")" 'a c sub sub/d '
head -c 9000000 /dev/urandom >"$T/src/large"
expect_status 3 racing ABRI_TEST_GROW=large
expect_grep "^abri: $T/src/large: changed while it was read" "$T/err"

step 'what was incomplete is read again'
expect_status 0 "$ABRI" backup "$T/src"
expect_status 0 "$ABRI" restore "latest:$T/src" -t "$T/out-tree" --verify
expect_same_tree "$T/src" "$T/out-tree"

step 'the same in JSON'
expect_status 3 env ABRI_TEST_VANISH=a LD_PRELOAD="$RACE" ASAN_OPTIONS=verify_asan_link_order=0 \
    "$ABRI" --json backup --force-read "$T/src"
expect_equal "$(jq -r 'select(.message_type == "problem") | .item' "$T/err")" "$T/src/a"
expect_equal "$(jq -r 'select(.message_type == "error") | .code' "$T/err")" 3
expect_equal "$(field summary problems)" 1

step 'files that may not be read'
if [ "$IS_ROOT" = no ] || command -v setpriv >/dev/null; then
    chmod 755 "$T"
    cp "$ABRI" "$T/abri" && chmod 755 "$T/abri"
    chmod 000 "$T/src/c"
    mkdir -m 000 "$T/src/closed"
    mkdir -m 777 "$T/theirs"
    as_nobody() {
        if [ "$IS_ROOT" = yes ]; then
            setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$T/theirs" \
                ABRI_VAULT="$T/theirs/vault" ABRI_CONFIG_DIR="$T/theirs/config" \
                ABRI_CACHE_DIR="$T/theirs/cache" "$T/abri" "$@"
        else
            "$T/abri" "$@"
        fi
    }
    expect_status 0 as_nobody -r "$T/theirs/vault" init --kdf-memory 1
    expect_status 3 as_nobody -r "$T/theirs/vault" backup "$T/src"
    expect_grep "^abri: $T/src/c: .*Permission denied" "$T/err"
    expect_grep "^abri: $T/src/closed.*Permission denied" "$T/err"
    expect_grep 'abri: 2 items could not be saved' "$T/err"
    expect_status 0 as_nobody -r "$T/theirs/vault" ls "latest:$T/src"
    expect_grep 'sub/d' "$T/out"
    chmod 644 "$T/src/c"
    chmod 755 "$T/src/closed"
fi

step 'interrupted: no snapshot, status 130, and the next one works'
expect_status 0 "$ABRI" --json snapshots
before=$(grep -c '"snapshot"' "$T/out")
head -c 30000000 /dev/urandom >"$T/src/huge"
mkfifo "$T/watch"
"$ABRI" --json backup --limit-upload 512 "$T/src" >"$T/watch" 2>"$T/err" &
pid=$!
exec 8<"$T/watch"
while read -r line <&8; do # status lines come while it works
    case $line in *'"bytes_written":0'*) ;; *bytes_written*) kill -TERM "$pid"; break ;; esac
done
cat <&8 >/dev/null
wait "$pid"
expect_equal "$?" 130
expect_grep interrupted "$T/err"
expect_status 0 "$ABRI" --json snapshots
expect_equal "$(grep -c '"snapshot"' "$T/out")" "$before" 'snapshots after an interruption'
expect_status 0 "$ABRI" backup "$T/src"
expect_status 0 "$ABRI" check --read-data
