#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# init makes a vault and a writer key, tells what matters, and refuses to make
# one that nobody could open.
. "$(dirname "$0")/lib.sh"

step 'a new vault'
make_vault --machine web1
expect_grep '^vault [0-9a-f]\{32\} made at' "$T/out"
expect_grep 'without it the data is lost' "$T/out"
expect_grep 'Backing up needs no passphrase' "$T/out"
key=$(sed -n 's/^writer key of this machine: //p' "$T/out")
[ -f "$key" ] || fail "no writer key at '$key'"
expect_equal "$(stat -c %a "$key")" 600 'mode of the writer key'
expect_equal "$(stat -c %a "$T/config")" 700 'mode of the key directory'
expect_equal "$(stat -c %a "$T/vault")" 700 'mode of the vault'

step 'the machine is called as told'
mkdir "$T/src"
expect_status 0 "$ABRI" backup "$T/src"
expect_status 0 "$ABRI" --json snapshots --keyless
expect_equal "$(field snapshot machine)" web1

step 'a second vault in the same place'
expect_status 1 "$ABRI" init
expect_one_error

step 'no passphrase, no vault'
expect_status 12 env ABRI_PASSPHRASE= "$ABRI" -r "$T/v2" init
expect_one_error
expect_grep empty "$T/err"
expect_status 12 env -u ABRI_PASSPHRASE setsid "$ABRI" -r "$T/v2" init
expect_one_error
expect_grep 'passphrase-file' "$T/err"

expect_status 0 "$ABRI" -r "$T/v2" init --kdf-memory 1 # what was refused is not in the way

step 'the passphrase from files'
printf 'from a file\n' >"$T/pass"
expect_status 0 env -u ABRI_PASSPHRASE "$ABRI" -r "$T/v3" --passphrase-file "$T/pass" init --kdf-memory 1
expect_status 0 env ABRI_PASSPHRASE='from a file' "$ABRI" -r "$T/v3" snapshots
ln -s pass "$T/link"
expect_status 0 env -u ABRI_PASSPHRASE ABRI_PASSPHRASE_FILE="$T/link" "$ABRI" -r "$T/v3" snapshots
printf 'from a file\r\n' >"$T/pass"
expect_status 0 "$ABRI" -r "$T/v3" --passphrase-file "$T/pass" snapshots
printf 'one\ntwo\n' >"$T/pass"
expect_status 2 "$ABRI" -r "$T/v3" --passphrase-file "$T/pass" snapshots
expect_one_error
head -c 5000 /dev/zero | tr '\0' x >"$T/pass"
expect_status 2 "$ABRI" -r "$T/v3" --passphrase-file "$T/pass" snapshots
expect_status 1 "$ABRI" -r "$T/v3" --passphrase-file "$T/none" snapshots
expect_one_error
expect_status 12 env -u ABRI_PASSPHRASE setsid "$ABRI" -r "$T/v3" ls latest
expect_one_error

step 'the environment of the process no longer holds it'
if [ -r "/proc/$$/environ" ]; then
    mkfifo "$T/list"
    "$ABRI" backup --files-from-verbatim "$T/list" >"$T/out" 2>"$T/err" &
    pid=$!
    exec 9>"$T/list" # returns when the program reads: by then it has taken the passphrase
    if tr '\0' '\n' <"/proc/$pid/environ" >"$T/environ" 2>/dev/null; then
        expect_grep ABRI_VAULT "$T/environ"
        expect_no_grep 'correct horse' "$T/environ"
    fi
    echo "$T/src" >&9
    exec 9>&-
    wait "$pid" || fail 'a backup of a list from a pipe'
fi

step 'names that cannot be'
expect_status 2 "$ABRI" -r "$T/v4" init --machine "$(printf 'a\nb')"
expect_status 2 "$ABRI" -r "$T/v4" init --machine ''
expect_status 2 "$ABRI" -r "$T/v4" init --kdf-memory 0
expect_status 2 "$ABRI" -r "$T/v4" init --kdf-passes 65
expect_status 2 "$ABRI" -r "$T/v4" init surplus
expect_status 2 env -u ABRI_VAULT "$ABRI" init
expect_one_error
[ ! -e "$T/v4" ] || fail 'a refused init left something behind'
