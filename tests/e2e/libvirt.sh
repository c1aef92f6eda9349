# SPDX-License-Identifier: Apache-2.0
# A libvirtd of the test's own, in a mount namespace of its own, so that nothing of a libvirt that
# may run here is touched. Sourced behind lib.sh, which it may run anew: call `libvirt_apart "$@"` first.

libvirt_apart() {
    [ "$IS_ROOT" = yes ] || skip 'needs root'
    [ "${ABRI_E2E_APART:-}" != yes ] || return 0
    rm -rf "$T"
    ABRI_E2E_APART=yes exec unshare -m --propagation private bash "$0" "$@"
}

libvirt_start() {
    for dir in etc run lib log cache; do
        mkdir -p "$T/libvirt/$dir"
    done
    mkdir -p "$T/libvirt/lib/qemu" /run/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt
    cat >"$T/libvirt/etc/qemu.conf" <<'E2'
security_driver = "none"
stdio_handler = "file"
remember_owner = 0
cgroup_controllers = []
user = "root"
group = "root"
namespaces = []
E2
    mount --bind "$T/libvirt/etc" /etc/libvirt || skip 'mounts are not allowed here'
    mount --bind "$T/libvirt/run" /run/libvirt
    mount --bind "$T/libvirt/lib" /var/lib/libvirt
    mount --bind "$T/libvirt/log" /var/log/libvirt
    mount --bind "$T/libvirt/cache" /var/cache/libvirt
    export LIBVIRT_DEFAULT_URI=qemu:///system
    libvirtd >"$T/libvirtd.log" 2>&1 &
    LIBVIRTD=$!
    until virsh -q version >/dev/null 2>&1; do
        kill -0 "$LIBVIRTD" 2>/dev/null || { cat "$T/libvirtd.log"; skip 'libvirtd does not start here'; }
        sleep 0.1
    done
}

# For the EXIT trap, before cleanup.
libvirt_stop() {
    [ -n "${LIBVIRTD:-}" ] || return 0
    virsh -q destroy web >/dev/null 2>&1
    kill "$LIBVIRTD" 2>/dev/null
    wait "$LIBVIRTD" 2>/dev/null
    umount /etc/libvirt /run/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt
}
