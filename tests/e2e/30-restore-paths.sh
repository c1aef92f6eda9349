#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# restore puts what was asked for where it was asked for, as it was.
. "$(dirname "$0")/lib.sh"

make_vault
S="$T/src"
mkdir -p "$S/etc/ssh" "$S/var" "$S/empty"
echo config >"$S/etc/ssh/sshd_config"
echo hosts >"$S/etc/hosts"
echo UPPER >"$S/etc/NOTES.TXT"
echo log >"$S/var/log"
: >"$S/var/nothing"
ln "$S/etc/hosts" "$S/var/hard"
ln -s ../etc/hosts "$S/var/soft"
ln -s /nowhere/at/all "$S/var/dangling"
mkfifo "$S/var/fifo"
truncate -s 5M "$S/var/sparse"
printf 'x' | dd of="$S/var/sparse" bs=1 seek=3000000 conv=notrunc 2>/dev/null
odd=$(printf 'sp ace\tand\nline \377')
echo odd >"$S/$odd"
chmod 4750 "$S/etc/NOTES.TXT"
chmod 1777 "$S/empty"
touch -h -d '2001-02-03 04:05:06.123456789' "$S/etc/hosts" "$S/var/soft" "$S/empty"
listing() { (cd "$1" && find . ! -path . -printf '%p %y %m %U %G %s %T@ %l\n' | sed 's/ \([bcdps]\) \([^ ]* [^ ]* [^ ]*\) [0-9]* / \1 \2 - /' | LC_ALL=C sort); }
expect_same_listing() {
    listing "$1" >"$T/l1"
    listing "$2" >"$T/l2"
    expect_same_tree "$T/l1" "$T/l2"
}

expect_status 0 "$ABRI" backup "$S"
first=$(sed -n 's/^snapshot \(.*\) saved/\1/p' "$T/out")

step 'everything, under its whole path'
expect_status 0 "$ABRI" restore latest --target "$T/all" --verify
expect_grep '^restored ' "$T/out"
expect_grep '^verified ' "$T/out"
expect_same_listing "$S" "$T/all$S"
cmp "$S/var/sparse" "$T/all$S/var/sparse" || fail 'sparse content'
[ "$(stat -c %b "$T/all$S/var/sparse")" -lt 2000 ] || fail 'holes were filled'
expect_equal "$(stat -c %i "$T/all$S/var/hard")" "$(stat -c %i "$T/all$S/etc/hosts")" 'hard link'

step 'the content of a directory, directly'
expect_status 0 "$ABRI" restore "latest:$S/etc" -t "$T/etc"
expect_same_listing "$S/etc" "$T/etc"
expect_status 0 "$ABRI" restore "latest:$S//etc/./ssh/" -t "$T/ssh"
expect_same_listing "$S/etc/ssh" "$T/ssh"
expect_status 0 "$ABRI" restore "latest:${S#/}/etc" -t "$T/etc2"
expect_same_listing "$S/etc" "$T/etc2"
expect_status 0 "$ABRI" restore "latest:$S/etc/hosts" -t "$T/one-file"
expect_equal "$(cat "$T/one-file/hosts")" hosts

step 'by prefix and by date'
settle
echo changed >"$S/etc/hosts"
expect_status 0 "$ABRI" backup "$S"
expect_status 0 "$ABRI" restore "$first:$S/etc" -t "$T/by-id"
expect_equal "$(cat "$T/by-id/hosts")" hosts
expect_status 0 "$ABRI" --json snapshots
when=$(jq -r "select(.short_id == \"$first\") | .time" "$T/out")
today=$(date +%F)
expect_status 0 "$ABRI" restore "$today:$S/etc" -t "$T/by-day"
expect_equal "$(cat "$T/by-day/hosts")" changed
tomorrow=$(date -d '+1 day' '+%F %H:%M:%S')
expect_status 0 "$ABRI" restore "$tomorrow:$S/etc" -t "$T/by-second"
expect_equal "$(cat "$T/by-second/hosts")" changed
expect_status 0 "$ABRI" restore "$(date -d '+1 day' '+%FT%H:%MZ'):${S#/}/etc" -t "$T/by-minute"
expect_status 1 "$ABRI" restore "2001-01-01:$S" -t "$T/too-early"
expect_one_error
[ -n "$when" ] || fail 'no time in the list'

step 'include and exclude'
expect_status 0 "$ABRI" restore "$first:$S" -t "$T/inc" --include '*.txt'
[ -e "$T/inc/etc/NOTES.TXT" ] && fail 'case was ignored'
expect_status 0 "$ABRI" restore "$first:$S" -t "$T/inc" --iinclude '*.txt' --include var/log
expect_equal "$(cd "$T/inc" && find . -type f | LC_ALL=C sort | tr '\n' ' ')" './etc/NOTES.TXT ./var/log '
printf '/etc\n' >"$T/patterns"
expect_status 0 "$ABRI" restore "$first" -t "$T/inc2" --include ssh
expect_equal "$(cd "$T/inc2$S" && find . -type f)" ./etc/ssh/sshd_config
expect_status 0 "$ABRI" restore "$first:$S" -t "$T/exc" --exclude 'var' --iexclude 'notes.*' -e "$S/empty"
[ -e "$T/exc/etc/hosts" ] || fail 'too much was left out'
for gone in var etc/NOTES.TXT empty; do [ -e "$T/exc/$gone" ] && fail "$gone is there"; done
printf '# these\nhosts\n' >"$T/patterns"
expect_status 0 "$ABRI" restore "$first:$S/etc" -t "$T/incf" --include-file "$T/patterns"
expect_equal "$(cd "$T/incf" && find . -type f)" ./hosts
expect_status 0 "$ABRI" restore "$first:$S/etc" -t "$T/excf" --exclude-file "$T/patterns"
[ -e "$T/excf/hosts" ] && fail 'exclude-file was not heard'

step 'overwrite'
O="$T/over"
fresh() { rm -rf "$O"; expect_status 0 "$ABRI" restore "$first:$S/etc" -t "$O"; }
fresh
echo mine >"$O/hosts"
expect_status 0 "$ABRI" restore "$first:$S/etc" -t "$O" --overwrite never
expect_equal "$(cat "$O/hosts")" mine
expect_grep 'there already' "$T/out"
expect_status 0 "$ABRI" restore "$first:$S/etc" -t "$O" --overwrite if-newer
expect_equal "$(cat "$O/hosts")" mine 'if-newer left what is newer'
touch -d '1999-01-01' "$O/hosts"
expect_status 0 "$ABRI" restore "$first:$S/etc" -t "$O" --overwrite=if-newer
expect_equal "$(cat "$O/hosts")" hosts 'if-newer replaced what is older'
echo mine2 >"$O/hosts"
expect_status 0 "$ABRI" restore "$first:$S/etc" -t "$O" --overwrite if-changed
expect_equal "$(cat "$O/hosts")" hosts
echo extra >"$O/extra"
echo mine >"$O/hosts"
expect_status 0 "$ABRI" restore "$first:$S/etc" -t "$O"
expect_equal "$(cat "$O/hosts")" hosts 'always is the default'
[ -e "$O/extra" ] || fail 'something that is not in the snapshot was removed'
expect_status 2 "$ABRI" restore "$first" -t "$O" --overwrite sometimes
expect_grep 'always, if-changed, if-newer or never' "$T/err"

step 'a dry run touches nothing'
expect_status 0 "$ABRI" restore "$first" -t "$T/dry" --dry-run
expect_grep '^would restore' "$T/out"
[ -e "$T/dry" ] && [ -n "$(ls -A "$T/dry")" ] && fail 'a dry run wrote something'

step 'as another user: what cannot be restored exactly is said'
if [ "$IS_ROOT" = yes ] && command -v setpriv >/dev/null; then
    chmod 755 "$T"
    cp "$ABRI" "$T/abri" && chmod 755 "$T/abri"
    cp -r "$T/vault" "$T/copy" && chown -R 65534:65534 "$T/copy"
    mkdir -m 777 "$T/theirs"
    expect_status 0 setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$T/theirs" \
        ABRI_CONFIG_DIR="$T/theirs/c" ABRI_CACHE_DIR="$T/theirs/k" "$T/abri" -r "$T/copy" \
        restore "$first:$S/etc/ssh" -t "$T/theirs/out"
    expect_equal "$(cat "$T/theirs/out/sshd_config")" config
fi

step 'interrupted, and the same command goes on'
head -c 60000000 /dev/urandom >"$S/huge"
expect_status 0 "$ABRI" backup "$S"
mkfifo "$T/watch"
"$ABRI" --json restore "latest:$S" -t "$T/cut" >"$T/watch" 2>"$T/err" &
pid=$!
exec 8<"$T/watch"
read -r line <&8 # the first status line: it has begun
kill -TERM "$pid"
cat <&8 >/dev/null
wait "$pid"
case $? in # it may have been done before the signal came
0) echo '  (was done already)' ;;
130) grep -q 'run the same command' "$T/err" || fail 'nothing was said about going on' ;;
*) fail 'status of an interrupted restore' ;;
esac
expect_status 0 "$ABRI" restore "latest:$S" -t "$T/cut" --verify
expect_same_listing "$S" "$T/cut"
cmp "$S/huge" "$T/cut/huge" || fail "content"
