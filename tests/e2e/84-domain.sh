#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# backup --domain: a libvirt domain under QEMU.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/libvirt.sh"
libvirt_apart "$@"
trap 'libvirt_stop; cleanup' EXIT
libvirt_start

make_vault
qemu-img create -q -f qcow2 "$T/my disk & co.qcow2" 64M
qemu-img create -q -f qcow2 "$T/vdb.qcow2" 32M
qemu-io -f qcow2 -c 'write -P 1 0 8M' "$T/my disk & co.qcow2" >"$T/io"
cat >"$T/web.xml" <<E2
<domain type='qemu'><name>web</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$T/my disk &amp; co.qcow2'/><target dev='vda' bus='virtio'/></disk>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$T/vdb.qcow2'/><target dev='vdb' bus='virtio'/></disk>
<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
</devices></domain>
E2
virsh -q define "$T/web.xml" || fail 'define'
checkpoints() { virsh -q checkpoint-list web --name | tr -d '\n'; }
# guest_writes DISK COMMAND: as the guest would, so that bitmaps see it
guest_writes() { virsh -q qemu-monitor-command web --hmp "qemu-io -d /machine/peripheral/virtio-disk$1/virtio-backend \"$2\"" >"$T/io" 2>&1 && ! grep -qi error "$T/io" || { cat "$T/io"; fail "the guest could not: $2"; }; }
# holds DISK FILE: what the newest snapshot has of a disk
holds() {
    expect_status 0 "$ABRI" restore "latest:disks/$1" -t "$T/r"
    qemu-img compare -f raw -F "${3:-raw}" "$T/r/$1" "$2" >"$T/out" 2>&1 || fail "$1 is not as it was"
    rm -rf "$T/r"
}

step 'a domain that does not run: its files'
backup_json --domain web
expect_equal "$(field summary total_bytes_processed | cut -c1-3)" 100
holds vda "$T/my disk & co.qcow2" qcow2
expect_status 0 "$ABRI" cat latest:machine/web.xml
expect_grep '<name>web</name>' "$T/out"
expect_equal "$(checkpoints)" ''

step 'it runs: all of it, and a checkpoint begins'
virsh -q start web --paused || fail 'start'
backup_json --domain web
expect_grep 'as after a power cut' "$T/err"
first=$(checkpoints)
case $first in abri-????????????????) ;; *) fail "no checkpoint: '$first'" ;; esac
expect_equal "$(find "$T/libvirt/lib/qemu" -maxdepth 1 -name 'abri-*' | wc -l)" 0
expect_status 0 "$ABRI" --json snapshots
expect_grep '"host":"web"' "$T/out"

step 'what changed since then, and no more'
guest_writes 0 'write -P 7 20M 2M'
guest_writes 1 'write -P 8 0 1M'
backup_json --domain web --no-quiesce
expect_equal "$(cat "$T/err")" ''
expect_equal "$(field summary disk_bytes_read)" $((3 << 20))
[ "$(field summary disk_bytes_kept)" -ge $((8 << 20)) ] || fail 'nothing was kept'
second=$(checkpoints)
[ "$first" != "$second" ] || fail 'the same checkpoint'
cp "$T/my disk & co.qcow2" "$T/vda.raw"

step 'what the guest writes afterwards is not in it'
guest_writes 0 'write -P 9 0 1M'
expect_status 0 "$ABRI" restore latest:disks/vda -t "$T/r"
qemu-io -f raw -c 'read -P 1 0 8M' -c 'read -P 7 20M 2M' -c 'read -P 0 30M 34M' "$T/r/vda" >"$T/io"
expect_no_grep 'verification failed' "$T/io"
rm -rf "$T/r"

step 'a backup that fails leaves the old checkpoint, and the next is small again'
backup_json --domain web --dry-run --no-quiesce
expect_equal "$(checkpoints)" "$second"
backup_json --domain web --no-quiesce
expect_equal "$(field summary disk_bytes_read)" $((1 << 20))
third=$(checkpoints)

step 'a checkpoint that is gone: all of it, and it says so'
virsh -q checkpoint-delete web "$third" || fail 'checkpoint-delete'
guest_writes 0 'write -P 5 40M 1M'
backup_json --domain web --no-quiesce
expect_grep "no checkpoint '$third' any more" "$T/err"
[ "$(field summary disk_bytes_kept)" = 0 ] || fail 'kept what nobody knows'
virsh -q destroy web
holds vda "$T/my disk & co.qcow2" qcow2
holds vdb "$T/vdb.qcow2" qcow2 2>/dev/null || true

step 'bad input'
expect_status 1 "$ABRI" backup --domain no-such
expect_one_error
expect_grep "domain 'no-such'" "$T/err"
expect_status 2 "$ABRI" backup --domain web --disk x=/dev/null
expect_status 2 "$ABRI" backup --connect qemu:///system "$T/web.xml"
expect_status 1 env PATH=/nowhere "$ABRI" backup --domain web
expect_grep 'install libvirt-clients' "$T/err"
