#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Random trees with every kind of file and attribute come back as they were,
# judged by rsync, which is not ours: attributes, ACLs, xattrs, links, devices,
# holes, times. Then again after the writer's cache is lost, and after changes.
# ABRI_SEED=n replays.
. "$(dirname "$0")/lib.sh"
maketree=${3:?the tree maker}
command -v rsync >/dev/null || skip "no rsync"
seed=${ABRI_SEED:-$(($(date +%s) % 100000))}
echo "ABRI_SEED=$seed"

same() {
    rsync -aHAXSn --checksum --itemize-changes --delete "$1/" "$2/" >"$T/diff" 2>&1 || fail "rsync"
    # rsync sees times of symbolic links and directories too; silence is equality
    [ ! -s "$T/diff" ] || { head -n 20 "$T/diff" >&2; fail "$1 and $2 differ"; }
}
round() {
    expect_status 0 "$ABRI" backup "$T/src"
    rm -rf "$T/back"
    expect_status 0 "$ABRI" restore "latest:$T/src" --target "$T/back"
    same "$T/src" "$T/back"
}
make_vault
for n in 1 2 3; do
    step "tree $((seed + n))"
    rm -rf "$T/src"
    "$maketree" $((seed + n)) "$T/src" "$([ $n = 3 ] && echo medium || echo small)" 2>"$T/note" || { cat "$T/note" >&2; fail "maketree"; }
    round
    step "nothing changed"
    round
    step "the cache is lost"
    rm -rf "$ABRI_CACHE_DIR"
    round
done
step "changes on top"
"$maketree" $((seed + 9)) "$T/src/more" small 2>/dev/null
find "$T/src" -type f -size -64k 2>/dev/null | sort | sed -n '1~5p' | while read -r f; do
    [ -f "$f" ] && [ -w "$f" ] && echo more >>"$f"
done
round
expect_status 0 "$ABRI" restore "latest:$T/src" --target "$T/back" --verify
same "$T/src" "$T/back"
expect_status 0 "$ABRI" check --read-data
