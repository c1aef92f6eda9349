#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# With --json every line is an object, names survive exactly, and every field
# is one that docs/json.md promises.
. "$(dirname "$0")/lib.sh"
DOC="$(dirname "$0")/../../docs/json.md"

# Every line of both streams: one object with a message_type that the page
# lists, and with no field that it does not list for it.
all_json() {
    cat "$T/out" "$T/err" >"$T/lines"
    jq -c -e 'objects | select(.message_type | type == "string")' "$T/lines" >"$T/parsed" || fail 'not JSON'
    expect_equal "$(wc -l <"$T/parsed")" "$(wc -l <"$T/lines")" 'objects and lines'
    jq -r '.message_type as $t | keys[] | "\($t) \(.)"' "$T/lines" | sort -u >>"$T/fields"
}
json() { status=$1; shift; expect_status "$status" "$ABRI" --json "$@"; all_json; }

json 0 init --kdf-memory 1
expect_equal "$(field initialized id | wc -c)" 33
[ -f "$(field initialized writer_key)" ] || fail 'no writer key'

mkdir -p "$T/src/sub"
bad=$(printf 'bad \377 name')
quote=$(printf 'quote " back\\slash \001 line\nend')
echo 1 >"$T/src/$bad"
echo 2 >"$T/src/$quote"
echo 3 >"$T/src/gr\303\274n"
echo 4 >"$T/src/sub/four"
ln -s "$bad" "$T/src/link"
mkfifo "$T/src/fifo"

json 0 backup "$T/src" --tag a,b
id=$(field summary snapshot_id)
expect_equal "$(field summary files_new)" 4
expect_equal "$(printf %s "$id" | wc -c)" 64
json 0 backup --dry-run "$T/src"
expect_equal "$(field summary dry_run)" true

json 0 snapshots
expect_equal "$(field snapshot id)" "$id"
expect_equal "$(field snapshot 'tags | join(",")')" a,b
expect_equal "$(field snapshot 'paths[0]')" "$T/src"
json 0 snapshots --keyless
expect_equal "$(field snapshot paths)" null

step 'names that are not UTF-8'
json 0 ls "latest:$T/src"
expect_equal "$(jq -r 'select(.path_b64) | .path_b64' "$T/out" | base64 -d)" "$T/src/$bad"
expect_equal "$(jq -r 'select(.path_b64) | .path' "$T/out")" "$T/src/bad $(printf '\357\277\275') name"
expect_equal "$(jq -r 'select(.target_b64) | .target_b64' "$T/out" | base64 -d)" "$bad"
expect_equal "$(jq -r 'select(.path | contains("quote")) | .path' "$T/out")" "$T/src/$quote"
expect_equal "$(jq -r 'select(.type == "fifo") | .path' "$T/out")" "$T/src/fifo"
mkdir "$T/$bad"
json 0 backup "$T/$bad"
json 0 snapshots latest
expect_equal "$(field snapshot 'paths_b64[0]' | base64 -d)" "$T/$bad"

json 0 stats
json 0 stats latest
echo 5 >"$T/src/sub/four"
mkfifo "$T/src/new"
json 0 backup "$T/src"
json 0 diff "$id" latest --metadata
expect_equal "$(jq -r 'select(.message_type == "change" and .modifier == "M") | .path' "$T/out")" "$T/src/sub/four"
expect_equal "$(field statistics added.others)" 1
json 0 find 'bad*' "$quote"
expect_equal "$(field find_summary matches)" 2
json 0 restore "$id:$T/src" -t "$T/r" --verify
expect_equal "$(field summary files_restored)" 4
expect_equal "$(field summary files_verified)" 4
echo more >"$T/r/$bad-more"
json 0 restore "$id:$T/src" -t "$T/r" --delete
expect_equal "$(jq -r 'select(.message_type == "deleted") | .path_b64' "$T/out" | base64 -d)" "$bad-more"
expect_equal "$(field summary deleted)" 1
"$ABRI" --json doctor >"$T/out" 2>"$T/err" || true
all_json
json 0 config show
expect_equal "$(jq -r 'select(.name == "vault") | .from' "$T/out")" ABRI_VAULT
json 0 check --read-data
expect_equal "$(field summary damaged)" 0
json 0 version

step 'the life of a snapshot'
json 0 lock latest --until 2d
expect_equal "$(field locked id | wc -c)" 65
json 0 hold latest --reason "$bad"
expect_equal "$(field held reason_b64 | base64 -d)" "$bad"
json 0 snapshots
expect_equal "$(field snapshot held_b64 | base64 -d)" "$bad"
json 0 forget --keep-weekly 1 --keep-within-daily 3d --group-by host --dry-run
expect_equal "$(field decision keep)" true
expect_equal "$(field decision 'reasons[0].kind')" rule
expect_equal "$(field decision 'reasons[0].of')" 1
jq -r 'select(.message_type == "decision") | .reasons[] | keys[]' "$T/out" | grep -v '_b64$' | sort -u | while read -r name; do
    sed -n '/^### `decision`/,/^## /p' "$DOC" | grep -q "^| \`$name\` |" || fail "docs/json.md: no '$name' of a reason"
done || exit 1
json 1 forget latest
expect_equal "$(jq -r 'select(.message_type == "problem") | .class' "$T/err")" not_permitted
json 0 hold latest --release
json 0 tag latest --add t
json 0 floor
expect_equal "$(field rules trash_window)" 604800
json 0 clock
expect_equal "$(field clock reason)" trusted
json 0 backup "$T/src"
json 0 forget latest
expect_equal "$(field summary forgotten)" 1
json 0 snapshots --trash
json 0 undelete latest

step 'keys and writers'
ABRI_NEW_PASSPHRASE=second json 0 key add --label "$bad"
ABRI_NEW_PASSPHRASE=third json 0 key add
json 0 key list
expect_equal "$(jq -r 'select(.label_b64) | .label_b64' "$T/out" | base64 -d)" "$bad"
ABRI_PASSPHRASE=third ABRI_NEW_PASSPHRASE=fourth json 0 key passwd
json 0 key remove "$(field keys_changed id)"
json 0 key generate "$T/escrow"
recipient=$(field key_file public_key)
json 0 key add --recipient "$recipient"
json 0 key export-public
json 0 key list
json 0 key rotate
expect_equal "$(field keys_changed problems)" 0
json 0 key reseal
json 0 key sheet
json 0 key sheet --svg "$T/sheet.svg"
json 0 key split 2 3
expect_equal "$(jq -r .number "$T/out" | tr '\n' ' ')" '1 2 3 '
json 0 key split 2 3 --output "$T/shares"
ABRI_NEW_PASSPHRASE=fifth json 0 key combine "$T/shares/share-1.txt" "$T/shares/share-3.txt"
json 0 writer list
json 0 writer add --machine two --export "$T/two.key"
writer=$(field writer_changed id)
json 0 writer import --replace "$T/two.key"
json 0 writer revoke "$writer"
json 0 writer add --replace --successor-of "$writer"
json 0 writer list
json 0 check

step 'errors are objects, on stderr'
json 1 restore nothing -t "$T/r2"
expect_equal "$(jq -r .code "$T/err")" 1
expect_equal "$(jq -r .class "$T/err")" not_found
json 2 backup --bogus
expect_equal "$(jq -r .code "$T/err")" 2
json 10 -r "$T/nowhere" snapshots
expect_equal "$(jq -r .code "$T/err")" 10
printf '%s\n%s\n' "$T/src/sub" "$T/$bad*none" >"$T/list"
json 3 backup --files-from "$T/list"
expect_equal "$(jq -r 'select(.message_type == "problem") | .item_b64' "$T/err" | base64 -d)" "$T/$bad*none"
pack=$(find "$T/vault/packs" -type f | head -n 1)
rm -f "$pack"
json 1 check
json 1 check --keyless

step 'the page lists every field that was seen'
sort -u "$T/fields" | while read -r type name; do
    case $name in *_b64) name=${name%_b64} ;; esac # described once for all
    sed -n "/^### \`$type\`/,/^### /p" "$DOC" | grep -q "^| \`$name\` |" ||
        { echo "docs/json.md: no field '$name' of '$type'" >&2; exit 1; }
done || fail 'the page is not complete'
