# SPDX-License-Identifier: Apache-2.0
# The bench of the end-to-end tests: sourced by each, with the path of the
# program as the test's argument.
#
# A test gets $T (a directory of its own, removed at the end), $ABRI, and an
# environment that points nowhere else. A check that fails ends the test and
# shows what the last command said. Exit status 77 means skipped.
set -u
ABRI=${1:?usage: $0 <path of abri>}
[ -x "$ABRI" ] || { echo "no program at $ABRI" >&2; exit 99; }
T=$(mktemp -d "${TMPDIR:-/tmp}/abri-e2e-XXXXXX") || exit 99
trap 'cleanup' EXIT
trap 'exit 99' INT TERM HUP PIPE

cleanup() {
    for mount in ${MOUNTS:-}; do umount "$mount" 2>/dev/null; done
    chmod -R u+rwX "$T" 2>/dev/null
    rm -rf "$T"
}

export ABRI_CONFIG_DIR="$T/config" ABRI_CACHE_DIR="$T/cache" ABRI_VAULT="$T/vault"
export ABRI_PASSPHRASE='correct horse' LC_ALL=C.UTF-8 TZ=UTC0 PYTHONDONTWRITEBYTECODE=1
unset ABRI_PASSPHRASE_FILE XDG_CONFIG_HOME XDG_CACHE_HOME
IS_ROOT=no
[ "$(id -u)" = 0 ] && IS_ROOT=yes

fail() {
    echo "FAILED: $*" >&2
    for f in "$T/out" "$T/err"; do
        [ -s "$f" ] && { echo "--- $(basename "$f"):" >&2; head -n 40 "$f" >&2; }
    done
    exit 1
}
skip() { echo "skipped: $*" >&2; exit 77; }
step() { echo "- $*"; }

# expect_status N COMMAND…: runs it, output in $T/out, errors in $T/err.
expect_status() {
    wanted=$1
    shift
    "$@" >"$T/out" 2>"$T/err" </dev/null
    got=$?
    if grep -q 'AddressSanitizer\|LeakSanitizer\|runtime error:' "$T/err"; then
        fail "a sanitizer spoke: $*"
    fi
    [ "$got" = "$wanted" ] || fail "status $got instead of $wanted: $*"
}
# expect_grep PATTERN FILE, or not
expect_grep() { grep -q -e "$1" "$2" || fail "no '$1' in $2"; }
expect_no_grep() { ! grep -q -e "$1" "$2" || fail "unexpected '$1' in $2"; }
expect_equal() { [ "$1" = "$2" ] || fail "'$1' is not '$2'${3:+: $3}"; }
expect_same_tree() { diff -r --no-dereference "$1" "$2" >"$T/diff" 2>&1 || { cat "$T/diff" >&2; fail "$1 and $2 differ"; }; }
# One line on stderr, beginning with "abri: ", and nothing else there.
expect_one_error() {
    [ "$(wc -l <"$T/err")" = 1 ] || fail "not one line of error"
    expect_grep '^abri: ' "$T/err"
}

# A file changed just before a backup may change again unseen, within the grain
# of the file system's clock, so the next backup reads it again. Waits until
# what was written so far is older than that.
settle() {
    from=$(date +%s%N)
    until [ $(($(date +%s%N) - from)) -gt 50000000 ]; do :; done
}

# A vault that is quick to open.
make_vault() { expect_status 0 "$ABRI" init --kdf-memory 1 --kdf-passes 1 "$@"; }
# The value of a field of the last object of a kind in $T/out.
field() { jq -r --arg t "$1" "select(.message_type == \$t) | .$2" "$T/out" | tail -n 1; }
# backup_json WORD…: runs a backup that must succeed; then use `field summary …`.
backup_json() { expect_status 0 "$ABRI" --json backup "$@"; }
# Names in the newest snapshot at or below a path, relative to it.
names_of() {
    expect_status 0 "$ABRI" ls "latest:$1"
    sed -n "s|^$1/||p" "$T/out" | LC_ALL=C sort | tr '\n' ' '
}
