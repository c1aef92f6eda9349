#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Snapshots are mounted: what is seen is what was backed up, judged by rsync, cmp and find; memory stays bounded; what is
# damaged gives an error where it lies; and nothing stays mounted, however it ends. ABRI_SEED=n replays.
. "$(dirname "$0")/lib.sh"
maketree=${3:?the tree maker}
[ -c /dev/fuse ] && [ -r /dev/fuse ] && [ -w /dev/fuse ] || skip 'no /dev/fuse'
for program in fusermount3 rsync /usr/bin/python3 jq; do
    command -v "$program" >/dev/null || skip "no $program"
done
seed=${ABRI_SEED:-$(($(date +%s) % 100000))}
echo "ABRI_SEED=$seed"

MOUNT_PID=
M="$T/m"
mkdir "$M"
end_mount() {
    [ -z "$MOUNT_PID" ] || { kill -9 "$MOUNT_PID" 2>/dev/null; wait "$MOUNT_PID" 2>/dev/null; }
    MOUNT_PID=
    umount -l "$M" 2>/dev/null || fusermount3 -uqz "$M" 2>/dev/null
}
trap 'end_mount; cleanup' EXIT

is_mounted() { grep -q " $M fuse" /proc/self/mounts; }
# start_mount WORD…: in the background; waits until it says that it is ready ($T/ready).
start_mount() {
    : >"$T/ready"
    "$ABRI" mount "$@" >"$T/ready" 2>"$T/mount.err" </dev/null &
    MOUNT_PID=$!
    until [ -s "$T/ready" ]; do
        kill -0 "$MOUNT_PID" 2>/dev/null || { cp "$T/mount.err" "$T/err"; : >"$T/out"; fail "mount $* did not begin"; }
    done
    is_mounted || fail 'ready, and not mounted'
}
ended() { # STATUS
    wait "$MOUNT_PID"
    status=$?
    MOUNT_PID=
    expect_equal "$status" "${1:-0}" 'the end of mount'
    ! grep -q 'Sanitizer\|runtime error:' "$T/mount.err" || { cat "$T/mount.err" >&2; fail 'a sanitizer spoke'; }
    ! is_mounted || fail 'it is still mounted'
}
unmount() {
    umount "$M" 2>/dev/null || fusermount3 -u "$M" || fail 'umount'
    ended
}
nothing_said() { [ ! -s "$T/mount.err" ] || { cat "$T/mount.err" >&2; fail 'something was said'; }; }
same() {
    rsync -aHAXn --checksum --itemize-changes --delete "$1/" "$2/" >"$T/diff" 2>&1 || { cat "$T/diff" >&2; fail "rsync $1 $2"; }
    [ ! -s "$T/diff" ] || { head -n 20 "$T/diff" >&2; fail "$1 and $2 differ"; }
}

make_vault
step 'trees of every kind, as they were'
for n in 1 2; do
    rm -rf "$T/src"
    "$maketree" $((seed + n)) "$T/src" "$([ $n = 2 ] && echo medium || echo small)" 2>"$T/note" || { cat "$T/note" >&2; fail maketree; }
    expect_status 0 "$ABRI" backup "$T/src"
    rm -rf "$T/back"
    expect_status 0 "$ABRI" restore "latest:$T/src" --target "$T/back"
    start_mount latest "$M"
    expect_grep "mounted on $M" "$T/ready"
    same "$M$T/src" "$T/back"
    (cd "$M$T/src" && find . | LC_ALL=C sort) >"$T/a"
    (cd "$T/back" && find . | LC_ALL=C sort) >"$T/b"
    cmp "$T/a" "$T/b" || fail 'other names'
    rm -rf "$T/copy"
    cp -a "$M$T/src" "$T/copy" || fail 'cp -a'
    same "$T/copy" "$T/back"
    ! touch "$M/new" 2>/dev/null || fail 'it can be written to'
    ! rm -f "$M$T/src"/* 2>/dev/null || [ -z "$(ls -A "$M$T/src")" ] || fail 'something was removed'
    unmount
    nothing_said
done
rm -rf "$T/copy" "$T/back"

step 'by host, by time, by tag, by id'
mkdir "$T/data"
echo one >"$T/data/file"
expect_status 0 "$ABRI" backup --host 'web/1' --tag nightly "$T/data"
settle
echo two >"$T/data/file"
expect_status 0 "$ABRI" backup --host 'web_1' --tag nightly,big "$T/data"
expect_status 0 "$ABRI" backup --host .. "$T/data"
start_mount all "$M"
expect_equal "$(ls "$M" | tr '\n' ' ')" 'hosts ids snapshots tags '
expect_equal "$(ls -A "$M/hosts" | grep -v "^$(hostname)$" | tr '\n' ' ')" '__ web_1 web_1-2 '
expect_equal "$(cat "$M/hosts/web_1/latest$T/data/file" "$M/hosts/web_1-2/latest$T/data/file" | sort | tr '\n' ' ')" 'one two '
expect_equal "$(ls "$M/tags" | tr '\n' ' ')" 'big nightly '
expect_equal "$(cat "$M/tags/nightly/latest$T/data/file")" two
expect_equal "$(ls "$M/tags/nightly" | wc -l)" 3
expect_equal "$(ls "$M/tags/big" | wc -l)" 2
expect_status 0 "$ABRI" snapshots --json
jq -r 'select(.message_type == "snapshot") | .time[:19] + "Z-" + .short_id' "$T/out" | sort >"$T/a"
ls "$M/snapshots" | grep -v '^latest$' | sort >"$T/b"
cmp "$T/a" "$T/b" || fail 'other snapshots'
expect_equal "$(readlink "$M/snapshots/latest")" "$(jq -r 'select(.message_type == "snapshot") | .time[:19] + "Z-" + .short_id' "$T/out" | tail -n 1)"
for id in $(jq -r 'select(.message_type == "snapshot") | .short_id' "$T/out"); do
    [ -d "$M/ids/$id/" ] || fail "ids/$id leads nowhere"
done
[ "$(stat -c %i "$M/hosts/__/latest/")" != "$(stat -c %i "$M/hosts/web_1/latest/")" ] || fail 'two snapshots, one number'
for name in nosuch .. . 'a b' hosts/x snapshots/x ids/zz tags/none latest; do
    case $name in .|..) ;; *) [ ! -e "$M/$name" ] || fail "there is a $name" ;; esac
done
nothing_said

step 'what is backed up meanwhile comes, what is forgotten goes'
before=$(ls "$M/snapshots" | wc -l)
settle
echo three >"$T/data/file"
expect_status 0 "$ABRI" backup --host new "$T/data"
until [ "$(ls "$M/snapshots" | wc -l)" = $((before + 1)) ]; do kill -0 "$MOUNT_PID" || fail 'mount ended'; done
expect_equal "$(cat "$M/snapshots/latest$T/data/file")" three
[ -d "$M/hosts/new" ] || fail 'no new host'
newest=$(readlink "$M/snapshots/latest")
expect_status 0 "$ABRI" forget "${newest##*-}"
until [ ! -e "$M/hosts/new" ] && [ "$(ls "$M/snapshots" | wc -l)" = "$before" ]; do kill -0 "$MOUNT_PID" || fail 'mount ended'; done
unmount
nothing_said

step 'as JSON; a signal ends it'
start_mount --json all "$M" --owner-root --allow-other --cache-size 4M
expect_equal "$(jq -r '"\(.message_type) \(.all) \(.directory)"' "$T/ready")" "mount true $M"
expect_equal "$(stat -c %u "$M/snapshots/latest$T/data/file")" 0
kill -TERM "$MOUNT_PID"
ended
nothing_said

step 'a signal while somebody stands in it'
start_mount latest "$M"
mkfifo "$T/go" "$T/there"
(cd "$M$T/data" && { echo >"$T/there"; read -r _ <"$T/go"; cat file >/dev/null 2>&1; }) &
inside=$!
read -r _ <"$T/there"
kill -TERM "$MOUNT_PID"
ended
expect_grep 'still being used' "$T/mount.err"
echo >"$T/go"
! wait "$inside" || fail 'it could still read'
! is_mounted || fail 'still mounted'
[ -d "$M" ] && [ -z "$(ls -A "$M")" ] || fail 'the directory is not as before'

step 'a disk: whole, here and there, by two readers'
/usr/bin/python3 - "$T/disk.img" "$seed" <<'EOT'
import random, sys
r = random.Random(sys.argv[2])
with open(sys.argv[1], "wb") as f:
    f.write(r.randbytes(7 << 20))
    f.seek(20 << 20)
    f.write(r.randbytes(5 << 20) + b"end" * 777)
EOT
mount_words="$ABRI backup --disk sda=$T/disk.img"
expect_status 0 $mount_words
start_mount latest "$M"
D="$M/disks/sda"
[ -f "$D" ] || fail 'no disks/sda'
expect_equal "$(stat -c %s "$D")" "$(stat -c %s "$T/disk.img")"
cat >"$T/reader.py" <<'EOT'
import os, random, sys
a, b = (os.open(name, os.O_RDONLY) for name in sys.argv[1:3])
r, size = random.Random(sys.argv[3]), os.fstat(b).st_size
for _ in range(800):
    at, n = r.randrange(size + 10), r.choice((1, 512, 4096, 70000))
    x, y = os.pread(a, n, at), os.pread(b, n, at)
    assert x == y, (at, n, len(x), len(y))
EOT
/usr/bin/python3 "$T/reader.py" "$D" "$T/disk.img" "$seed.1" &
one=$!
/usr/bin/python3 "$T/reader.py" "$D" "$T/disk.img" "$seed.2" || fail 'the second reader saw other bytes'
wait "$one" || fail 'the first reader saw other bytes'
expect_equal "$(sha256sum <"$D")" "$(sha256sum <"$T/disk.img")"
unmount
nothing_said

step 'many files, little memory'
mkdir "$T/many"
/usr/bin/python3 - "$T/many" <<'EOT'
import os, sys
os.chdir(sys.argv[1])
for d in range(400):
    os.makedirs(f"{d % 7}/dir{d}")
    for i in range(200):
        with open(f"{d % 7}/dir{d}/some file with a name {i}", "w") as f:
            f.write(f"{d} {i}\n")
EOT
expect_status 0 "$ABRI" backup "$T/many"
start_mount latest "$M"
rss() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$MOUNT_PID/status"; }
first=$(rss)
expect_equal "$(find "$M" -type f -printf '%s %p\n' | wc -l)" 80000
(cd "$M$T/many" && find . -printf '%y %s %T@ %p\n' | sort) >"$T/a"
(cd "$T/many" && find . -printf '%y %s %T@ %p\n' | sed 's/^d [0-9]*/d 0/' | sort) >"$T/b"
cmp "$T/a" "$T/b" || fail 'other files'
last=$(rss)
echo "  memory: $first KiB before, $last KiB after"
[ $((last - first)) -lt 131072 ] || fail "it took $((last - first)) KiB"
expect_equal "$(cat "$M$T/many/3/dir3/some file with a name 17")" '3 17'
diff -r "$M$T/many/5" "$T/many/5" || fail 'other content'
unmount
nothing_said
rm -rf "$T/many"

step 'damage costs what it hit'
mkdir "$T/two"
head -c 3000000 /dev/urandom >"$T/two/bad"
expect_status 0 "$ABRI" backup "$T/two/bad"
pack=$(find "$ABRI_VAULT/packs" -type f -printf '%T@ %s %p\n' | sort -n | tail -n 4 | sort -k2 -n | tail -n 1 | cut -d' ' -f3)
settle
head -c 3000000 /dev/urandom >"$T/two/good"
expect_status 0 "$ABRI" backup "$T/two"
chmod u+w "$pack"
/usr/bin/python3 - "$pack" <<'EOT'
import os, sys
with open(sys.argv[1], "r+b") as f:
    at = os.path.getsize(sys.argv[1]) // 2
    f.seek(at)
    byte = f.read(1)[0]
    f.seek(at)
    f.write(bytes([byte ^ 0xff]))
EOT
start_mount latest "$M"
! cat "$M$T/two/bad" >"$T/copy" 2>"$T/cat.err" || fail 'damage was not seen'
expect_grep 'Input/output error' "$T/cat.err"
cmp -n "$(stat -c %s "$T/copy")" "$T/copy" "$T/two/bad" || fail 'other bytes'
cmp "$M$T/two/good" "$T/two/good" || fail 'the rest does not go on'
expect_grep "two/bad.*pack" "$T/mount.err"

step 'a vault that goes away gives errors, never other bytes'
mv "$ABRI_VAULT" "$T/elsewhere"
echo 3 >/proc/sys/vm/drop_caches 2>/dev/null
cat "$M$T/two/good" >"$T/copy" 2>/dev/null
cmp -n "$(stat -c %s "$T/copy")" "$T/copy" "$T/two/good" || fail 'other bytes'
ls "$M" >/dev/null
mv "$T/elsewhere" "$ABRI_VAULT"
unmount

step 'what is wrong is said in one line'
wrong() { # STATUS PATTERN WORD…
    wanted_status=$1 wanted_text=$2
    shift 2
    expect_status "$wanted_status" timeout 60 "$ABRI" mount "$@"
    expect_one_error
    expect_grep "$wanted_text" "$T/err"
    ! is_mounted || fail 'mounted all the same'
}
wrong 2 'usage' latest
wrong 2 'one word too many' latest "$M" "$M"
wrong 1 'No such file' latest "$T/nosuch"
wrong 2 'no directory' latest "$T/disk.img"
wrong 1 'not empty' latest "$T/two"
wrong 1 'no snapshot' 00ff00 "$M"
wrong 2 'goes with --allow-other' latest "$M" --no-default-permissions
wrong 2 'cache-size' latest "$M" --cache-size 4k
expect_status 12 env ABRI_PASSPHRASE=wrong "$ABRI" mount latest "$M"
expect_one_error

step 'a program that was killed leaves a mount that says so'
start_mount latest "$M"
kill -9 "$MOUNT_PID"
wait "$MOUNT_PID" 2>/dev/null
MOUNT_PID=
wrong_dead() {
    expect_status 1 timeout 60 "$ABRI" mount latest "$M"
    expect_one_error
    expect_grep 'whose program has died' "$T/err"
}
wrong_dead
umount "$M" 2>/dev/null || fusermount3 -u "$M" || fail 'umount'

if [ "$IS_ROOT" = yes ] && command -v setpriv >/dev/null; then
    step 'not as root'
    U="$T/user"
    mkdir -p "$U/m" "$U/src"
    echo mine >"$U/src/file"
    chown -R 65534:65534 "$U"
    chmod 755 "$T" "$U"
    exec=
    as_user() {
        $exec setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$U" ABRI_VAULT="$U/vault" ABRI_CONFIG_DIR="$U/config" \
            ABRI_CACHE_DIR="$U/cache" "$@"
    }
    if as_user test -x "$ABRI" && as_user test -r /dev/fuse; then
        expect_status 0 as_user "$ABRI" init --kdf-memory 1 --kdf-passes 1
        expect_status 0 as_user "$ABRI" backup "$U/src"
        M="$U/m"
        : >"$T/ready"
        ( exec=exec; as_user "$ABRI" mount latest "$M" ) >"$T/ready" 2>"$T/mount.err" </dev/null &
        MOUNT_PID=$!
        until [ -s "$T/ready" ]; do kill -0 "$MOUNT_PID" 2>/dev/null || { cat "$T/mount.err" >&2; fail 'as a user: did not begin'; }; done
        expect_grep 'fusermount3 -u' "$T/ready"
        expect_equal "$(as_user cat "$M$U/src/file")" mine
        ! cat "$M$U/src/file" >/dev/null 2>&1 || fail 'others can look'
        kill -TERM "$MOUNT_PID"
        ended
        nothing_said
        M="$T/m"
    else
        echo '  (nobody cannot reach the program here)'
    fi
fi

step 'a snapshot on a server'
. "$(dirname "$0")/server.sh"
trap 'end_mount; cleanup_server' EXIT
server_with_tenant
enrol_machine web '"restore":true'
expect_status 0 as web backup "$T/two/good" "$T/data"
ABRI_CONFIG_DIR="$T/web" ABRI_CACHE_DIR="$T/cache-web" ABRI_VAULT="$URL"
start_mount all "$M"
cmp "$M/snapshots/latest$T/two/good" "$T/two/good" || fail 'other bytes'
same "$M/snapshots/latest$T/data" "$T/data"
unmount
nothing_said
server_stop
