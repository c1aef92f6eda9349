#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# backup --disk: whatever holds a disk comes in bit for bit; images that would hurt us, maps
# that lie and servers that break do not.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/nbd_servers.sh"
trap 'cleanup_servers; cleanup' EXIT
serve() { serve_nbdkit -r "$@"; }
# serve_image IMAGE [qemu-nbd option]…
serve_image() {
    image=$1
    shift
    serve_qemu -r -f qcow2 "$@" "$image"
}
# same_disk FILE: what the newest snapshot has as disks/vda.
same_disk() {
    expect_status 0 "$ABRI" restore latest:disks/vda -t "$T/r"
    cmp "$1" "$T/r/vda" || fail "$1 came back as something else"
    rm -rf "$T/r"
}
notices() { grep -c '"notice"' "$T/err" || true; }

make_vault
/usr/bin/python3 - "$T/disk.img" <<'E2'
import random, sys
r = random.Random(24)
print("seed 24")
with open(sys.argv[1], "wb") as f:
    f.truncate(256 << 20)
    for i in range(24):
        f.seek(r.randrange(0, 250 << 20) & ~511)
        f.write(r.randbytes(r.randrange(1, 1 << 20)))
    f.seek((256 << 20) - 512)
    f.write(b"the last sector")
    f.truncate(256 << 20)
E2
settle

step 'a raw file; unchanged, it is not read again'
backup_json --disk "vda=$T/disk.img"
same_disk "$T/disk.img"
expect_status 0 "$ABRI" ls latest
expect_equal "$(tr '\n' ' ' <"$T/out")" '/disks /disks/vda '
backup_json --disk "vda=$T/disk.img"
expect_equal "$(field summary disk_bytes_read)" 0
expect_equal "$(field summary data_added_content)" 0
backup_json --force-read --disk "vda=$T/disk.img"
[ "$(field summary disk_bytes_read)" -gt 1000000 ] || fail 'forced, and not read'
expect_equal "$(field summary data_added_content)" 0

step 'every format that qemu-img writes'
for kind in qcow2 'qcow2 -c' 'qcow2 -o compat=0.10' qcow vmdk 'vmdk -o subformat=twoGbMaxExtentSparse' \
    'vmdk -o subformat=monolithicFlat' 'vmdk -o subformat=streamOptimized' vhdx vdi 'vpc -o force_size=on' \
    'vpc -o subformat=fixed,force_size=on'; do
    format=${kind%% *}
    # shellcheck disable=SC2086 # options
    qemu-img convert -O $kind "$T/disk.img" "$T/vda.$format" || fail "qemu-img $kind"
    backup_json --disk "$T/vda.$format"
    expect_equal "$(field summary data_added_content)" 0 "$kind"
    expect_equal "$(field summary total_bytes_processed)" $((256 << 20)) "$kind"
    same_disk "$T/disk.img"
    rm -f "$T"/vda*
done

step 'several disks, and what describes the machine'
echo '<domain/>' >"$T/web.xml"
: >"$T/empty.vmx"
qemu-img convert -O qcow2 "$T/disk.img" "$T/root.qcow2"
backup_json --disk "$T/root.qcow2" --disk "data=$T/disk.img" --description "$T/web.xml" --description "$T/empty.vmx" --host web
expect_status 0 "$ABRI" ls latest
expect_equal "$(tr '\n' ' ' <"$T/out")" '/disks /disks/data /disks/root /machine /machine/empty.vmx /machine/web.xml '
expect_status 0 "$ABRI" cat latest:machine/web.xml
expect_equal "$(cat "$T/out")" '<domain/>'
expect_status 0 "$ABRI" --json snapshots
expect_grep '"host":"web"' "$T/out"

step 'what a running machine writes to is not read behind its back'
for format in raw qcow2; do
    image=$T/$([ $format = raw ] && echo disk.img || echo root.qcow2)
    serve_qemu -f "$format" "$image"
    expect_status 11 "$ABRI" backup --disk "$image"
    expect_one_error
    expect_grep 'a running machine uses it' "$T/err"
done
cleanup_servers
settle

step 'what is on a disk is known without opening it'
truncate -s 64M "$T/parts.img"
printf 'label: gpt\nstart=2048, size=40960, type=L, name="here"\nsize=40960, type=S\n' | sfdisk -q "$T/parts.img"
mke2fs -q -t ext4 -L shelter -U 6d6a52b6-2f73-4b2e-9d7e-2b1f1f3c9a10 -E offset=1048576 "$T/parts.img" 20M
backup_json --disk "vda=$T/parts.img"
expect_status 0 "$ABRI" ls -l latest:disks/vda
expect_grep "1: 20.000 MiB, ext4 'shelter', 6d6a52b6-2f73-4b2e-9d7e-2b1f1f3c9a10" "$T/out"
expect_status 0 "$ABRI" --json ls latest:disks/vda
expect_equal "$(jq -r '.disk | [.format, .table, .parts[0].name, .parts[0].content, .parts[0].start] | map(tostring) | join(" ")' "$T/out")" \
    'raw gpt here ext4 1048576'

step 'a block device'
if [ "$IS_ROOT" = yes ] && loop=$(losetup -f --show -r "$T/disk.img" 2>/dev/null); then
    trap 'losetup -d "$loop"; cleanup_servers; cleanup' EXIT
    backup_json --disk "vda=$loop"
    expect_equal "$(field summary data_added_content)" 0
    same_disk "$T/disk.img"
fi

step 'NBD: one connection, many, small requests, none of the maps'
serve file "$T/disk.img"
backup_json --disk "vda=$URI"
expect_equal "$(field summary data_added_content)" 0
[ "$(field summary disk_bytes_empty)" -gt 200000000 ] || fail 'the map was not used'
same_disk "$T/disk.img"
serve --filter=noextents --filter=noparallel --filter=blocksize-policy file "$T/disk.img" \
    blocksize-minimum=4096 blocksize-preferred=4096 blocksize-maximum=65536 blocksize-error-policy=error
backup_json --disk "vda=$URI"
expect_equal "$(field summary data_added_content)" 0
expect_equal "$(field summary disk_bytes_read)" $((256 << 20))
same_disk "$T/disk.img"

step 'a dirty bitmap: only what changed is read'
qemu-img bitmap --add "$T/root.qcow2" b0
serve_image "$T/root.qcow2" -B b0
backup_json --disk "vda=$URI" --bitmap b0 --next-bitmap b0
expect_grep 'noted' "$T/err"
cleanup_servers
qemu-io -f qcow2 -c 'write -P 7 100M 3M' -c 'discard 0 20M' -c 'write -P 8 255M 1M' "$T/root.qcow2" >"$T/io"
serve_image "$T/root.qcow2" -B b0
backup_json --disk "vda=$URI" --bitmap b0 --next-bitmap b1
expect_equal "$(notices)" 0
expect_equal "$(field summary disk_bytes_read)" $((4 << 20))
[ "$(field summary disk_bytes_kept)" -gt 1000000 ] || fail 'nothing was kept'
qemu-img convert -O raw "$T/root.qcow2" "$T/changed.img"
same_disk "$T/changed.img"

step 'changes at random, round after round'
for round in 1 2 3 4; do
    cleanup_servers
    [ $round = 1 ] || qemu-img bitmap --remove "$T/root.qcow2" "r$((round - 1))" 2>"$T/err"
    [ $round = 1 ] && { serve_image "$T/root.qcow2"; backup_json --disk "vda=$URI" --next-bitmap r1; cleanup_servers; }
    qemu-img bitmap --add -g 4096 "$T/root.qcow2" "r$round"
    /usr/bin/python3 - $round >"$T/commands" <<'E2'
import random, sys
r = random.Random(int(sys.argv[1]))
print("# seed", sys.argv[1], file=sys.stderr)
size = 256 << 20
for i in range(12):
    off = r.randrange(0, size - (4 << 20)) // 512 * 512
    n = r.choice([512, 4096, 65536, 524288, 1 << 20, 3 << 20]) + r.randrange(0, 8) * 512
    kind = r.choice(["write -P %d" % r.randrange(1, 255), "write -z -u", "discard"])
    print(kind, off, n)
print("write -P 77", size - 512, 512)
E2
    qemu-io -f qcow2 "$T/root.qcow2" <"$T/commands" >"$T/io" 2>&1 || fail 'qemu-io'
    serve_image "$T/root.qcow2" -B "r$round"
    backup_json --disk "vda=$URI" --bitmap "r$round" --next-bitmap "r$((round + 1))"
    expect_equal "$(notices)" 0 "$(cat "$T/err")"
    [ "$(field summary disk_bytes_read)" -lt 60000000 ] || fail 'too much was read'
    qemu-img convert -O raw "$T/root.qcow2" "$T/changed.img"
    same_disk "$T/changed.img"
done
serve_image "$T/root.qcow2" -B b0
backup_json --disk "vda=$URI" --next-bitmap b1

step 'a bitmap of another name or of none is not believed'
backup_json --disk "vda=$URI" --bitmap b0 --next-bitmap b1
expect_grep "noted 'b1'" "$T/err"
backup_json --disk "vda=$URI" --bitmap b1 --next-bitmap b1
expect_grep "no map called 'b1'" "$T/err"
same_disk "$T/changed.img"

step 'a bitmap of the right name, and of another disk'
cleanup_servers
for at in 0 64 128 192; do
    qemu-io -f qcow2 -c "write -P $((at + 1)) ${at}M 64M" "$T/root.qcow2" >"$T/io" || fail 'qemu-io'
done
qemu-img bitmap --add "$T/root.qcow2" b1
serve_image "$T/root.qcow2" -B b1
backup_json --disk "vda=$URI" --bitmap b1 --next-bitmap b2
expect_grep 'nothing changed' "$T/err"
expect_equal "$(notices)" 1
qemu-img convert -O raw "$T/root.qcow2" "$T/changed.img"
same_disk "$T/changed.img"

step 'a chunk that the vault lost is read again'
cleanup_servers
qemu-img bitmap --add "$T/root.qcow2" b2
cp -a "$ABRI_VAULT" "$T/vault2"
rm -rf "$T/vault2/index"
find "$T/vault2/packs" "$T/vault2/parity" -type f -delete
export ABRI_VAULT="$T/vault2"
serve_image "$T/root.qcow2" -B b2
backup_json --disk "vda=$URI" --bitmap b2 --next-bitmap b2
expect_equal "$(notices)" 0
[ "$(field summary disk_bytes_read)" -gt 0 ] || fail 'what is gone was not read'
same_disk "$T/changed.img"
export ABRI_VAULT="$T/vault"

step 'a map that calls data empty'
serve eval get_size='echo 64M' pread='head -c $3 /dev/zero | tr "\0" x' can_extents='exit 0' \
    extents='echo 0 64M hole,zero'
backup_json --disk "vda=$URI"
expect_grep 'nothing is at byte' "$T/err"
expect_equal "$(field summary disk_bytes_read)" $((64 << 20))
head -c $((64 << 20)) /dev/zero | tr '\0' x >"$T/x"
same_disk "$T/x"

step 'bad sectors become zeros, and are told'
cat >"$T/pread" <<'E2'
if [ "$4" -lt 1050624 ] && [ $(($4 + $3)) -gt 1048576 ]; then echo EIO >&2; exit 1; fi
head -c "$3" /dev/zero | tr '\0' y
E2
serve eval get_size='echo 4M' pread=". '$T/pread'"
expect_status 3 "$ABRI" --json backup --disk "vda=$URI"
expect_grep '4096 bytes could not be read, the first at 1048576' "$T/err"
head -c $((4 << 20)) /dev/zero | tr '\0' y >"$T/y"
dd if=/dev/zero of="$T/y" bs=4096 seek=256 count=1 conv=notrunc status=none
same_disk "$T/y"

step 'a server that goes away leaves no snapshot'
expect_status 0 "$ABRI" --json snapshots
before=$(grep -c '"snapshot"' "$T/out")
cat >"$T/pread" <<'E2'
if [ "$4" -ge 4194304 ]; then kill -9 "$(cat "$tmpdir/../pid")"; fi
head -c "$3" /dev/zero | tr '\0' z
E2
sed -i "s|\$tmpdir/../pid|$T/pid|" "$T/pread"
serve --pidfile "$T/pid" eval get_size='echo 64M' pread=". '$T/pread'"
expect_status 14 "$ABRI" backup --disk "vda=$URI"
expect_one_error
expect_grep "disk 'vda'" "$T/err"
expect_status 0 "$ABRI" --json snapshots
expect_equal "$(grep -c '"snapshot"' "$T/out")" "$before"

step 'images that name what is not theirs'
echo secret >"$T/secret"
refused() {
    expect_status "$1" "$ABRI" backup --disk "$2"
    expect_one_error
    expect_grep "$3" "$T/err"
}
qemu-img create -q -f qcow2 -b "$T/secret" -F raw "$T/evil.qcow2" 1M
refused 13 "$T/evil.qcow2" 'it names the file .*secret.*--backing'
mkdir "$T/base"
cp "$T/disk.img" "$T/base/base.img"
qemu-img create -q -f qcow2 -b base/base.img -F raw "$T/child.qcow2"
refused 13 "$T/child.qcow2" 'base.img'
backup_json --disk "vda=$T/child.qcow2" --backing "$T/base"
same_disk "$T/disk.img"
ln -s "$T/secret" "$T/base/link"
qemu-img create -q -u -f qcow2 -b base/link -F raw "$T/evil.qcow2" 1M
expect_status 13 "$ABRI" backup --disk "$T/evil.qcow2" --backing "$T/base"
for name in 'json:{"driver":"nbd","path":"/x"}' 'nbd://127.0.0.1/' 'ssh://host/x' 'fat:/etc'; do
    qemu-img create -q -u -f qcow2 -b "$name" -F raw "$T/evil.qcow2" 1M
    expect_status 13 "$ABRI" backup --disk "$T/evil.qcow2" --backing "$T"
    expect_grep 'which is no file' "$T/err"
done
qemu-img create -q -f qcow2 -o data_file="$T/data.raw" "$T/evil.qcow2" 1M
refused 13 "$T/evil.qcow2" 'data.raw'
printf '# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 8 FLAT "%s" 0\n' "$T/secret" >"$T/evil.vmdk"
truncate -s 4096 "$T/secret"
expect_status 1 "$ABRI" backup --disk "$T/evil.vmdk"
expect_one_error

step 'a head is no proof of a format'
cp "$T/child.qcow2" "$T/guest.img"
refused 2 "$T/guest.img" 'its name says raw, its head qcow2'
backup_json --disk "vda=$T/guest.img" --format raw
same_disk "$T/guest.img"
refused 2 "$T" 'neither a block device'
refused 14 'nbd://127.0.0.1:1/' 'nbd://127.0.0.1:1/'
refused 1 "$T/nothing.qcow2" 'nothing.qcow2'
expect_status 2 "$ABRI" backup --disk "a=$T/disk.img" --disk "a=$T/disk.img"
expect_grep "two disks are called 'a'" "$T/err"
expect_status 2 "$ABRI" backup --disk "a=$T/disk.img" "$T/secret"
expect_status 2 "$ABRI" backup --bitmap x "$T/secret"
expect_status 2 "$ABRI" backup --disk "a=$T/disk.img" --bitmap x
expect_status 2 "$ABRI" backup --disk "a=$T/disk.img" --format "b=raw"

step 'images of which bytes were changed: an answer, never a crash'
qemu-img create -q -f qcow2 "$T/small.qcow2" 1M
qemu-io -f qcow2 -c 'write -P 3 0 1M' "$T/small.qcow2" >"$T/io"
/usr/bin/python3 - "$T/small.qcow2" "$T" <<'E2'
import random, sys
data = open(sys.argv[1], "rb").read()
r = random.Random(99)
print("seed 99")
for i in range(12):
    b = bytearray(data)
    for _ in range(1 + i % 3):
        b[r.randrange(4, 112)] = r.randrange(256)
    open(f"{sys.argv[2]}/flip{i}.qcow2", "wb").write(b)
E2
for i in 0 1 2 3 4 5 6 7 8 9 10 11; do
    timeout 120 "$ABRI" backup --disk "$T/flip$i.qcow2" >"$T/out" 2>"$T/err"
    status=$?
    [ $status -lt 124 ] || fail "flip $i: status $status"
    expect_no_grep 'Sanitizer' "$T/err"
done

step 'nothing stays behind'
cleanup_servers
expect_equal "$(find "$T" -maxdepth 1 -name 'abri-??????' | wc -l)" 0 'directories of sockets'
expect_status 0 "$ABRI" check --read-data
