#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Pieces at random: whether who keeps a vault still has it all, without a key.
. "$(dirname "$0")/lib.sh"

make_vault
S="$T/src"
mkdir "$S"
i=0
while [ $((i += 1)) -le 40 ]; do head -c 70000 /dev/urandom >"$S/file$i"; done
expect_status 0 "$ABRI" backup "$S"
unset ABRI_PASSPHRASE

step 'all is there'
expect_status 0 "$ABRI" check --challenge 4603
expect_grep '^asked for \([0-9]*\) of \1 chunks that 1 snapshot needs' "$T/out"
expect_grep 'certainty of 100.0 %' "$T/out"
expect_status 0 "$ABRI" --json check --challenge 1
jq -e '.message_type == "challenge" and .asked == 1 and .bad == 0 and .certainty > 0 and .certainty < 1' "$T/out" >/dev/null || { cat "$T/out" >&2; fail 'not that object'; }

step 'what makes no sense'
for with in --repair --read-data '--read-data-subset 5%'; do
    # shellcheck disable=SC2086 # words
    expect_status 2 "$ABRI" check --challenge 10 $with
    expect_one_error
done
expect_status 2 "$ABRI" check --challenge 0

step 'something is lost'
pack=$(cd "$T/vault" && find packs -type f -size +1M | head -n 1)
chmod u+w "$T/vault/$pack"
printf XXXX | dd of="$T/vault/$pack" bs=1 seek=500000 conv=notrunc 2>/dev/null
expect_status 1 "$ABRI" check --challenge 4603
expect_grep "$pack" "$T/err"
mv "$T/vault/$pack" "$T/away"
expect_status 1 "$ABRI" check --challenge 1
expect_grep "$pack: is missing: snapshot 1 of .* needs [0-9]* chunks" "$T/err"
