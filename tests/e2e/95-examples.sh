#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Blocks of shell in README and docs/ that follow a line `<!-- run -->` do what they
# say: each page runs in a machine of its own, with an /etc, a /home and a vault's
# disk to play with.
. "$(dirname "$0")/lib.sh"
SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
[ "$IS_ROOT" = yes ] || skip 'only root can make a place to run them in'
unshare -m true 2>/dev/null || skip 'no mount namespaces here'

# The blocks of a page as one script; fails if a mark stands before something else.
blocks_of() {
    awk '
    marked && $0 != "```sh" { printf "%s:%d: a block of ```sh must follow\n", FILENAME, FNR >"/dev/stderr"; bad = 1; exit }
    marked { marked = 0; inside = 1; printf "echo \"  line %d\" >&3\n", FNR; next }
    inside && $0 == "```" { inside = 0; next }
    inside { print }
    /^<!-- run -->$/ && !inside { marked = 1 }
    END { exit bad || inside || marked }' "$1"
}

# A small machine: bound over the real one, in a mount namespace that ends with the shell.
cat >"$T/machine" <<'EOT'
set -eu
here=$1 script=$2
mount --bind "$here/disk" /mnt
cp "$here/abri" "$here/$script" /mnt
for dir in /tmp /home /root /var/cache; do mount -t tmpfs -o mode=0755 none "$dir"; done
mount --bind /mnt/etc /etc
export HOME=/root PATH="/mnt:$PATH"
mkdir /home/someone && echo 'a letter' >/home/someone/letter && echo x >/home/someone/x.o
echo "$ABRI_PASSPHRASE" >/root/abri.passphrase
[ -z "${WITH_VAULT-}" ] || abri init --vault /mnt/disk/vault --kdf-memory 1 --kdf-passes 1
exec sh -eu "/mnt/$script"
EOT
unset ABRI_VAULT ABRI_CONFIG_DIR ABRI_CACHE_DIR
ran=0
for page in "$SOURCE"/README.md "$SOURCE"/docs/*.md "$SOURCE"/docs/*/*.md; do
    blocks_of "$page" >"$T/script" || fail "blocks of $page"
    [ -s "$T/script" ] || continue
    name=${page#"$SOURCE"/}
    step "$name"
    rm -rf "$T/disk" && mkdir -p "$T/disk/etc/ssh" "$T/disk/disk" "$T/disk/offsite"
    echo 'root:x:0:0:root:/root:/bin/sh' >"$T/disk/etc/passwd" && echo key >"$T/disk/etc/ssh/sshd_config"
    cp "$ABRI" "$T/abri"
    vault=
    grep -q '^abri init' "$T/script" || vault=yes
    WITH_VAULT=$vault unshare -m sh "$T/machine" "$T" script >"$T/out" 2>"$T/err" </dev/null 3>&1 || fail "$name"
    ran=$((ran + $(grep -c '^echo "  line ' "$T/script")))
done
[ "$ran" -ge 3 ] || fail "only $ran blocks: where have the marks gone?"
