#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Random tree, walked and written back, compared by rsync and entry by entry.
# roundtrip.sh MAKETREE COPYTREE COMPARETREE
set -eu
maketree=$1 copytree=$2 comparetree=$3
seed=${ABRI_TEST_SEED:-$$}
echo "ABRI_TEST_SEED=$seed"
dir=$(mktemp -d "${TMPDIR:-/tmp}/abri-roundtrip-XXXXXX")
locked=
[ "$(id -u)" -ne 0 ] || locked=--locked
clear_tree() {
    chattr -R -f -ia "$1" 2>/dev/null || true
    chmod -R u+rwx "$1"
    rm -rf "$1"
}
finish() {
    clear_tree "$dir"
}
trap finish EXIT

same() {
    echo "-- $1"
    "$comparetree" "$dir/a" "$dir/b"
}

"$maketree" "$seed" "$dir/a" small --deep --huge $locked
"$copytree" "$dir/a" "$dir/b"
same "made new"
"$copytree" "$dir/a" "$dir/b"
same "over itself"
"$copytree" "$dir/a" "$dir/b" if-changed
same "over itself, where it changed"

# Over another tree: nothing of it may shine through where names agree.
clear_tree "$dir/b"
mkdir "$dir/b"
cp -a "$dir/a/closed" "$dir/a/names" "$dir/b/"
chmod -R u+rwx "$dir/b"
find "$dir/b" -type f -exec setfattr -n user.old -v x {} + 2>/dev/null || true
find "$dir/b" -type d -exec setfacl -d -m u:1234:rwx {} + 2>/dev/null || true
"$copytree" "$dir/a" "$dir/b"
same "over another"

command -v rsync >/dev/null || exit 77
# rsync cannot read paths beyond PATH_MAX, and cannot tell 8 TiB of zeros from
# others in useful time.
echo "-- rsync"
said=$(rsync -aHAXSn --checksum --itemize-changes --delete --exclude=/deep --exclude=8TiB "$dir/a/" "$dir/b/")
[ -z "$said" ] || { echo "$said"; exit 1; }
