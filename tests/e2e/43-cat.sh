#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cat gives the bytes of a file, verified, and nothing else.
. "$(dirname "$0")/lib.sh"

make_vault
S="$T/src"
mkdir -p "$S/dir"
printf 'text\n' >"$S/text"
printf '\033[31mred' >"$S/escape"
: >"$S/empty"
head -c 40000000 /dev/urandom >"$S/large"
truncate -s 60M "$S/large"
printf 'end' >>"$S/large"
ln -s text "$S/link"
expect_status 0 "$ABRI" backup "$S"

for f in text escape empty large; do
    expect_status 0 "$ABRI" cat "latest:$S/$f"
    cmp "$S/$f" "$T/out" || fail "$f"
done
expect_status 0 "$ABRI" cat "latest:$S/text" "latest:$S/escape"
cat "$S/text" "$S/escape" | cmp - "$T/out" || fail 'two files'

step 'a reader that goes away is no failure'
"$ABRI" cat "latest:$S/large" 2>"$T/err" | head -c 10 >/dev/null
[ -s "$T/err" ] && fail 'complained'

step 'a terminal gets text only'
if command -v script >/dev/null; then
    tty() { script -qec "$*" /dev/null </dev/null >"$T/out" 2>&1; }
    tty "'$ABRI' cat 'latest:$S/text'" || fail 'text to a terminal'
    expect_grep text "$T/out"
    tty "'$ABRI' cat 'latest:$S/escape'" && fail 'controls went to a terminal'
    expect_no_grep red "$T/out"
    tty "'$ABRI' cat --force 'latest:$S/escape'" || fail 'forced'
    expect_grep red "$T/out"
fi

step 'bad input'
expect_status 2 "$ABRI" cat "latest:$S/dir"
expect_one_error
expect_status 2 "$ABRI" cat "latest:$S/link"
expect_status 2 "$ABRI" cat latest
expect_one_error
expect_status 2 "$ABRI" cat
expect_status 1 "$ABRI" cat "latest:$S/none"
expect_one_error
expect_status 2 "$ABRI" --json cat "latest:$S/text"

step 'damage is found before it is written'
for pack in $(find "$T/vault/packs" -type f); do
    size=$(stat -c %s "$pack")
    [ "$size" -gt 10000000 ] || continue
    chmod u+w "$pack"
    printf 'XXXX' | dd of="$pack" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
    break
done
expect_status 1 "$ABRI" cat "latest:$S/large"
len=$(stat -c %s "$T/out")
[ "$len" -lt 60000003 ] || fail 'it was written whole'
head -c "$len" "$S/large" | cmp - "$T/out" || fail 'what was written is not the beginning'
