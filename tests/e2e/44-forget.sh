#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# forget keeps what its rules and the protections say, tells why, and what it forgot
# comes back. No passphrase is needed, and none is there.
. "$(dirname "$0")/lib.sh"
CLOCK=${4:?usage: $0 <abri> <race.so> <maketree> <falseclock.so>}
DAY=86400
# later DAYS COMMAND…: runs it so much later than now
later() {
    passed=$(($1 * DAY))
    shift
    env ABRI_TEST_PASSED="$passed" LD_PRELOAD="$CLOCK" ASAN_OPTIONS=verify_asan_link_order=0 "$@"
}
moved() {
    by=$(($1 * DAY))
    shift
    env ABRI_TEST_MOVED="$by" LD_PRELOAD="$CLOCK" ASAN_OPTIONS=verify_asan_link_order=0 "$@"
}
# The sequences of the living, and of the trash.
listed() { "$ABRI" --json snapshots "$@" 2>/dev/null | jq -c 'select(.message_type == "snapshot")'; }
living() { listed | jq -r .sequence | tr '\n' ' '; }
trash() { listed --trash | jq -r .sequence | tr '\n' ' '; }
id_of() { listed | jq -r "select(.sequence == $1) | .short_id"; }

make_vault
unset ABRI_PASSPHRASE
mkdir "$T/a" "$T/b"
echo a >"$T/a/file"
echo b >"$T/b/file"
# Eight days, two snapshots of a each day, one of b each second day.
for day in 0 1 2 3 4 5 6 7; do
    expect_status 0 later $day "$ABRI" -q backup "$T/a" --tag "day$day"
    expect_status 0 later $day "$ABRI" -q backup "$T/a" --tag "day$day,second"
    [ $((day % 2)) = 0 ] && expect_status 0 later $day "$ABRI" -q backup "$T/b"
done
all=$(living)
expect_equal "$all" '1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 '
cp -r "$T/vault" "$T/sound"
again() { rm -rf "$T/vault"; cp -r "$T/sound" "$T/vault"; }

step 'a dry run does nothing and tells everything'
expect_status 0 later 7 "$ABRI" forget --keep-daily 3 -n
expect_grep 'daily 1 of 3' "$T/out"
expect_grep 'no rule keeps it' "$T/out"
expect_grep '6 snapshots kept, 14 would be forgotten' "$T/out"
expect_equal "$(living)" "$all"
[ -e "$T/vault/marks" ] && fail 'a dry run left marks'
[ -e "$T/vault/clock" ] && fail 'a dry run left a witness'

step 'rules, counted for each set of paths'
expect_status 0 later 7 "$ABRI" forget -d 3
expect_grep '6 snapshots kept, 14 forgotten' "$T/out"
expect_equal "$(living)" '8 13 15 17 18 20 ' # the newest of three days of a; three of b
expect_equal "$(trash)" '1 2 3 4 5 6 7 9 10 11 12 14 16 19 '
expect_status 0 later 7 "$ABRI" forget -d 3
expect_grep '6 snapshots kept, 0 forgotten' "$T/out"
expect_status 0 env ABRI_PASSPHRASE='correct horse' "$ABRI" check --read-data
expect_status 0 later 7 "$ABRI" -q backup "$T/a"
expect_status 0 env ABRI_PASSPHRASE='correct horse' "$ABRI" check

step 'the trash gives back, for a week'
first=$(listed --trash | jq -r .short_id | head -n 1)
expect_status 1 "$ABRI" stats "$first"
expect_status 0 later 13 "$ABRI" undelete "$first"
expect_status 0 "$ABRI" stats "$first"
expect_status 1 later 13 "$ABRI" undelete "$first"
expect_grep 'not in the trash' "$T/err"
second=$(listed --trash | jq -r .short_id | head -n 1)
expect_status 1 "$ABRI" lock "$second" --until 1d
expect_grep 'abri undelete' "$T/err"
expect_status 1 later 15 "$ABRI" undelete "$second"
expect_grep 'its time in the trash ended' "$T/err"

step 'other ways to group and to choose'
again
expect_status 0 later 7 "$ABRI" forget -l 1 --group-by none -n
expect_grep '1 snapshot kept, 19 would' "$T/out"
expect_status 0 later 7 "$ABRI" forget -l 1 --tag second,day1 --tag day2 -n
expect_grep '1 snapshot kept, 2 would' "$T/out"
expect_status 0 later 7 "$ABRI" forget -l 1 --host nobody -n
expect_grep '0 snapshots kept, 0 would' "$T/out"
expect_status 0 later 7 "$ABRI" forget --keep-within 1d --keep-tag day0 --group-by host -n
expect_grep 'within 1d' "$T/out"
expect_grep "tag 'day0'" "$T/out"
expect_status 0 later 7 "$ABRI" forget -l 1 --keep-within-daily 400d -H 2 -w 1 -m 2 -y unlimited -n

step 'by name'
last=$(id_of 20)
expect_status 0 later 7 "$ABRI" forget "$(id_of 1)" "$(id_of 3)"
expect_grep 'named' "$T/out"
expect_equal "$(trash)" '1 3 '
expect_status 2 later 7 "$ABRI" forget "$last" "$last"
expect_one_error
expect_status 1 later 7 "$ABRI" forget 0000
expect_one_error

step 'what is protected is kept'
expect_status 0 later 7 "$ABRI" lock "$(id_of 2)" --until 30d
expect_status 0 later 7 "$ABRI" hold "$(id_of 4)" --reason 'looks odd'
expect_status 0 later 7 "$ABRI" snapshots
expect_grep 'locked until' "$T/out"
expect_grep 'held: looks odd' "$T/out"
expect_status 0 later 7 "$ABRI" forget -l 1
expect_grep 'held: looks odd' "$T/out"
expect_grep 'locked until' "$T/out"
expect_equal "$(living)" '2 4 18 20 '
expect_status 1 later 7 "$ABRI" forget "$(id_of 2)"
expect_grep 'it is kept: locked until' "$T/err"
expect_status 3 later 7 "$ABRI" forget "$(id_of 2)" "$(id_of 18)"
expect_equal "$(living)" '2 4 20 '
expect_status 0 later 7 "$ABRI" hold --release "$(id_of 4)"
expect_status 0 later 7 "$ABRI" forget "$(id_of 4)"
expect_status 0 later 38 "$ABRI" forget "$(id_of 2)"
expect_equal "$(living)" '20 '

step 'nothing goes below the floor'
again
expect_status 0 "$ABRI" floor 5d --yes
expect_grep '5 days' "$T/out"
expect_status 0 later 7 "$ABRI" forget -l 1
expect_grep 'younger than the floor of 5 days' "$T/out"
expect_equal "$(living)" '9 10 11 12 13 14 15 16 17 18 19 20 '
expect_status 2 "$ABRI" floor 4d --yes
expect_one_error
expect_status 2 setsid "$ABRI" floor 9d
expect_one_error
expect_grep 'never be lowered' "$T/err"
expect_status 0 "$ABRI" floor --trash-window 0
expect_status 0 "$ABRI" floor
expect_grep 'trash window  none' "$T/out"
expect_grep 'floor         5 days' "$T/out"

step 'a false clock frees nothing'
again
expect_status 0 later 7 "$ABRI" forget "$(id_of 1)"
expect_status 1 moved 3650 "$ABRI" forget -l 1
expect_grep 'the clock is not trusted' "$T/err"
expect_equal "$(trash)" '1 '
expect_status 0 moved 3650 "$ABRI" forget -l 1 -n
expect_status 1 moved 3650 "$ABRI" clock
expect_status 1 moved -1 "$ABRI" clock
expect_status 0 moved 3650 "$ABRI" undelete "$(listed --trash | jq -r .short_id)"
expect_status 0 later 7 "$ABRI" clock
expect_status 2 setsid "$ABRI" clock --confirm
expect_status 2 "$ABRI" clock --yes
expect_status 0 moved 20 "$ABRI" clock --confirm --yes # a person's word counts
expect_status 0 moved 20 "$ABRI" forget -l 1
expect_equal "$(living)" '18 20 '

step 'what is over is freed, and only that'
again
expect_status 0 later 7 "$ABRI" forget -d 3
expect_status 0 later 8 "$ABRI" hold "$(id_of 8)" --reason 'just in case'
expect_status 0 later 13 "$ABRI" gc
expect_equal "$(trash)" '1 2 3 4 5 6 7 9 10 11 12 14 16 19 '
expect_status 1 later 13 env ABRI_TEST_MOVED=$((30 * DAY)) "$ABRI" gc
expect_grep "not trusted" "$T/err"
expect_equal "$(trash)" '1 2 3 4 5 6 7 9 10 11 12 14 16 19 '
expect_status 0 later 15 "$ABRI" gc
expect_equal "$(trash)" ''
expect_equal "$(living)" '8 13 15 17 18 20 '
expect_equal "$(ls "$T/vault/snapshots" | wc -l)" 6
expect_equal "$(ls "$T/vault/marks" | wc -l)" 1
expect_status 0 later 15 "$ABRI" -q backup "$T/a"
expect_status 0 env ABRI_PASSPHRASE='correct horse' "$ABRI" check --read-data

step 'bad input'
again
bad() { status=$1 pattern=$2; shift 2; expect_status "$status" later 7 "$ABRI" "$@"; expect_one_error; expect_grep "$pattern" "$T/err"; }
bad 2 'no rule' forget
bad 2 'contradict' forget --keep-daily unlimited --keep-weekly 5
bad 2 'contradict' forget --keep-within 30d --keep-within-daily 7d
bad 2 'contradict' forget latest --keep-last 3
bad 2 'neither a number' forget --keep-last 0
bad 2 'neither a number' forget --keep-daily some
bad 2 'not a time' forget --keep-within 30
bad 2 'none of' forget --keep-last 1 --group-by tags
bad 2 'sees no paths' forget --keep-last 1 --path /etc
bad 2 'would keep none of' forget --keep-tag nobody-has-it
bad 1 "no snapshot 'ffffffff'" hold ffffffff --reason x
bad 2 'needs a reason' hold latest
bad 2 'reason of a hold' hold latest --reason ''
bad 2 'contradict' hold latest --reason x --release
bad 2 'not held' hold latest --release
bad 2 'until when' lock latest
bad 2 'neither a date' lock latest --until soon
bad 2 'future' lock latest --until 2020-01-01
bad 2 '100 years' lock latest --until 3000-01-01
bad 2 'which tags' tag latest
bad 2 'contradicts' tag latest --set a --add b
bad 2 'both added and removed' tag latest --add a --remove a
bad 2 'empty name' tag latest --add a,,b
bad 1 'in the trash' undelete latest
bad 2 'not a time' floor 30
bad 2 'abri lock' lock --until 1d
expect_equal "$(living)" "$all"
[ -e "$T/vault/marks" ] && fail 'something was marked'
expect_status 0 later 7 "$ABRI" forget --keep-tag nobody-has-it --unsafe-allow-remove-all
expect_equal "$(living)" ''
expect_status 1 "$ABRI" stats latest
again
ids=$(listed | jq -r .short_id)
# shellcheck disable=SC2086 # each is a word
expect_status 2 later 7 "$ABRI" forget $ids
expect_grep 'no snapshot would be left' "$T/err"

step 'tags'
expect_status 0 "$ABRI" tag "$(id_of 1)" --add new,more --remove day0
expect_status 0 "$ABRI" --json snapshots "$(id_of 1)"
expect_equal "$(field snapshot 'tags | join(" ")')" 'new more'
expect_status 0 "$ABRI" tag "$(id_of 1)" "$(id_of 3)" --set only
expect_status 0 "$ABRI" --json snapshots --tag only
expect_equal "$(jq -r .sequence "$T/out" | tr '\n' ' ')" '1 3 '
expect_status 0 "$ABRI" tag "$(id_of 1)" --set ''
expect_status 0 "$ABRI" --json snapshots "$(id_of 1)"
expect_equal "$(field snapshot 'tags | length')" 0

step 'a damaged mark protects'
expect_status 0 later 7 "$ABRI" hold "$(id_of 5)" --reason why
printf X | dd of="$(ls "$T"/vault/marks/0000000000000005-*)" bs=1 seek=40 conv=notrunc 2>/dev/null ||
    fail 'no such mark'
expect_status 1 "$ABRI" snapshots
expect_grep 'a mark of it is damaged' "$T/out"
expect_status 0 later 7 "$ABRI" forget -l 1
expect_grep 'a mark of it cannot be read' "$T/out"
expect_equal "$(living)" '5 18 20 '
expect_status 1 env ABRI_PASSPHRASE='correct horse' "$ABRI" check
expect_grep 'marks/0000000000000005' "$T/err"
expect_grep 'remove this file (and its parity) from the vault' "$T/err"

step 'damaged rules stop all forgetting, and the way out is said'
rm "$T"/vault/marks/0000000000000005-* "$T"/vault/parity/marks/0000000000000005-*
export ABRI_PASSPHRASE='correct horse'
expect_status 0 "$ABRI" check
expect_status 0 "$ABRI" floor 1d --yes
rules=$(ls "$T"/vault/rules/* | tail -n 1)
printf X | dd of="$rules" bs=1 seek=40 conv=notrunc 2>/dev/null
expect_status 1 "$ABRI" check
expect_equal "$(grep -c "^abri: damaged: rules/$(basename "$rules"): .*remove this file (and its parity) from the vault and set the floor again with .abri floor" "$T/err")" 1
expect_status 1 later 8 "$ABRI" forget -l 1
expect_grep 'remove this file' "$T/err"
expect_one_error
rm "$rules" "$T/vault/parity/rules/$(basename "$rules")"
expect_status 0 "$ABRI" floor 1d --yes
expect_status 0 "$ABRI" check
exit 0
