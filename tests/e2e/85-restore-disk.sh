#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# restore --to: a disk goes back to anything bit for bit, goes on after every cut, and says so where it cannot.
. "$(dirname "$0")/lib.sh"

SERVERS=
LOOPS=
MOUNTS=
cleanup_servers() { for p in $SERVERS; do kill "$p" 2>/dev/null; wait "$p" 2>/dev/null; done; SERVERS=; }
cleanup_all() {
    cleanup_servers
    for m in $MOUNTS; do umount "$m" 2>/dev/null; done
    MOUNTS=
    for l in $LOOPS; do losetup -d "$l" 2>/dev/null; done
    LOOPS=
    cleanup
}
trap cleanup_all EXIT
export TMPDIR="$T" # sockets and what nbdkit leaves behind

listening() {
    until [ -S "$1" ]; do
        kill -0 "$2" 2>/dev/null || fail "no server at $1"
        sleep 0.02
    done
}
# serve ARG…: an nbdkit at $T/s that can be written
serve() {
    cleanup_servers
    rm -f "$T/s"
    nbdkit -f -U "$T/s" "$@" >"$T/nbdkit.log" 2>&1 &
    SERVERS=$!
    listening "$T/s" $!
}
URI="nbd+unix:///?socket=$T/s"
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
nbdsh -u "$URI" -c 'for i in range(0, 192): h.pwrite(b"j" * 1048576, i << 20)'
restore latest --to "$URI" --verify
fetch_export "$T/n.img"
same "$DISK" "$T/n.img"
expect_equal "$(field summary format)" nbd
nbdsh -u "$URI" -c 'h.pwrite(b"j" * 4096, 8192); h.pwrite(b"k" * 512, 191 << 20)'
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
    refused 1 "$loop" "$SNAP" --to "$loop"
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
refused 1 "is not in the snapshot" latest:sda --to "$T/x.img"
refused 2 'is no disk but a' latest:disks --to "$T/x.img"
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
refused 1 'no disks' latest --to "$T/x.img"
restore "latest:$T/plain/a" --to "$T/x.img"
expect_equal "$(cat "$T/x.img")" hi
rm -f "$T/x.img"
