#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# restore --to: a disk goes back to anything bit for bit, goes on after every cut, and says so where it cannot.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/nbd_servers.sh"

LOOPS=
MOUNTS=
cleanup_all() {
    cleanup_servers
    for m in $MOUNTS; do umount "$m" 2>/dev/null; done
    MOUNTS=
    for l in $LOOPS; do losetup -d "$l" 2>/dev/null; done
    LOOPS=
    cleanup
}
trap cleanup_all EXIT
# serve ARG…: an nbdkit that can be written
serve() { serve_nbdkit "$@"; }
SIZE=$((192 << 20))

# restore WORD…: --json, must succeed; then `field summary …`
restore() { expect_status 0 "$ABRI" --json restore "$@"; }
same() { cmp "$1" "$2" || fail "$2 is not $1"; }
same_image() { qemu-img compare -f raw -F "$2" "$DISK" "$1" >"$T/cmp" 2>&1 || { cat "$T/cmp"; fail "$1 differs"; }; }
refused() { # STATUS PATTERN WORD…: one clear line
    wanted=$1 pattern=$2
    shift 2
    expect_status "$wanted" "$ABRI" restore "$@"
    expect_one_error
    expect_grep "$pattern" "$T/err"
}
# The export at $T/s, as a file.
# poke COMMAND…: of qemu-io, on the export.
poke() {
    for one in "$@"; do
        qemu-io -f raw -c "$one" "$URI" >"$T/io" 2>&1 || fail "qemu-io $one"
    done
}
fetch_export() { nbdcopy "$URI" "$1" || fail nbdcopy; }

make_vault
DISK="$T/disk.img"
/usr/bin/python3 - "$DISK" $SIZE <<'E2'
import random, sys
r = random.Random(85)
print("seed 85")
size = int(sys.argv[2])
with open(sys.argv[1], "wb") as f:
    f.truncate(size)
    for i in range(20):
        f.seek(r.randrange(0, size - (6 << 20)) & ~511)
        f.write(r.randbytes(r.randrange(1, 5 << 20)))
    f.seek(size - 512)
    f.write(b"the last sector")
    f.truncate(size)
E2
settle
backup_json --disk "vda=$DISK"

step 'a raw file: sparse, and bit for bit'
restore latest --to "$T/r.img"
same "$DISK" "$T/r.img"
used_k() { du -k "$1" | cut -f1; }
[ "$(used_k "$T/r.img")" -le $(($(field summary disk_bytes_written) / 1024 + 64)) ] || fail 'it is not sparse'
expect_equal "$(field summary disk_bytes)" $SIZE
expect_equal $(($(field summary disk_bytes_written) + $(field summary disk_bytes_zero))) $SIZE
[ "$(field summary disk_bytes_zero)" -gt $((80 << 20)) ] || fail 'nothing was empty'
expect_equal "$(field summary resumed)" false
expect_equal "$(field summary format)" raw

step 'a file that is there needs a word'
refused 1 'it exists' latest --to "$T/r.img"
refused 1 'it exists' latest --to "$T/r.img" --overwrite never
refused 1 'it exists' latest --to "$T/r.img" --dry-run
echo junk >"$T/r.img"
restore latest --to "$T/r.img" --overwrite always --verify
same "$DISK" "$T/r.img"
expect_equal "$(field summary disk_bytes_verified)" $SIZE

step 'every format that QEMU writes'
for kind in qcow2 vmdk vhdx vdi qcow vhd; do
    format=$kind
    [ $kind = vhd ] && format=vpc
    restore latest:vda --to "$T/r.$kind" --verify
    expect_equal "$(field summary format)" $format
    same_image "$T/r.$kind" $format
    [ "$(used_k "$T/r.$kind")" -le $((120 << 10)) ] || fail "$kind is not sparse"
    restore latest:vda --to "$T/r.$kind" --delta
    expect_equal "$(field summary disk_bytes_written)" 0 "$kind"
    rm -f "$T/r.$kind"
done
restore latest:disks/vda --to "$T/r.bin" --format qcow2
same_image "$T/r.bin" qcow2
rm -f "$T/r.bin"

step 'an image that is smaller is refused, one that is larger keeps its end'
qemu-img create -q -f qcow2 "$T/r.qcow2" 100M
refused 2 'it is too small' latest --to "$T/r.qcow2" --delta
qemu-img create -q -f qcow2 "$T/r.qcow2" 200M
qemu-io -f qcow2 -c 'write -P 9 0 200M' "$T/r.qcow2" >"$T/io"
restore latest --to "$T/r.qcow2" --delta --verify
expect_equal "$(field summary target_bytes)" $((200 << 20))
qemu-img convert -f qcow2 -O raw "$T/r.qcow2" "$T/r.raw"
cmp -n $SIZE "$DISK" "$T/r.raw" || fail 'differs'
qemu-io -r -f qcow2 -c 'read -P 9 192M 8M' "$T/r.qcow2" | grep -q 'verification failed' && fail 'the end was touched'
rm -f "$T/r.raw" "$T/r.qcow2"

step '--delta writes what differs and nothing else'
cp "$DISK" "$T/d.img"
/usr/bin/python3 - "$T/d.img" $SIZE <<'E2'
import sys
with open(sys.argv[1], "r+b") as f:
    for at in (0, 5 << 20, (60 << 20) + 77, 100 << 20, int(sys.argv[2]) - 512):
        f.seek(at)
        f.write(b"changed")
E2
restore latest --to "$T/d.img" --delta
same "$DISK" "$T/d.img"
[ "$(field summary disk_bytes_written)" -le $((5 << 20)) ] || fail 'too much was written'
[ "$(field summary disk_bytes_left)" -gt $((30 << 20)) ] || fail 'nothing was left'
expect_equal $(($(field summary disk_bytes_written) + $(field summary disk_bytes_left) + $(field summary disk_bytes_zero))) $SIZE
restore latest --to "$T/d.img" --delta --verify
expect_equal "$(field summary disk_bytes_written)" 0
head -c $SIZE /dev/urandom >"$T/d.img"
restore latest --to "$T/d.img" --delta --dry-run
expect_equal $(($(field summary disk_bytes_written) + $(field summary disk_bytes_zero))) $SIZE
cmp -s "$DISK" "$T/d.img" && fail 'a dry run wrote'
restore latest --to "$T/d.img" --delta
same "$DISK" "$T/d.img"

step '--delta onto a longer and a shorter file'
cp "$DISK" "$T/d.img"
head -c 1000000 /dev/urandom >>"$T/d.img"
restore latest --to "$T/d.img" --delta
same "$DISK" "$T/d.img"
expect_equal "$(field summary disk_bytes_written)" 0
truncate -s 70000001 "$T/d.img"
restore latest --to "$T/d.img" --delta --dry-run
[ "$(field summary disk_bytes_written)" -gt 0 ] || fail 'nothing would be written'
restore latest --to "$T/d.img" --delta
same "$DISK" "$T/d.img"
rm -f "$T/d.img"

step 'NBD: memory that was full of something else'
serve memory 192M
poke 'write -P 106 0 192M'
restore latest --to "$URI" --verify
fetch_export "$T/n.img"
same "$DISK" "$T/n.img"
expect_equal "$(field summary format)" nbd
poke 'write -P 106 8192 4096' 'write -P 107 191M 512'
restore latest --to "$URI" --delta
[ "$(field summary disk_bytes_written)" -le $((2 << 20)) ] || fail 'too much was written'
fetch_export "$T/n.img"
same "$DISK" "$T/n.img"

step 'NBD: one connection, whole and small blocks only, no zeros, no map'
backup_json --host odd --disk "odd=$DISK"
head -c 10000001 "$DISK" >"$T/odd.img"
head -c 500 /dev/urandom >>"$T/odd.img"
settle
backup_json --host odd --disk "odd=$T/odd.img"
head -c $((16 << 20)) /dev/urandom >"$T/was.img"
cp "$T/was.img" "$T/now.img"
serve --filter=noextents --filter=noparallel --filter=nozero --filter=blocksize-policy file "$T/now.img" \
    blocksize-minimum=4096 blocksize-preferred=4096 blocksize-maximum=65536 blocksize-error-policy=error
restore latest:odd --to "$URI" --verify
cleanup_servers
cmp -n 10000501 "$T/odd.img" "$T/now.img" || fail 'differs'
cmp -i 10000501 "$T/was.img" "$T/now.img" || fail 'what is behind the end was touched'
restore latest:odd --to "$T/o.qcow2"
qemu-img convert -f qcow2 -O raw "$T/o.qcow2" "$T/o.img"
cmp -n 10000501 "$T/odd.img" "$T/o.img" || fail 'differs'
rm -f "$T/o.qcow2" "$T/o.img" "$T/was.img" "$T/now.img"

step 'NBD: qemu-nbd, a server for reading only, one that is too small'
qemu-img create -q -f qcow2 "$T/q.qcow2" 192M
rm -f "$T/s"
qemu-nbd -t -e 16 -f qcow2 -k "$T/s" "$T/q.qcow2" &
SERVERS=$!
listening "$T/s" $!
first=$("$ABRI" --json snapshots | jq -r 'select(.message_type == "snapshot") | .id' | head -n 1)
[ -n "$first" ] || fail 'no snapshot'
restore "$first" --to "$URI"
cleanup_servers
same_image "$T/q.qcow2" qcow2
rm -f "$T/q.qcow2"
serve -r memory 192M
refused 1 'for reading only' "$first" --to "$URI"
serve memory 191M
refused 2 'it is too small' "$first" --to "$URI"
refused 2 'leave out --format' "$first" --to "$URI" --format qcow2
cleanup_servers
refused 14 'target' "$first" --to "$URI"
SNAP=$first

step 'block devices'
if [ "$IS_ROOT" = yes ]; then
    truncate -s 200M "$T/l.img"
    printf tail | dd of="$T/l.img" bs=1 seek=$((199 << 20)) conv=notrunc status=none
    head -c 3000000 /dev/urandom | dd of="$T/l.img" bs=64k seek=900 conv=notrunc status=none
fi
if [ "$IS_ROOT" = yes ] && loop=$(losetup -f --show "$T/l.img" 2>/dev/null); then
    LOOPS=$loop
    restore "$SNAP" --to "$loop" --verify
    expect_equal "$(field summary target_bytes)" $((200 << 20))
    cmp -n $SIZE "$DISK" "$loop" || fail 'differs'
    expect_equal "$(dd if="$loop" bs=1 skip=$((199 << 20)) count=4 status=none)" tail
    restore "$SNAP" --to "$loop" --delta
    expect_equal "$(field summary disk_bytes_written)" 0
    refused 2 'a block device is written raw' "$SNAP" --to "$loop" --format qcow2
    mkfs.ext4 -q "$loop" && mkdir "$T/mnt" && mount "$loop" "$T/mnt" || fail mount
    MOUNTS="$T/mnt"
    refused 11 'it is in use' "$SNAP" --to "$loop"
    umount "$T/mnt"
    MOUNTS=
    losetup -d "$loop"
    LOOPS=
    truncate -s 100M "$T/l.img"
    loop=$(losetup -f --show -r "$T/l.img") || fail losetup
    LOOPS=$loop
    refused 1 'for reading only' "$SNAP" --to "$loop"
    losetup -d "$loop"
    loop=$(losetup -f --show "$T/l.img") || fail losetup
    LOOPS=$loop
    refused 2 'it is too small' "$SNAP" --to "$loop"
    losetup -d "$loop"
    LOOPS=
fi

step 'several disks of one machine'
qemu-img convert -O qcow2 "$DISK" "$T/root.qcow2"
backup_json --host web --disk "root=$T/root.qcow2" --disk "data=$T/odd.img"
refused 2 'several disks (data, root)' latest --to "$T/x.img"
[ -e "$T/x.img" ] && fail 'a file was made'
restore latest --to "$T/both/"
same "$DISK" "$T/both/root"
same "$T/odd.img" "$T/both/data"
restore latest --to "$T/both" --format qcow2
same_image "$T/both/root.qcow2" qcow2
refused 1 'it exists' latest --to "$T/both"
restore latest --to "$T/both" --delta
expect_equal "$(field summary disk_bytes_written)" 0
rm -rf "$T/both" && mkdir "$T/both"
ln -s "$T/secret" "$T/both/data"
refused 1 'is no file' latest --to "$T/both" --delta
rm -rf "$T/both"

step 'wrong names'
refused 1 "no disk 'sda'; it has: data, root" latest:sda --to "$T/x.img"
refused 1 "no disk 'disks'" latest:disks --to "$T/x.img"
refused 2 '--to' latest --to ''
refused 2 "is none of" latest:root --to "$T/x.img" --format ova
refused 1 'nowhere' latest:root --to "$T/nowhere/x.img"
mkfifo "$T/pipe"
refused 2 'neither a file nor a block device' latest:root --to "$T/pipe" --delta
refused 2 'go with --to' latest --target "$T/x" --delta
refused 2 'are for files' latest --to "$T/x" --include x
refused 2 'are for files' latest --to "$T/x" --target "$T/x"
refused 2 'leave out --overwrite' latest --to "$T/x" --delta --overwrite always
refused 2 'always or never' latest --to "$T/x" --overwrite if-newer
mkdir "$T/plain"
echo hi >"$T/plain/a"
backup_json "$T/plain"
echo ho >"$T/plain/b"
backup_json "$T/plain"
refused 1 'no disks but 2 files' latest --to "$T/x.img"
restore "latest:$T/plain/a" --to "$T/x.img"
expect_equal "$(cat "$T/x.img")" hi
rm -f "$T/x.img"

# ---- cuts ----
# A server that does something when a certain place is written: $T/hook at the first write at or behind $T/at.
cat >"$T/pwrite" <<'E2'
if [ -e "$T/at" ] && [ "$4" -ge "$(cat "$T/at")" ]; then rm -f "$T/at"; . "$T/hook"; fi
dd of="$T/server.img" bs=1M oflag=seek_bytes seek="$4" conv=notrunc iflag=fullblock status=none
E2
# hooked HOOK OFFSET: arms it
hooked() {
    echo "$1" >"$T/hook"
    echo "$2" >"$T/at"
}
serve_hooked() {
    serve --pidfile "$T/server.pid" eval get_size="echo $SIZE" can_write='exit 0' can_flush='exit 0' flush='exit 0' can_zero='exit 0' \
        pread="dd if='$T/server.img' bs=1M iflag=skip_bytes,count_bytes,fullblock skip=\$4 count=\$3 status=none" \
        zero="fallocate -p -o \$4 -l \$3 '$T/server.img'" pwrite=". '$T/pwrite'"
}
export T
# The program, whose number is in $T/abri.pid.
numbered() { sh -c 'echo $$ >"$T/abri.pid"; exec "$@"' sh "$ABRI" "$@"; }
fresh_server() {
    cleanup_servers
    head -c $SIZE /dev/zero | tr '\0' j >"$T/server.img"
    serve_hooked
}

step 'kill -9 in several places: each time it goes on where it was'
fresh_server
for at in 10 40 70 110 150; do
    # shellcheck disable=SC2016 # for the hook
    hooked 'kill -9 $(cat "$T/abri.pid")' $((at << 20))
    numbered --json restore "$SNAP" --to "$URI" --sync-every 8M >"$T/out" 2>"$T/err"
    expect_equal "$?" 137
    [ -e "$T/at" ] && fail 'nobody was killed'
done
expect_status 0 "$ABRI" --json restore "$SNAP" --to "$URI" --sync-every 8M
expect_equal "$(field summary resumed)" true
[ "$(field summary resumed_at)" -ge $((100 << 20)) ] || fail 'it did not go on far enough'
expect_equal $(($(field summary resumed_at) + $(field summary disk_bytes_written) + $(field summary disk_bytes_zero))) $SIZE
expect_no_grep notice "$T/err"
same "$DISK" "$T/server.img"
step '… and when it is over it is over'
restore "$SNAP" --to "$URI"
expect_equal "$(field summary resumed)" false

step 'another thing is at the same address: all is written again'
fresh_server
# shellcheck disable=SC2016 # for the hook
hooked 'kill -9 $(cat "$T/abri.pid")' $((150 << 20))
numbered --json restore "$SNAP" --to "$URI" --sync-every 8M >"$T/out" 2>"$T/err"
[ -e "$T/at" ] && fail 'nobody was killed'
fresh_server
restore "$SNAP" --to "$URI" --sync-every 8M
expect_grep 'does not hold what an interrupted restore wrote' "$T/err"
expect_equal "$(field summary resumed)" false
same "$DISK" "$T/server.img"

step 'a server that goes away'
fresh_server
# shellcheck disable=SC2016 # for the hook
hooked 'kill -9 $(cat "$T/server.pid")' $((120 << 20))
refused 14 'are safe, the same command goes on there' "$SNAP" --to "$URI" --sync-every 8M
cleanup_servers
serve_hooked
restore "$SNAP" --to "$URI" --sync-every 8M --verify
expect_equal "$(field summary resumed)" true
same "$DISK" "$T/server.img"

step '^C'
fresh_server
# shellcheck disable=SC2016 # for the hook
hooked 'kill -INT $(cat "$T/abri.pid")' $((120 << 20))
numbered restore "$SNAP" --to "$URI" --sync-every 8M >"$T/out" 2>"$T/err"
expect_equal "$?" 130
expect_one_error
restore "$SNAP" --to "$URI" --sync-every 8M
expect_equal "$(field summary resumed)" true
same "$DISK" "$T/server.img"

step 'a write that is refused'
fresh_server
hooked 'cat >/dev/null; echo EIO >&2; exit 1' $((120 << 20))
refused 1 'at byte [0-9]*: write: Input/output error' "$SNAP" --to "$URI" --sync-every 8M
restore "$SNAP" --to "$URI" --sync-every 8M
same "$DISK" "$T/server.img"
cleanup_servers
rm -f "$T/server.img"

step 'no space: a file, an image; the same command goes on'
if [ "$IS_ROOT" = yes ] && mkdir -p "$T/small" && mount -t tmpfs -o size=40m none "$T/small" 2>/dev/null; then
    MOUNTS="$T/small"
    for kind in img qcow2 vdi; do
        mount -o remount,size=40m "$T/small"
        refused 1 'safe.*No space left' "$SNAP" --to "$T/small/r.$kind" --sync-every 8M
        mount -o remount,size=400m "$T/small"
        restore "$SNAP" --to "$T/small/r.$kind" --sync-every 8M --verify
        expect_equal "$(field summary resumed)" true $kind
        [ "$(field summary resumed_at)" -gt 0 ] || fail "$kind began again"
        if [ $kind = img ]; then same "$DISK" "$T/small/r.img"; else same_image "$T/small/r.$kind" $kind; fi
        rm -f "$T/small/r.$kind"
    done
    umount "$T/small"
    MOUNTS=
fi

step 'kill -9 while an image is written'
for kind in img qcow2 vhdx vmdk vdi; do
    rm -rf "$T/k.$kind" "$ABRI_CACHE_DIR"/*/restores "$ABRI_CACHE_DIR"/restores
    numbered restore "$SNAP" --to "$T/k.$kind" --sync-every 1M --threads 1 >"$T/out" 2>"$T/err" &
    until find "$ABRI_CACHE_DIR" -path '*/restores/*' -size +0 2>/dev/null | grep -q .; do kill -0 $! 2>/dev/null || break; done
    kill -9 "$(cat "$T/abri.pid")" 2>/dev/null
    wait $!
    if [ $? = 137 ]; then
        restore "$SNAP" --to "$T/k.$kind" --verify
        # A VHDX that was cut off is made anew.
        expect_equal "$(field summary resumed)" "$([ $kind = vhdx ] && echo false || echo true)" $kind
    fi
    if [ $kind = img ]; then same "$DISK" "$T/k.img"; else same_image "$T/k.$kind" $kind; fi
    rm -f "$T/k.$kind"
done
rm -rf "$T"/abri-?????? # sockets of those that were killed

# ---- others who hold it ----
step 'an image that a running machine uses'
for kind in raw qcow2; do
    qemu-img create -q -f $kind "$T/busy.$kind" 192M
    rm -f "$T/s"
    qemu-nbd -t -f $kind -k "$T/s" "$T/busy.$kind" &
    SERVERS=$!
    listening "$T/s" $!
    refused 11 'a running machine uses it' "$SNAP" --to "$T/busy.$kind" --delta
    refused 11 'a running machine uses it\|holds it' "$SNAP" --to "$T/busy.$kind" --overwrite always
    cleanup_servers
    rm -f "$T/busy.$kind"
done

step 'images that name what is not theirs'
echo secret >"$T/secret"
truncate -s $SIZE "$T/secret"
sum=$(sha256sum <"$T/secret")
untouched() { expect_equal "$(sha256sum <"$T/secret")" "$sum" 'another file was written'; }
qemu-img create -q -f qcow2 -b "$T/secret" -F raw "$T/evil.qcow2" $SIZE
refused 13 'it names the file .*secret.*--backing' "$SNAP" --to "$T/evil.qcow2" --delta
untouched
mkdir "$T/base"
cp "$DISK" "$T/base/base.img"
base_sum=$(sha256sum <"$T/base/base.img")
qemu-img create -q -f qcow2 -b "$T/base/base.img" -F raw "$T/child.qcow2"
qemu-io -f qcow2 -c 'write -P 5 3M 2M' "$T/child.qcow2" >"$T/io"
restore "$SNAP" --to "$T/child.qcow2" --delta --backing "$T/base"
[ "$(field summary disk_bytes_written)" -le $((4 << 20)) ] || fail 'too much was written'
same_image "$T/child.qcow2" qcow2
expect_equal "$(sha256sum <"$T/base/base.img")" "$base_sum" 'the base was written'
rm -f "$T/evil.qcow2" "$T/child.qcow2"
qemu-img create -q -f qcow2 -o data_file="$T/base/data.raw" "$T/evil.qcow2" $SIZE
refused 13 'data.raw' "$SNAP" --to "$T/evil.qcow2" --delta
refused 13 'keeps its content in the file' "$SNAP" --to "$T/evil.qcow2" --delta --backing "$T/base"
restore "$SNAP" --to "$T/evil.qcow2" --overwrite always
same_image "$T/evil.qcow2" qcow2
printf '# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW %d FLAT "evil-flat.vmdk" 0\nddb.adapterType = "ide"\n' $((SIZE / 512)) >"$T/evil.vmdk"
ln -s "$T/secret" "$T/evil-flat.vmdk"
expect_status 1 "$ABRI" restore "$SNAP" --to "$T/evil.vmdk" --delta
expect_one_error
rm "$T/evil-flat.vmdk"
ln "$T/secret" "$T/evil-flat.vmdk"
expect_status 1 "$ABRI" restore "$SNAP" --to "$T/evil.vmdk" --delta
untouched
rm "$T/evil-flat.vmdk"
head -c $SIZE /dev/urandom >"$T/evil-flat.vmdk"
cp "$T/evil-flat.vmdk" "$T/evil-flat.vmdk.other"
restore "$SNAP" --to "$T/evil.vmdk" --delta
same "$DISK" "$T/evil-flat.vmdk"
cp "$DISK" "$T/guest.img"
qemu-img create -q -f qcow2 -b "$T/secret" -F raw "$T/evil.qcow2" $SIZE
dd if="$T/evil.qcow2" of="$T/guest.img" conv=notrunc status=none
refused 2 'its name says raw, its head qcow2' "$SNAP" --to "$T/guest.img" --delta
restore "$SNAP" --to "$T/guest.img" --delta --format raw
same "$DISK" "$T/guest.img"
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized "$T/evil-flat.vmdk.other" "$T/so.vmdk"
refused 1 'cannot be changed' "$SNAP" --to "$T/so.vmdk" --delta
rm -f "$T"/evil* "$T/guest.img" "$T/so.vmdk" "$T/secret"

# ---- damage ----
step 'a damaged vault: the rest is written, the ranges are named, and it is a failure'
cp -a "$T/vault" "$T/sound"
/usr/bin/python3 - "$T/vault/packs" <<'E2'
import os, random, sys
r = random.Random(7)
print("seed 7")
packs = sorted(((os.path.getsize(p), p) for d, _, n in os.walk(sys.argv[1]) for p in (os.path.join(d, x) for x in n)))
size, path = packs[-1]
os.chmod(path, 0o600)
with open(path, "r+b") as f:
    for i in range(3):
        f.seek(size // 5 * (i + 1))
        f.write(r.randbytes(40))
E2
expect_status 1 "$ABRI" --json restore "$SNAP" --to "$T/bad.img"
expect_grep 'bytes [0-9]* to [0-9]*' "$T/err"
expect_grep 'are damaged in the vault' "$T/err"
damaged=$(field summary disk_bytes_damaged)
[ "$damaged" -gt 0 ] && [ "$damaged" -lt $((6 << 20)) ] || fail "$damaged bytes damaged"
/usr/bin/python3 - "$DISK" "$T/bad.img" "$T/err" <<'E2' || fail 'not only the named ranges differ'
import re, sys
a, b = open(sys.argv[1], "rb").read(), bytearray(open(sys.argv[2], "rb").read())
ranges = [(int(x), int(y)) for x, y in re.findall(r"bytes (\d+) to (\d+)", open(sys.argv[3]).read())]
assert ranges
for x, y in ranges:
    assert not any(b[x:y]), "not zeros"
    b[x:y] = a[x:y]
assert a == b
E2
refused 1 'it exists' "$SNAP" --to "$T/bad.img"
expect_status 3 "$ABRI" restore "$SNAP" --to "$T/bad.img" --overwrite always --allow-damage --verify
head -c $SIZE /dev/urandom >"$T/bad2.img"
expect_status 1 "$ABRI" restore "$SNAP" --to "$T/bad2.img" --delta
cp "$DISK" "$T/bad2.img"
expect_status 0 "$ABRI" restore "$SNAP" --to "$T/bad2.img" --delta
same "$DISK" "$T/bad2.img"
serve memory 192M
poke 'write -P 106 0 192M'
expect_status 3 "$ABRI" restore "$SNAP" --to "$URI" --allow-damage
fetch_export "$T/bad2.img"
same "$T/bad.img" "$T/bad2.img"
cleanup_servers
rm -rf "$T/vault"
mv "$T/sound" "$T/vault"
restore "$SNAP" --to "$T/bad.img" --delta
expect_equal "$(field summary disk_bytes_written)" "$damaged"
same "$DISK" "$T/bad.img"

step 'a vault on a server'
if [ -x "$(dirname "$ABRI")/abrid" ]; then
    . "$(dirname "$0")/server.sh"
    trap '[ -z "$SERVER_PID" ] || kill -9 "$SERVER_PID" 2>/dev/null; cleanup_all' EXIT
    server_with_tenant
    enrol_machine web '"restore":true'
    expect_status 0 as web --json backup --disk "vda=$DISK"
    expect_status 0 as web --json restore latest --to "$T/far.qcow2" --verify
    same_image "$T/far.qcow2" qcow2
    qemu-io -f qcow2 -c 'write -P 1 3M 64k' "$T/far.qcow2" >"$T/io"
    expect_status 0 as web --json restore latest --to "$T/far.qcow2" --delta
    [ "$(field summary disk_bytes_written)" -le $((1 << 20)) ] || fail 'too much was fetched'
    same_image "$T/far.qcow2" qcow2
    rm -f "$T/far.qcow2"
    server_stop
fi

step 'nothing stays behind'
rm -f "$T/bad.img" "$T/bad2.img"
expect_equal "$(find "$T" -maxdepth 1 -name 'abri-??????' | wc -l)" 0 'directories of sockets'
expect_equal "$(find "$ABRI_CACHE_DIR" -path '*/restores/*' | wc -l)" 0 'notes'
