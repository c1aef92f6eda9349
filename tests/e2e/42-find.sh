#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# find says which snapshots hold a file in which state, and reads what they
# share once.
. "$(dirname "$0")/lib.sh"

make_vault
S="$T/src"
mkdir -p "$S/etc/ssh" "$S/many"
i=0
while [ $i -lt 2000 ]; do echo "$i" >"$S/many/f$i"; i=$((i + 1)); done
echo 1 >"$S/etc/ssh/sshd_config"
echo PDF >"$S/etc/Paper.PDF"
head -c 100000 /dev/zero >"$S/etc/large.db"
touch -d '2005-06-07 08:09' "$S/etc/Paper.PDF"
settle
for n in 1 2 3 4 5 6; do
    [ $n = 3 ] && { echo two >"$S/etc/ssh/sshd_config"; settle; }
    [ $n = 5 ] && { rm "$S/etc/ssh/sshd_config"; }
    [ $n = 6 ] && { echo back >"$S/etc/ssh/sshd_config"; }
    backup_json "$S"
    field summary snapshot_id | cut -c 1-8 >"$T/id$n"
done
id() { cat "$T/id$1"; }

step 'each state once, with the snapshots that hold it'
expect_status 0 "$ABRI" find sshd_config
expect_equal "$(awk '{print $1}' "$T/out" | tr '\n' ' ')" "$(id 1)..$(id 2) $(id 3)..$(id 4) $(id 6) "
expect_equal "$(sed "s|.*  /|/|" "$T/out" | sort -u)" "$S/etc/ssh/sshd_config"

step 'a state that comes and goes has several ranges'
mv "$S/etc/large.db" "$T/kept"
backup_json "$S"
field summary snapshot_id | cut -c 1-8 >"$T/id7"
mv "$T/kept" "$S/etc/large.db"
backup_json "$S"
field summary snapshot_id | cut -c 1-8 >"$T/id8"
expect_status 0 "$ABRI" find 'large.*'
expect_equal "$(awk '{print $1}' "$T/out")" "$(id 1)..$(id 6),$(id 8)"

step 'another set of paths does not part a range'
backup_json "$S/etc/ssh"
backup_json "$S"
field summary snapshot_id | cut -c 1-8 >"$T/id9"
expect_status 0 "$ABRI" find Paper.PDF
expect_equal "$(awk '{print $1}' "$T/out")" "$(id 1)..$(id 9)"

step 'shared nodes are read once'
expect_status 0 "$ABRI" --json find 'f1*'
read_all=$(field find_summary nodes_read)
expect_equal "$(jq -r 'select(.message_type == "match") | .path' "$T/out" | wc -l)" 1111
expect_equal "$(jq -r 'select(.message_type == "match") | .snapshots[0].count' "$T/out" | sort -u)" 9
expect_status 0 "$ABRI" --json find 'f1*' -s latest
read_one=$(field find_summary nodes_read)
[ "$read_all" -lt $((3 * read_one + 20)) ] || fail "$read_all nodes for all, $read_one for one"

step 'names, paths, case, type, size, time'
found() { expect_status 0 "$ABRI" find -s latest "$@"; sed "s|.*  $S||" "$T/out" | tr '\n' ' '; }
expect_equal "$(found paper.pdf)" ''
expect_equal "$(found -i paper.pdf)" '/etc/Paper.PDF '
expect_equal "$(found ssh)" '/etc/ssh/ '
expect_equal "$(found 'ssh/*')" '/etc/ssh/sshd_config '
expect_equal "$(found "$S/**/*.db")" '/etc/large.db '
expect_equal "$(found '/etc/large.db')" ''
expect_equal "$(found --min-size 50K '*')" '/etc/large.db '
expect_equal "$(found --max-size 4 --type file 'P*' '*.db')" '/etc/Paper.PDF '
expect_equal "$(found --type dir 'ss*')" '/etc/ssh/ '
expect_equal "$(found --type fifo 'ss*')" ''
expect_equal "$(found --older 2005-06-07 '*')" '/etc/Paper.PDF '
expect_equal "$(found --newer 2005-06-06 --older '2005-06-07 08:09' '*')" '/etc/Paper.PDF '
expect_equal "$(found --newer 2005-06-07 'Paper*')" ''

step 'bad input'
expect_status 2 "$ABRI" find
expect_one_error
expect_status 2 "$ABRI" find --newer yesterday x
expect_one_error
expect_status 2 "$ABRI" find --newer 2005-06-08 --older 2005-06-07 x
expect_status 2 "$ABRI" find --min-size 2K --max-size 1K x
expect_status 2 "$ABRI" find 'a[b'
expect_status 1 "$ABRI" find -s zz x
