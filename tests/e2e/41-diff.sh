#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# diff says what rsync would change between two snapshots, and reads only what
# they do not share.
. "$(dirname "$0")/lib.sh"

make_vault
S="$T/src"
mkdir -p "$S/a" "$S/b" "$S/gone/below"
# Where nodes are cut depends on the vault's keys: enough files that it does not matter.
seq 12000 | (cd "$S/a" && split -l 1 -a 4 - f)
echo one >"$S/b/changed"
echo same >"$S/b/touched"
echo was-file >"$S/b/type"
ln -s here "$S/b/link"
echo gone >"$S/gone/below/file"
settle
backup_json "$S" # makes the files of the bench: its directory is in the snapshot, too
settle
backup_json "$S"
first=$(field summary snapshot_id)

step 'nothing changed: nothing to say, no node read'
backup_json "$S"
expect_status 0 "$ABRI" --json diff "$first" latest
expect_equal "$(field statistics nodes_read)" 0
expect_equal "$(wc -l <"$T/out")" 1

echo longer-than-before >"$S/b/changed"
touch -d '2001-02-03' "$S/b/touched"
rm "$S/b/type" && mkdir "$S/b/type" && echo in >"$S/b/type/in"
ln -sfn there "$S/b/link"
rm -r "$S/gone"
mkdir "$S/new"
echo new >"$S/new/file"
backup_json "$S"

step 'every kind of change, as restic names them'
expect_status 0 "$ABRI" diff "$first" latest
grep '^[-+MTU] ' "$T/out" | sed "s|^\(.\).*  $S|\1 |" | LC_ALL=C sort >"$T/lines"
cat >"$T/wanted" <<EOT
+ /b/type/in
+ /new/
+ /new/file
- /gone/
- /gone/below/
- /gone/below/file
M /b/changed
M /b/link
T /b/type/
EOT
cmp -s "$T/lines" "$T/wanted" || { diff "$T/wanted" "$T/lines" >&2; fail 'the list'; }
expect_grep '^M  *+15 B  ' "$T/out"
expect_grep 'Files: .* 2 new, .* 1 removed, .* 1 changed' "$T/out"
expect_status 0 "$ABRI" diff --metadata "$first" latest
expect_grep "^U .*  $S/b/touched\$" "$T/out"
expect_grep "^U .*  $S/b/\$" "$T/out"
expect_no_grep "  $S/a/f" "$T/out"

step 'backwards'
expect_status 0 "$ABRI" diff latest "$first"
expect_grep "^+ .*  $S/gone/below/file" "$T/out"
expect_grep "^- .*  $S/new/file" "$T/out"

step 'figures'
expect_status 0 "$ABRI" --json diff "$first" latest
expect_equal "$(field statistics added.files)" 2
expect_equal "$(field statistics removed.dirs)" 2
expect_equal "$(field statistics changed_files)" 1
nodes=$(field statistics nodes_read)
expect_status 0 "$ABRI" --json find '*' -s latest
all=$(field find_summary nodes_read)
[ "$all" -gt 5 ] || fail "a tree of $all nodes shows nothing"
[ "$nodes" -lt $((2 * all)) ] || fail "$nodes nodes read, though a tree has only $all"

step 'parts, and parts of other names'
expect_status 0 "$ABRI" diff "$first:$S/gone" "$first:$S/gone"
expect_no_grep '^[-+MTU] ' "$T/out"
expect_status 0 "$ABRI" diff "$first:$S/b/changed" "latest:$S/b/changed"
expect_grep "^M .*  $S/b/changed\$" "$T/out"
expect_status 0 "$ABRI" diff "$first:$S/gone/below" "latest:$S/new"
expect_grep "^M .*  $S/new/file\$" "$T/out"
expect_status 0 "$ABRI" diff "$first:$S/b" "latest:$S/b"
expect_grep "^M .*  $S/b/changed\$" "$T/out"
expect_no_grep "new/" "$T/out"

step 'the same bytes in other chunks are no change'
rm -rf "$ABRI_CACHE_DIR"
echo x >"$S/a/faaba"
settle
backup_json "$S"
expect_status 0 "$ABRI" diff "latest" "latest"
expect_status 0 "$ABRI" --json snapshots
before=$(jq -r .id "$T/out" | tail -n 2 | head -n 1)
expect_status 0 "$ABRI" diff "$before" latest
expect_equal "$(grep -c '^[-+MT] ' "$T/out")" 1

step 'bad input'
expect_status 1 "$ABRI" diff "$first:/no/such" latest
expect_one_error
expect_status 2 "$ABRI" diff "$first"
expect_one_error
expect_status 2 "$ABRI" diff a b c
expect_status 1 "$ABRI" diff zz latest
expect_one_error
