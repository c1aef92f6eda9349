#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# debian-image.sh IMAGE KEEP: a small Debian system with its kernel as a raw disk (MBR, one ext4, extlinux,
# console on the serial line, root without a password, the guest's agent, and port 7 says hello). The tree that debootstrap makes is kept in the
# directory KEEP and used again.
set -eu
image=$(realpath -m "$1")
keep=$(realpath "$2")
root=$keep/debian-root
packages=linux-image-cloud-amd64,systemd-sysv,udev,kmod,e2fsprogs,qemu-guest-agent
if [ ! -e "$root/.complete" ]; then
    rm -rf "$root"
    mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' \
        /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
    debootstrap --variant=minbase --include="$packages" bookworm "$root" ${mirror:+"$mirror"} >"$keep/debootstrap.log" 2>&1 ||
        { tail -n 20 "$keep/debootstrap.log" >&2; exit 1; }
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{locale,doc,man}/*
    passwd -R "$root" -d root >/dev/null
    echo shelter >"$root/etc/hostname"
    units=$root/etc/systemd/system
    printf '[Match]\nName=en* eth*\n[Network]\nDHCP=ipv4\n' >"$root/etc/systemd/network/80-dhcp.network"
    printf '[Socket]\nListenStream=7\nAccept=yes\n' >"$units/hello.socket"
    printf '[Service]\nExecStart=/bin/echo hello\nStandardOutput=socket\n' >"$units/hello@.service"
    mkdir -p "$units/sockets.target.wants" "$units/multi-user.target.wants"
    ln -sf ../hello.socket "$units/sockets.target.wants/"
    ln -sf /lib/systemd/system/systemd-networkd.service "$units/multi-user.target.wants/"
    mkdir -p "$root/boot/extlinux"
    cat >"$root/boot/extlinux/extlinux.conf" <<E2
DEFAULT linux
PROMPT 0
LABEL linux
KERNEL /boot/$(cd "$root/boot" && echo vmlinuz-*)
INITRD /boot/$(cd "$root/boot" && echo initrd.img-*)
APPEND root=/dev/vda1 rw console=ttyS0 quiet
E2
    : >"$root/.complete"
fi
rm -f "$image"
truncate -s 1G "$image"
echo '2048,,83,*' | sfdisk -q "$image"
mke2fs -q -b 4096 -t ext4 -O ^64bit,^metadata_csum -L root -d "$root" -E offset=1048576 "$image" $(((1073741824 - 1048576) / 4096))
# The boot loader's file must be mapped by blocks, so it is installed through a mount.
loop=$(losetup -f --show -o 1048576 "$image")
mkdir -p "$image.mnt"
mount "$loop" "$image.mnt"
extlinux --install "$image.mnt/boot/extlinux" >/dev/null 2>&1
umount "$image.mnt"
losetup -d "$loop"
rmdir "$image.mnt"
dd if=/usr/lib/syslinux/mbr/mbr.bin of="$image" bs=440 count=1 conv=notrunc status=none
