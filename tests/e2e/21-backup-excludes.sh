#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every option that leaves something out leaves out that, and nothing else.
. "$(dirname "$0")/lib.sh"

make_vault
mkdir -p "$T/src/a/b" "$T/src/cache" "$T/src/fake-cache" "$T/src/skip" "$T/src/keep"
for f in x.tmp y.TMP a/z.tmp a/b/deep.log a/b/keep.tmp top.log skip/inside keep/inside \
    cache/object fake-cache/object; do
    echo "$f" >"$T/src/$f"
done
printf 'Signature: 8a477f597d28d172789f06886806bc55\n' >"$T/src/cache/CACHEDIR.TAG"
printf 'not the signature\n' >"$T/src/fake-cache/CACHEDIR.TAG"
echo marked >"$T/src/skip/.nobackup"
echo other >"$T/src/keep/.nobackup"
head -c 50000 /dev/zero >"$T/src/a/large"

# with OPTION…: names in a snapshot made so
with() {
    expect_status 0 "$ABRI" -q backup "$T/src" "$@"
    names=" $(names_of "$T/src")"
}
has() { for n in "$@"; do case $names in *" $n "*) ;; *) fail "$n is missing in:$names" ;; esac; done; }
lacks() { for n in "$@"; do case $names in *" $n "*) fail "$n is in:$names" ;; esac; done; }

step --exclude
with --exclude '*.tmp'
lacks x.tmp a/z.tmp a/b/keep.tmp
has y.TMP a/large top.log skip/inside
with -e '*.tmp' -e '!keep.tmp'
lacks x.tmp a/z.tmp
has a/b/keep.tmp
with --exclude="$T/src/a"
lacks a a/large a/b/deep.log
has top.log
with -e 'a/**/deep.log'
lacks a/b/deep.log
has a/b/keep.tmp top.log

step --iexclude
with --iexclude '*.tmp'
lacks x.tmp y.TMP a/z.tmp
has top.log

step --exclude-file
printf '# comment\n*.log\n\n  skip  \n' >"$T/patterns"
with --exclude-file "$T/patterns"
lacks top.log a/b/deep.log skip skip/inside
has x.tmp y.TMP keep/inside
step --iexclude-file
printf 'X.TMP\nY.tmp\n' >"$T/patterns"
with --iexclude-file "$T/patterns"
lacks x.tmp y.TMP
has a/z.tmp
step 'order of the command line'
printf '!x.tmp\n' >"$T/patterns"
with -e '*.tmp' --exclude-file "$T/patterns"
has x.tmp
lacks a/z.tmp
with --exclude-file "$T/patterns" -e '*.tmp'
lacks x.tmp

step --exclude-caches
with --exclude-caches
lacks cache/object
has fake-cache/object cache fake-cache/CACHEDIR.TAG

step --exclude-if-present
with --exclude-if-present .nobackup
lacks skip/inside keep/inside
has top.log
with --exclude-if-present .nobackup:marked
lacks skip/inside
has keep/inside

step --exclude-larger-than
with --exclude-larger-than 40K
lacks a/large
has top.log
with --exclude-larger-than 50000
has a/large

step --one-file-system
if [ "$IS_ROOT" = yes ] && mkdir "$T/src/mnt" && mount -t tmpfs none "$T/src/mnt" 2>/dev/null; then
    MOUNTS="$T/src/mnt"
    echo there >"$T/src/mnt/other"
    with
    has mnt/other
    with -x
    lacks mnt/other
    has top.log
    umount "$T/src/mnt"
fi

step 'the vault itself is never saved'
expect_status 0 "$ABRI" -q backup "$T"
expect_status 0 "$ABRI" ls "latest:$T"
expect_no_grep "$T/vault/packs" "$T/out"
expect_grep "$T/src/top.log" "$T/out"

step 'what makes no sense is refused'
expect_status 2 "$ABRI" backup "$T/src" --exclude '[a'
expect_one_error
expect_status 2 "$ABRI" backup "$T/src" --exclude ''
expect_status 2 "$ABRI" backup "$T/src" --exclude-larger-than many
expect_status 1 "$ABRI" backup "$T/src" --exclude-file "$T/none"
expect_one_error
