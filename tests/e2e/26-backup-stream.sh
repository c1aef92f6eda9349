#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# backup --stdin and --command: what comes is one file; what is not whole is no
# snapshot.
. "$(dirname "$0")/lib.sh"

make_vault
head -c 30000000 /dev/urandom >"$T/data"
truncate -s 50M "$T/data"
printf tail >>"$T/data"
count() { expect_status 0 "$ABRI" --json snapshots --keyless; grep -c '"snapshot"' "$T/out" || true; }

step 'standard input'
"$ABRI" --json backup --stdin --stdin-name /db//dump.sql --tag t <"$T/data" >"$T/out" 2>"$T/err" || fail 'stdin'
expect_equal "$(field summary total_bytes_processed)" 52428804
id=$(field summary snapshot_id)
expect_status 0 "$ABRI" cat "$id:/db/dump.sql"
cmp "$T/data" "$T/out" || fail 'content'
expect_status 0 "$ABRI" ls "$id"
expect_equal "$(tr '\n' ' ' <"$T/out")" '/db /db/dump.sql '
expect_status 0 "$ABRI" restore "$id" -t "$T/r" --verify
cmp "$T/data" "$T/r/db/dump.sql" || fail 'restored'
[ "$(stat -c %b "$T/r/db/dump.sql")" -lt 70000 ] || fail 'zeros were stored'

step 'the same again is stored once; cut as a file is'
{ printf 'a longer head than before'; cat "$T/data"; } >"$T/data2"
"$ABRI" --json backup --stdin --stdin-name /db/dump.sql <"$T/data" >"$T/out" || fail 'again'
[ "$(field summary data_added_content)" = 0 ] || fail 'stored again'
"$ABRI" --json backup --stdin --stdin-name /db/dump.sql <"$T/data2" >"$T/out" || fail 'shifted'
[ "$(field summary data_added_content)" -lt 10000000 ] || fail 'a shift cost everything'
cp --sparse=never "$T/data" "$T/dense"
backup_json "$T/dense"
[ "$(field summary data_added_content)" -lt 1000 ] || fail 'the file was stored again'

step 'short and empty streams'
for text in '' x; do
    printf '%s' "$text" | "$ABRI" --json backup --stdin >"$T/out" || fail "'$text'"
    expect_status 0 "$ABRI" cat latest:stdin
    expect_equal "$(cat "$T/out")" "$text"
done

step 'a command'
expect_status 0 "$ABRI" --json backup --stdin-name c --command -- printf '%s\n' 'a b' '$(x)' --json
expect_status 0 "$ABRI" cat latest:c
expect_equal "$(cat "$T/out")" "$(printf 'a b\n$(x)\n--json')"
expect_status 0 "$ABRI" backup --stdin-from-command -- sh -c 'echo to-stderr >&2; cat; echo $ABRI_PASSPHRASE'
expect_grep to-stderr "$T/err"
expect_status 0 "$ABRI" cat latest:stdin
expect_equal "$(cat "$T/out")" '' 'the passphrase reached a command, or it had an input'

step 'a command that fails leaves no snapshot'
before=$(count)
expect_status 1 "$ABRI" backup --stdin-name d --command -- sh -c "cat '$T/data'; exit 3"
expect_grep 'failed with status 3: no snapshot' "$T/err"
expect_status 1 "$ABRI" backup --command -- sh -c 'kill -9 $$'
expect_grep 'signal 9' "$T/err"
expect_status 2 "$ABRI" backup --command -- "$T/no-such-program"
expect_one_error
expect_status 1 "$ABRI" backup --dry-run --command -- false
expect_equal "$(count)" "$before"
expect_status 10 "$ABRI" -r "$T/nowhere" backup --command -- touch "$T/ran"
[ -e "$T/ran" ] && fail 'the command ran although there is no vault'
expect_status 0 "$ABRI" check --read-data

step 'an interrupt ends a wait for input, and the command'
mkfifo "$T/never"
"$ABRI" backup --command -- sh -c "echo \$\$ >'$T/pid'; echo started >'$T/never'; exec sleep 60" >"$T/out" 2>"$T/err" &
pid=$!
read -r line <"$T/never"
expect_equal "$line" started
kill -TERM "$pid"
wait "$pid"
expect_equal "$?" 130
kill -0 "$(cat "$T/pid")" 2>/dev/null && fail 'the command still runs'
expect_equal "$(count)" "$before"

step 'bad input'
for words in '--stdin x' '--command' '--stdin --command -- true' '--stdin-name x /etc' \
    '--stdin --stdin-name a/../b' '--stdin --stdin-name a/' '--stdin --files-from /dev/null' '--stdin --stdin-name /'; do
    # shellcheck disable=SC2086
    "$ABRI" backup $words </dev/null >"$T/out" 2>"$T/err" && fail "accepted: $words"
    expect_one_error
done

step 'memory is bounded: a stream larger than what the process may use'
if (ulimit -v 600000 && "$ABRI" version) >/dev/null 2>&1; then
    (ulimit -v 600000 && head -c 1500000000 /dev/zero | tr '\0' 'x' | "$ABRI" --json backup --stdin --threads 2) >"$T/out" 2>"$T/err" || fail 'large'
    expect_equal "$(field summary total_bytes_processed)" 1500000000
else
    echo '  (not under a sanitizer)'
fi
