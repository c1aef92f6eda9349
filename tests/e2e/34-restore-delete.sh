#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# restore --delete makes the target what the snapshot is, and touches nothing
# that the snapshot cannot speak for. rsync judges.
. "$(dirname "$0")/lib.sh"

make_vault
S="$T/src"
mkdir -p "$S/etc/ssh" "$S/var/log" "$S/empty"
for f in etc/hosts etc/a.conf etc/ssh/key var/log/one var/log/two a a.b; do echo "$f" >"$S/$f"; done
ln -s etc "$S/link"
touch -d '2004-05-06' "$S/etc" "$S/var/log" "$S"
expect_status 0 "$ABRI" backup "$S"
judge() { # source target
    rsync -naHAX --delete --itemize-changes --checksum "$1/" "$2/" >"$T/rsync" 2>&1 || fail rsync
    [ ! -s "$T/rsync" ] || { cat "$T/rsync" >&2; fail 'rsync sees differences'; }
}
R="$T/r"
spoil() {
    rm -rf "$R"
    expect_status 0 "$ABRI" restore "latest:$S" -t "$R"
    mkdir -p "$R/etc/extra/deep/er" "$R/zz" "$R/var/log/one.d" "$R/outside"
    echo x >"$R/etc/extra/deep/er/file"
    echo x >"$R/etc/b.conf"
    echo x >"$R/0first"
    echo x >"$R/a-"
    echo x >"$R/a0"
    echo x >"$R/zz/last"
    ln -s "$T/precious" "$R/zz/dangling"
    ln -s "$T/precious" "$R/etc/outside"
    rm "$R/a" && mkdir -p "$R/a/is/now/a" && echo x >"$R/a/is/dir"
    rm -r "$R/var/log" && echo x >"$R/var/log"
    rm -r "$R/empty" && ln -s "$T/precious" "$R/empty"
}
mkdir "$T/precious"
echo precious >"$T/precious/file"

step 'a dry run lists what would go, and removes nothing'
spoil
find "$R" -printf '%p %T@\n' | sort >"$T/before"
expect_status 0 "$ABRI" restore "latest:$S" -t "$R" --delete --dry-run
find "$R" -printf '%p %T@\n' | sort >"$T/after"
cmp "$T/before" "$T/after" || fail 'the dry run changed something'
sed -n 's/^delete //p' "$T/out" | LC_ALL=C sort >"$T/foreseen"

step 'the target becomes the snapshot'
expect_status 0 "$ABRI" -v restore "latest:$S" -t "$R" --delete
sed -n 's/^delete //p' "$T/out" | LC_ALL=C sort >"$T/deleted"
cmp "$T/foreseen" "$T/deleted" || fail 'another list than the dry run gave'
judge "$S" "$R"
expect_equal "$(cat "$T/precious/file")" precious 'a link was followed'
expect_status 0 "$ABRI" restore "latest:$S" -t "$R" --delete
expect_grep '^deleted 0 names' "$T/out"

step 'include and exclude spare what they do not select'
spoil
expect_status 0 "$ABRI" restore "latest:$S" -t "$R" --delete --exclude deep --exclude /"${S#/}"/zz
[ -e "$R/etc/extra/deep/er/file" ] || fail 'excluded, but gone'
[ -e "$R/zz/last" ] || fail 'an excluded directory is gone'
[ -e "$R/etc/b.conf" ] && fail 'b.conf is still there'
spoil
rm -rf "$R/a" "$R/var/log"
expect_status 0 "$ABRI" restore "latest:$S" -t "$R" --delete --include '*.conf'
[ -e "$R/etc/b.conf" ] && fail 'selected, but not removed'
[ -e "$R/0first" ] || fail 'removed what was not selected'
[ -e "$R/etc/extra/deep/er/file" ] || fail 'removed what was not selected, deep down'

step 'whole paths: only at and below what was backed up'
W="$T/whole"
expect_status 0 "$ABRI" restore latest -t "$W"
echo mine >"$W/other"
echo mine >"$W${T}/other"
echo not-mine >"$W$S/other"
expect_status 0 "$ABRI" restore latest -t "$W" --delete
[ -e "$W/other" ] && [ -e "$W$T/other" ] || fail 'removed beside what was backed up'
[ -e "$W$S/other" ] && fail 'still there'
judge "$S" "$W$S"

step 'without --delete nothing goes'
spoil
rm -rf "$R/a" "$R/var/log" "$R/empty"
expect_status 0 "$ABRI" restore "latest:$S" -t "$R"
[ -e "$R/etc/extra/deep/er/file" ] && [ -e "$R/0first" ] || fail 'something went'

step 'a single file takes nothing along'
expect_status 0 "$ABRI" restore "latest:$S/etc/hosts" -t "$R/etc" --delete
[ -e "$R/etc/b.conf" ] || fail 'neighbours went'

step 'neither the vault nor keys nor caches, wherever they lie'
spoil
mkdir -p "$R/backup"
cp -a "$T/vault" "$R/backup/vault"
cp -a "$T/config" "$R/backup/config"
expect_status 3 env ABRI_CONFIG_DIR="$R/backup/config" "$ABRI" -r "$R/backup/vault" restore "latest:$S" -t "$R" --delete
expect_grep 'it stays\|but stays' "$T/err"
expect_status 0 env ABRI_CONFIG_DIR="$R/backup/config" "$ABRI" -r "$R/backup/vault" check
[ -d "$R/backup/config/writers" ] || fail 'keys were removed'
[ -e "$R/0first" ] && fail 'the rest was not removed'

step 'mount points are not crossed'
if [ "$IS_ROOT" = yes ] && mkdir -p "$T/m" && mount -t tmpfs none "$T/m" 2>/dev/null; then
    MOUNTS="$T/m"
    umount "$T/m"
    spoil
    mkdir -p "$R/etc/extra/mnt" "$R/etc/bind"
    mount -t tmpfs none "$R/etc/extra/mnt"
    mount --bind "$T/precious" "$R/etc/bind"
    MOUNTS="$R/etc/extra/mnt $R/etc/bind"
    echo there >"$R/etc/extra/mnt/file"
    expect_status 3 "$ABRI" restore "latest:$S" -t "$R" --delete
    expect_equal "$(cat "$R/etc/extra/mnt/file")" there
    expect_equal "$(cat "$T/precious/file")" precious
    [ -e "$R/etc/extra/deep" ] && fail 'beside the mount point it stayed'
    umount "$R/etc/extra/mnt" "$R/etc/bind"
fi

step 'what is easily meant otherwise takes a second word'
expect_status 2 "$ABRI" restore latest -t / --delete
expect_one_error
expect_status 2 "$ABRI" restore latest -t "$R/../../../../../../../.." --delete
expect_status 2 "$ABRI" restore latest -t "$R" --really-delete
if [ "$IS_ROOT" = no ]; then
    chmod 0 "$S/a"
    expect_status 3 "$ABRI" backup "$S"
    expect_status 2 "$ABRI" restore "latest:$S" -t "$R" --delete
    expect_status 0 "$ABRI" restore "latest:$S" -t "$R" --delete --really-delete
fi
