#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# doctor names what is wrong and how to mend it; config show tells where a
# setting came from. Neither shows a secret, neither changes anything.
. "$(dirname "$0")/lib.sh"

# A finding of $T/out: level and check.
expect_finding() { grep -q "^$1  *$2 " "$T/out" || fail "no '$1 $2'"; }
doctor() { status=$1; shift; expect_status "$status" "$ABRI" "$@" doctor; }

step 'without a vault'
doctor 1 -r "$T/nowhere"
expect_finding bad vault
mkdir "$T/empty"
doctor 1 -r "$T/empty"
expect_finding bad vault
expect_status 1 env -u ABRI_VAULT "$ABRI" doctor
expect_finding bad vault

step 'a sound setup'
make_vault
doctor 0
expect_finding ok vault
expect_finding ok writable
expect_finding ok 'writer key'
expect_finding ok secrets
expect_finding warn 'last snapshot'
mkdir "$T/src"
expect_status 0 "$ABRI" backup "$T/src"
unset ABRI_PASSPHRASE
find "$T/vault" "$T/config" "$T/cache" -printf '%p %s %T@\n' | sort >"$T/before"
doctor 0
expect_finding ok 'last snapshot'
find "$T/vault" "$T/config" "$T/cache" -printf '%p %s %T@\n' | sort >"$T/after"
cmp "$T/before" "$T/after" || fail 'doctor changed something'
expect_no_grep '^bad' "$T/out"
doctor 0 -q
expect_no_grep '^ok' "$T/out"

step 'secrets that others can read'
key=$(find "$T/config/writers" -type f)
chmod 644 "$key"
doctor 1
expect_finding bad secrets
expect_grep 'chmod 600' "$T/out"
chmod 600 "$key"
echo 'correct horse' >"$T/pass" && chmod 640 "$T/pass"
doctor 1 --passphrase-file "$T/pass"
expect_finding bad secrets
chmod 600 "$T/pass"
doctor 0 --passphrase-file "$T/pass"
expect_no_grep 'correct horse' "$T/out"
ABRI_PASSPHRASE=xyzzy doctor 0
expect_finding warn secrets
expect_no_grep xyzzy "$T/out"

step 'keys'
mv "$T/config" "$T/config-away"
doctor 1
expect_finding bad 'writer key'
mv "$T/config-away" "$T/config"
certificate=$(find "$T/vault/writers" -type f)
mv "$certificate" "$T/certificate"
doctor 1
expect_finding bad 'writer key'
mv "$T/certificate" "$certificate"

step 'cache, rights'
doctor 0 --no-cache
expect_finding warn cache
if [ "$IS_ROOT" = no ]; then
    chmod a-w "$T/vault"
    doctor 1
    expect_finding bad writable
    chmod u+w "$T/vault"
fi
if [ "$IS_ROOT" = yes ] && mount --bind "$T/vault" "$T/empty" 2>/dev/null; then
    MOUNTS="$T/empty"
    mount -o remount,ro,bind "$T/empty"
    doctor 1 -r "$T/empty"
    expect_finding bad writable
    umount "$T/empty"
    mount -t tmpfs -o size=3m none "$T/empty"
    cp -a "$T/vault/." "$T/empty/"
    doctor 1 -r "$T/empty"
    expect_finding bad space
    expect_finding warn 'file system'
    umount "$T/empty"
fi

step 'damage in the records'
record=$(find "$T/vault/snapshots" -type f | head -n 1)
printf X | dd of="$record" bs=1 seek=40 conv=notrunc 2>/dev/null
doctor 1
expect_finding bad records

step 'config show'
setting() { sed -n "s/^$1  *//p" "$T/out"; }
export ABRI_PASSPHRASE=xyzzy
expect_status 0 "$ABRI" config show
expect_equal "$(setting vault | tr -s ' ')" "$T/vault (ABRI_VAULT)"
expect_equal "$(setting cache-dir | tr -s ' ')" "$T/cache (ABRI_CACHE_DIR)"
expect_no_grep xyzzy "$T/out"
expect_status 0 "$ABRI" -r /x --passphrase-file /y --no-cache config show
expect_equal "$(setting vault | tr -s ' ')" '/x (--vault)'
expect_equal "$(setting passphrase-file | tr -s ' ')" '/y (--passphrase-file)'
expect_equal "$(setting cache-dir | tr -s ' ')" '- (--no-cache)'
expect_status 2 "$ABRI" config
expect_status 2 "$ABRI" config sing
expect_one_error
