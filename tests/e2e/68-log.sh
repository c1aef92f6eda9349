#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# abri log: who sees which entries; proofs, checked without the server; a byte changed anywhere is refused.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"

S="$T/src"
mkdir -p "$S"
seq 1 5000 >"$S/text"
server_with_tenant
enrol_machine web '"restore":true'
enrol_machine db
expect_status 0 as web --json backup "$S"
snapshot=$(field summary snapshot_id)
expect_status 0 as db backup "$S"
web=$(id_of web) db=$(id_of db)

step 'a machine sees what is its own, people what they look after'
expect_status 0 as web --json log show --from 0
expect_equal "$(jq -r 'select(.event.kind == "snapshot") | .event.id' "$T/out" | sort -u)" "$web"
jq -r 'select(.event.id != "'"$web"'" and .event.by != "'"$web"'" and .event.vault != "'"$(vault_of web)"'") | .index' "$T/out" >"$T/foreign"
[ ! -s "$T/foreign" ] || fail 'it sees what is not its own'
expect_no_grep "$db" "$T/out"
expect_status 0 env ABRI_CONFIG_DIR="$OWNER" "$ABRI" --json log show
expect_equal "$(jq -r .index "$T/out" | head -n 1)" 0
grep -q "$db" "$T/out" || fail 'the owner does not see all'
theirs=$(jq -r 'select(.event.kind == "snapshot" and .event.id == "'"$db"'") | .index' "$T/out")
expect_status 0 as web log show --count 1
expect_equal "$(wc -l <"$T/out")" 1
expect_status 1 as web log prove --entry "$theirs"
expect_grep 'no entry .* that you may see' "$T/err"
sed "s/$theirs/N/" "$T/err" >"$T/not-mine"
expect_status 1 as web log prove --entry 99999
sed "s/99999/N/" "$T/err" >"$T/not-there"
cmp "$T/not-mine" "$T/not-there" || fail 'an entry of others is told apart from none'
expect_status 1 as web log prove "$(as db --json log show | jq -r 'select(.event.kind == "snapshot") | .event.snapshot')"
expect_grep 'no snapshot' "$T/err"

step 'tiles for all, bundles of entries for those who see all'
file() { env ABRI_CONFIG_DIR="$T/$1" ABRI_VAULT="$URL" "$ABRI" admin call GET "/v1/log/file?path=$2"; }
file web tile/entries/000.p/1 >"$T/out" 2>"$T/err" && fail 'a machine reads all entries'
expect_grep 'nothing of that name' "$T/err"
file web ../../log.key >"$T/out" 2>"$T/err" && fail 'a path leads out'
[ ! -s "$T/out" ] || fail 'something came'

step 'a checkpoint that the log never signed is not co-signed'
expect_status 0 as web log checkpoint
name=$(sed -n 's/^— \(witness[^ ]*\) .*/\1/p' "$T/web/servers"/*/checkpoint | tail -n 1)
grep "^— $name " "$T/out" >"$T/line"
grep -v '^— witness' "$T/out" >"$T/note"
jq -n --rawfile n "$T/note" --rawfile l "$T/line" '{checkpoint: $n, cosignature: $l}' >"$T/cosign"
cosign() { env ABRI_CONFIG_DIR="$T/$1" ABRI_VAULT="$URL" "$ABRI" admin call POST /v1/log/cosign "$(cat "$T/cosign")"; }
expect_status 0 cosign web
jq '.checkpoint |= sub("\n[0-9]+\n"; "\n3\n")' "$T/cosign" >"$T/cosign2" && mv "$T/cosign2" "$T/cosign"
cosign web >"$T/out" 2>"$T/err" && fail 'it was'

step 'a proof: small, and checked without the server and without an identity'
expect_status 0 as web log prove "$(echo "$snapshot" | cut -c1-8)" -o "$T/proof"
expect_status 1 as web log prove latest -o "$T/proof"
expect_grep 'exists' "$T/err"
expect_status 0 as web log prove latest
[ "$(grep -v '^extra ' "$T/proof" | wc -c)" -le 2048 ] || fail 'more than 2 KiB'
expect_equal "$(head -n 1 "$T/proof")" 'c2sp.org/tlog-proof@v1'
log_key=$(jq -r .log_key "$T/web/servers"/*/identity.json)
witness=$(as web --json log show --from 0 | jq -r 'select(.event.kind == "identity.witness") | .event.text')
expect_status 0 env ABRI_CONFIG_DIR="$T/idle" "$ABRI" enrol "$URL" "$(machine_token)" --name idle --no-vault
other=$(env ABRI_CONFIG_DIR="$OWNER" "$ABRI" --json log show |
    jq -r 'select(.event.kind == "identity.witness" and .event.id == "'"$(id_of idle)"'") | .event.text')
env ABRI_CONFIG_DIR="$OWNER" "$ABRI" --json log show |
    jq -r 'select(.event.kind == "identity.witness") | .event.text' >"$T/witnesses"
all= # of those whose signatures the proof has
while read -r key; do
    grep -q "^— ${key%%+*} " "$T/proof" && all="$all --witness $key"
done <"$T/witnesses"
server_stop
expect_status 0 as web log verify "$T/proof"
expect_grep 'seen by witness.* (this machine)' "$T/out"
expect_status 0 env -u ABRI_VAULT ABRI_CONFIG_DIR="$T/nobody" "$ABRI" log verify "$T/proof" --log-key "$log_key"
expect_grep 'verified' "$T/out"
expect_grep 'not checked' "$T/out"
expect_status 2 env -u ABRI_VAULT ABRI_CONFIG_DIR="$T/nobody" "$ABRI" log verify "$T/proof"
expect_status 1 env ABRI_CONFIG_DIR="$T/nobody" "$ABRI" log verify "$T/proof" --log-key "$log_key" --witness "$other"
expect_grep 'has not signed' "$T/err"
expect_status 2 as web log verify "$T/proof" --log-key "$witness"
expect_status 2 as web log verify "$T/proof" --witness "$log_key"
expect_status 0 as web --json log verify "$T/proof" --witness "$witness"
expect_equal "$(field log_verified entry | jq -r .snapshot)" "$snapshot"
expect_equal "$(jq '.witnesses | length' "$T/out")" 1
grep -v '^extra ' "$T/proof" >"$T/bare"
field log_verified entry | tr -d '\n' >"$T/entry"
expect_status 2 as web log verify "$T/bare"
expect_status 0 as web log verify "$T/bare" --entry-file "$T/entry"
sed -i 's/"files":[0-9]*/"files":9/' "$T/entry"
expect_status 1 as web log verify "$T/bare" --entry-file "$T/entry"
expect_status 1 as web log verify "$T/proof" --entry-file "$T/entry"
expect_grep 'is not that of' "$T/err"

step 'any byte that is another is refused (a sample; the unit test changes each)'
size=$(wc -c <"$T/proof")
at=0
while [ "$at" -lt "$size" ]; do
    byte=$(od -An -tu1 -j "$at" -N 1 "$T/proof" | tr -d ' ')
    { head -c "$at" "$T/proof"; printf "\\$(printf %03o $((byte ^ 1)))"; tail -c "+$((at + 2))" "$T/proof"; } >"$T/flipped"
    # shellcheck disable=SC2086
    expect_status 1 as web log verify "$T/flipped" $all
    at=$((at + 37))
done
head -c "$((size - 1))" "$T/proof" >"$T/flipped"
expect_status 1 as web log verify "$T/flipped"

step 'bad input'
for line in 'log' 'log prove' 'log prove latest --entry 3' 'log prove --entry x' 'log prove XYZ' 'log verify' "log verify $T/none --log-key x" 'log show --from -1'; do
    # shellcheck disable=SC2086
    expect_status 2 as web $line
    expect_one_error
done
expect_status 14 as web log prove latest
expect_one_error
