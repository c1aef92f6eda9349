#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real Debian system: it runs under libvirt, is saved while it runs, changes, is saved again by its
# dirty bitmap, loses its disk, and starts from its backup; it goes on whatever is killed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/libvirt.sh"
libvirt_apart "$@"
. "$(dirname "$0")/nbdkit.sh"
[ -e /dev/loop-control ] || skip 'no loop devices to install a boot loader through'
HERE=$(cd "$(dirname "$0")" && pwd)
BOOT=
stop_boot() { [ -z "$BOOT" ] || { kill -9 "$BOOT"; wait "$BOOT"; } 2>/dev/null; BOOT=; }
trap 'stop_boot; libvirt_stop; cleanup' EXIT
export TMPDIR="$T"
# serial SOCKET SECONDS WORD…
serial() { timeout 900 /usr/bin/python3 "$HERE/serial.py" "$@" >"$T/said" 2>&1 || { cat "$T/said"; fail "the machine: $*"; }; }
# boot WORD…: in the background; $M is its directory
M="$T/m"
boot() {
    rm -f "$M/serial"
    "$ABRI" --quiet boot "$@" --dir "$M" --memory 512M >"$T/boot.out" 2>"$T/boot.err" </dev/null &
    BOOT=$!
    until [ -S "$M/serial" ]; do
        kill -0 "$BOOT" 2>/dev/null || { cat "$T/boot.err"; fail 'abri boot ended'; }
        sleep 0.1
    done
}

make_vault
step 'a Debian system on a disk'
bash "$HERE/debian-image.sh" "$T/debian.img" "$(dirname "$ABRI")" || fail 'the image'
qemu-img convert -O qcow2 "$T/debian.img" "$T/vda.qcow2"
rm "$T/debian.img"
libvirt_start
cat >"$T/web.xml" <<E2
<domain type='qemu'><name>web</name><memory unit='MiB'>512</memory><vcpu>2</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><cpu mode='maximum'/>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$T/vda.qcow2'/><target dev='vda' bus='virtio'/></disk>
<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
<serial type='unix'><source mode='bind' path='$T/console'/><target port='0'/></serial>
</devices></domain>
E2
virsh -q define "$T/web.xml" && virsh -q start web || fail 'the domain'
serial "$T/console" 600 '?shelter login:' '!root' '?~#' '!echo first > /root/state; sync; echo do""ne' '?done'

step 'saved while it runs, all of it; its file systems are frozen for that moment'
expect_status 0 "$ABRI" --json backup --domain web
expect_equal "$(cat "$T/err")" ''
whole=$(field summary disk_bytes_read)
[ "$whole" -gt 200000000 ] || fail "only $whole bytes were read"

step 'it changes, and is saved again: what changed'
serial "$T/console" 120 '!' '?~#' '!echo second > /root/state; dd if=/dev/urandom of=/root/noise bs=1M count=8; sync; echo wri""tten' '?written'
expect_status 0 "$ABRI" --json backup --domain web
changed=$(field summary disk_bytes_read)
[ "$changed" -ge 8388608 ] && [ $((changed * 4)) -lt "$whole" ] || fail "$changed of $whole bytes were read"
expect_no_grep 'all of it is read' "$T/err"

step 'its disk is lost'
virsh -q destroy web
head -c 300000000 /dev/urandom >"$T/vda.qcow2"

step 'it proves that it would come back, and somebody signs that'
expect_status 0 "$ABRI" drill latest --memory 512M --certificate "$T/c.json" --screenshot "$T/s.png" \
    --expect serial:login: --expect agent --expect tcp:7
expect_equal "$(head -c 8 "$T/s.png" | od -An -tx1 | tr -d ' \n')" 89504e470d0a1a0a
expect_equal "$(jq -r '.drill | [.host, .passed, ([.proofs[].seen] | all), (.disks | length)] | map(tostring) | join(" ")' "$T/c.json")" 'web true true 1'
expect_status 0 "$ABRI" drill --check "$T/c.json"
expect_grep 'came back' "$T/out"
sed 's/"after_ms": [0-9]*/"after_ms": 1/' "$T/c.json" >"$T/forged.json"
expect_status 1 "$ABRI" drill --check "$T/forged.json"
expect_one_error
expect_equal "$(find "$T" -maxdepth 1 -name 'abri-machine-*' | wc -l)" 0

step 'one that does not live is told, with a certificate of that'
expect_status 1 "$ABRI" drill latest --memory 512M --expect serial:never-said --timeout 3 --certificate "$T/no.json"
expect_grep 'did not prove that it lives: the time is over' "$T/err"
expect_status 0 "$ABRI" drill --check "$T/no.json"
expect_grep 'did not come back' "$T/out"

step 'it starts from its backup, and the change is there'
boot latest
serial "$M/serial" 600 '?shelter login:' '!root' '?~#' '!cat /root/state' '?second' '!ls -s /root' '?noise'

step 'what serves its disks dies, and it goes on'
pid=$(pgrep -P "$BOOT" nbdkit) || fail 'no nbdkit'
kill -9 "$pid"
serial "$M/serial" 120 '!' '?~#' '!echo third > /root/state; md5sum /usr/bin/* > /root/sums; sync; echo kep""t' '?kept'

step 'everything dies; what the guest wrote is there when it goes on, and again when that dies half handed over'
stop_boot
boot --hand-over
until [ "$(stat -c %s "$M/vda.qcow2")" -gt 100000000 ]; do
    kill -0 "$BOOT" 2>/dev/null || fail 'it ended'
done
stop_boot
boot --hand-over
serial "$M/serial" 600 '?shelter login:' '!root' '?~#' '!cat /root/state' '?third' \
    '!md5sum --quiet -c /root/sums && echo all-is-we""ll' '?all-is-well'

step 'handed over whole: it needs no backup any more'
until grep -q '"whole": true' "$M/machine.json"; do
    kill -0 "$BOOT" 2>/dev/null || { cat "$T/boot.err"; fail 'it ended'; }
    sleep 0.2
done
expect_equal "$(pgrep -P "$BOOT" nbdkit | wc -l)" 0
mv "$ABRI_VAULT" "$T/vault.away"
serial "$M/serial" 120 '!' '?~#' '!md5sum --quiet -c /root/sums && echo still-we""ll; poweroff' '?still-well'
wait "$BOOT" || { cat "$T/boot.err"; fail "boot ended with status $?"; }
BOOT=
mv "$T/vault.away" "$ABRI_VAULT"
qemu-img info "$M/vda.qcow2" >"$T/out"
expect_no_grep 'backing file' "$T/out"
qemu-img check -q "$M/vda.qcow2" || fail 'the image is damaged'
