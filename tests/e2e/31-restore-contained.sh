#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Whatever lies in the target, restore writes below it and nowhere else.
. "$(dirname "$0")/lib.sh"

make_vault
S="$T/src"
mkdir -p "$S/dir/sub" "$S/other"
echo new >"$S/dir/file"
echo new >"$S/dir/sub/deep"
echo new >"$S/top"
ln -s "$T/outside" "$S/link-in-snapshot"
expect_status 0 "$ABRI" backup "$S"

# A place outside, and a target full of traps that point at it.
outside() {
    rm -rf "$T/outside" "$T/target"
    mkdir -p "$T/outside/sub" "$T/target"
    echo precious >"$T/outside/file"
    echo precious >"$T/outside/sub/deep"
    echo precious >"$T/outside/top"
    (cd "$T/outside" && find . -printf '%p %m %T@ %l\n' | sort; cat file sub/deep top) >"$T/outside-before"
}
untouched() {
    (cd "$T/outside" && find . -printf '%p %m %T@ %l\n' | sort; cat file sub/deep top) >"$T/outside-after"
    expect_same_tree "$T/outside-before" "$T/outside-after"
}

step 'a link where a directory shall be'
outside
ln -s "$T/outside" "$T/target/dir"
expect_status 0 "$ABRI" restore "latest:$S" -t "$T/target"
untouched
[ -L "$T/target/dir" ] && fail 'the link is still there'
expect_equal "$(cat "$T/target/dir/sub/deep")" new

step 'a link deeper down'
outside
mkdir "$T/target/dir"
ln -s "$T/outside/sub" "$T/target/dir/sub"
expect_status 0 "$ABRI" restore "latest:$S" -t "$T/target"
untouched
expect_equal "$(cat "$T/target/dir/sub/deep")" new

step 'a link where a file shall be'
outside
ln -s "$T/outside/top" "$T/target/top"
expect_status 0 "$ABRI" restore "latest:$S" -t "$T/target"
untouched
[ -L "$T/target/top" ] && fail 'the link is still there'
expect_equal "$(cat "$T/target/top")" new

step 'a hard link to a file outside'
outside
ln "$T/outside/top" "$T/target/top"
expect_status 0 "$ABRI" restore "latest:$S" -t "$T/target"
untouched
expect_equal "$(cat "$T/target/top")" new

step 'a link to the outside that the snapshot itself brings'
outside
expect_status 0 "$ABRI" restore "latest:$S" -t "$T/target"
expect_equal "$(readlink "$T/target/link-in-snapshot")" "$T/outside"
expect_status 0 "$ABRI" restore "latest:$S" -t "$T/target"
untouched

step 'with --overwrite never, traps stay and are not walked through'
outside
ln -s "$T/outside" "$T/target/dir"
ln -s "$T/outside/top" "$T/target/top"
expect_status 0 "$ABRI" restore "latest:$S" -t "$T/target" --overwrite never
untouched
[ -L "$T/target/dir" ] || fail 'the link was replaced in spite of never'

step 'fifos and devices in the way are replaced, not opened'
outside
mkfifo "$T/target/top"
expect_status 0 "$ABRI" restore "latest:$S" -t "$T/target"
expect_equal "$(cat "$T/target/top")" new

step 'paths that try to leave'
expect_status 2 "$ABRI" restore 'latest:../etc' -t "$T/target"
expect_one_error
expect_status 2 "$ABRI" restore "latest:$S/../../etc" -t "$T/target"
expect_one_error
