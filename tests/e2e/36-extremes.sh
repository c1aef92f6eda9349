#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sizes at the edge: an 8 TiB sparse file, paths far longer than PATH_MAX, a
# file of many chunks whose list needs nodes of its own, many hard links.
. "$(dirname "$0")/lib.sh"

mkdir "$T/src"
huge=no
if truncate -s 8T "$T/src/huge" 2>/dev/null; then
    huge=yes
    printf 'the middle' | dd of="$T/src/huge" bs=1 seek=4T conv=notrunc status=none
    printf 'the end' | dd of="$T/src/huge" bs=1 seek=8796093022200 conv=notrunc status=none
fi
step "8 TiB sparse file: $huge"

step "a path of 12,000 bytes"
python3 - "$T/src" <<'PY'
import os, sys
os.chdir(sys.argv[1])
for i in range(60):
    name = "n" * 199 + chr(97 + i % 26)
    os.mkdir(name)
    os.chdir(name)
open("bottom", "w").write("down here")
PY
step "a file of some hundred chunks"
python3 - "$T/src/list" <<'PY'
import random, sys
rng = random.Random(36)
with open(sys.argv[1], "wb") as f:
    for i in range(40):
        f.write(rng.randbytes(1 << 20))
        f.seek(1 << 20, 1)
    f.write(b"end")
PY
step "hard links across directories"
mkdir "$T/src/links"
echo linked >"$T/src/links/0"
for i in $(seq 1 1500); do ln "$T/src/links/0" "$T/src/links/$i"; done
ln "$T/src/list" "$T/src/links/list"

make_vault
expect_status 0 "$ABRI" backup "$T/src"
backup_json "$T/src"
expect_equal "$(field summary data_added_content)" 0 "the second backup adds no content"
expect_status 0 "$ABRI" check --read-data
expect_status 0 "$ABRI" restore "latest:$T/src" --target "$T/back"

step "compare"
if [ "$huge" = yes ]; then
    expect_equal "$(stat -c %s "$T/back/huge")" 8796093022208 "size"
    [ "$(stat -c %b "$T/back/huge")" -lt 100000 ] || fail "the holes were filled"
    expect_equal "$(dd if="$T/back/huge" bs=1 skip=4T count=10 status=none)" "the middle"
    rm "$T/src/huge" "$T/back/huge"
fi
cmp "$T/src/list" "$T/back/list" || fail "list differs"
expect_equal "$(stat -c %h "$T/back/links/0")" 1501 "links"
expect_equal "$(stat -c %i "$T/back/list")" "$(stat -c %i "$T/back/links/list")" "list is linked"
python3 - "$T/back" <<'PY' || fail "the bottom is not there"
import os, sys
os.chdir(sys.argv[1])
for i in range(60):
    os.chdir("n" * 199 + chr(97 + i % 26))
assert open("bottom").read() == "down here"
PY
