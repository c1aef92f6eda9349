#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# backup saves what is there, stores nothing twice, and counts what it did.
. "$(dirname "$0")/lib.sh"

make_vault
mkdir -p "$T/src/sub/deep"
echo one >"$T/src/one"
echo two >"$T/src/sub/two"
: >"$T/src/empty"
ln -s one "$T/src/link"
head -c 3000000 /dev/urandom >"$T/src/sub/big"
touch -d '2020-01-01' "$T/src/one" "$T/src/sub/two" "$T/src/empty" "$T/src/sub/big"

counts() { echo "$(field summary files_new) $(field summary files_changed) $(field summary files_unmodified)"; }

settle

step 'the first'
expect_status 0 "$ABRI" backup "$T/src" --tag daily,host --tag third
expect_grep '^Files: *4 new, *0 changed, *0 unmodified' "$T/out"
expect_grep '^Added to the vault: ' "$T/out"
expect_grep '^processed 4 files, 2.861 MiB in ' "$T/out"
expect_grep '^snapshot [0-9a-f]\{8\} saved$' "$T/out"
[ -s "$T/err" ] && fail 'words on stderr'

step 'nothing changed: nothing is stored'
backup_json "$T/src"
expect_equal "$(counts)" '0 0 4'
expect_equal "$(field summary data_added_content)" 0

step 'a change and a new file'
echo three >"$T/src/one"
echo new >"$T/src/sub/new"
settle
backup_json "$T/src"
expect_equal "$(counts)" '1 1 3'
expect_equal "$(field summary total_files_processed)" 5

step 'without a cache every file is read, but content is not stored twice'
# Small files may be bundled in another company, so only the large one counts.
backup_json --no-cache "$T/src"
[ "$(field summary data_added_content)" -lt 1000 ] || fail 'content was stored again'
backup_json --no-cache "$T/src"
expect_equal "$(field summary data_added_content)" 0
backup_json --force-read "$T/src"
expect_equal "$(field summary data_added_content)" 0
expect_equal "$(field summary files_new)" 0

step 'a dry run stores nothing'
find "$T/vault" -type f | sort >"$T/before"
head -c 200000 /dev/urandom >"$T/src/more"
expect_status 0 "$ABRI" backup --dry-run "$T/src"
expect_grep 'Would add' "$T/out"
expect_no_grep 'saved' "$T/out"
find "$T/vault" -type f | sort >"$T/after"
expect_same_tree "$T/before" "$T/after"

step 'tags, host and paths are in the list'
expect_status 0 "$ABRI" backup "$T/src" -H elsewhere --tag weekly
expect_status 0 "$ABRI" snapshots
expect_equal "$(grep -c '^[0-9a-f]\{8\}  ' "$T/out")" 7
expect_grep "elsewhere.*weekly.*$T/src" "$T/out"
expect_grep '^7 snapshots$' "$T/out"
expect_status 0 "$ABRI" snapshots --host elsewhere
expect_grep '^1 snapshot$' "$T/out"
expect_status 0 "$ABRI" snapshots --tag daily,third
expect_grep '^1 snapshot$' "$T/out"
expect_status 0 "$ABRI" snapshots --tag daily,weekly
expect_grep '^0 snapshots$' "$T/out"
expect_status 0 "$ABRI" snapshots --tag daily --tag weekly
expect_grep '^2 snapshots$' "$T/out"
expect_status 0 "$ABRI" snapshots --path "$T/src/"
expect_grep '^7 snapshots$' "$T/out"
expect_status 0 "$ABRI" snapshots --latest 1
expect_grep '^2 snapshots$' "$T/out"
expect_status 2 "$ABRI" snapshots --keyless --path "$T/src"

step 'without a key: no paths, no hosts'
expect_status 0 env -u ABRI_PASSPHRASE "$ABRI" snapshots
expect_no_grep "$T/src" "$T/out"
expect_no_grep elsewhere "$T/out"
expect_grep sealed "$T/out"

step 'a backup needs no passphrase, and cannot read'
expect_status 0 env -u ABRI_PASSPHRASE setsid "$ABRI" backup "$T/src"
expect_status 12 env -u ABRI_PASSPHRASE setsid "$ABRI" ls latest

step 'options before and behind words, compression, quiet'
for mode in auto off fastest better max 1 19; do
    expect_status 0 "$ABRI" -q backup "$T/src/one" --compression $mode
    [ -s "$T/out" ] && fail 'words in spite of --quiet'
done
expect_status 2 "$ABRI" backup "$T/src" --compression 20
expect_status 2 "$ABRI" backup "$T/src" --compression best

step 'lists of files'
printf '%s/src/o*\n# a comment\n\n  %s/src/empty  \n' "$T" "$T" >"$T/list"
backup_json --files-from "$T/list"
expect_equal "$(names_of "$T/src")" 'empty one '
printf '%s\n' "$T/src/one" "$T/src/sub/two" >"$T/list"
expect_status 0 "$ABRI" backup --files-from-verbatim "$T/list" "$T/src/empty"
expect_equal "$(names_of "$T/src")" 'empty one sub sub/two '
odd=$(printf 'a\nb')
echo odd >"$T/src/$odd"
find "$T/src" -maxdepth 1 -name 'a*' -print0 >"$T/list"
expect_status 0 "$ABRI" backup --files-from-raw "$T/list"
expect_status 0 "$ABRI" --json ls latest
expect_equal "$(jq -r 'select(.type == "file") | .path' "$T/out")" "$T/src/$odd"
printf '%s' "$T/src/one" >"$T/list"
expect_status 2 "$ABRI" backup --files-from-raw "$T/list"
expect_one_error
: >"$T/list"
expect_status 2 "$ABRI" backup --files-from "$T/list"
printf '%s/src/one\n%s/nothing*\n' "$T" "$T" >"$T/list"
expect_status 3 "$ABRI" backup --files-from "$T/list"
expect_grep 'nothing\*.*matches nothing' "$T/err"

step 'figures'
expect_status 0 "$ABRI" --json stats
[ "$(field vault_stats frames)" -gt 0 ] || fail 'no frames'
expect_equal "$(field vault_stats stored_bytes)" \
    "$(find "$T/vault/packs" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')"
expect_status 0 "$ABRI" stats latest
