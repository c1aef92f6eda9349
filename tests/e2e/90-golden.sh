#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every format that was ever released stays readable: the vaults in
# tests/golden/ check clean and restore as they were.
. "$(dirname "$0")/lib.sh"
golden=$(cd "$(dirname "$0")/../golden" && pwd)
export ABRI_PASSPHRASE='golden passphrase'
for format in "$golden"/[0-9]*; do
    name=$(basename "$format")
    rm -rf "$T/vault"
    cp -r "$format/vault" "$T/vault"
    step "format $name"
    expect_status 0 "$ABRI" check --read-data
    if [ -e "$format/disks.json" ]; then
        expect_status 0 "$ABRI" --json ls latest
        jq -cS 'select(.disk) | [.path, .size, .disk]' "$T/out" >"$T/have"
        diff "$format/disks.json" "$T/have" || fail "format $name: what was on its disks"
        for disk in vda vdb; do "$ABRI" cat "latest:disks/$disk" | sha256sum; done >"$T/have"
        diff "$format/disks.sums" "$T/have" || fail "format $name: its disks"
        continue
    fi
    for tag in first second; do
        expect_status 0 "$ABRI" --json snapshots --tag "$tag"
        id=$(jq -r .short_id "$T/out" | head -n 1)
        expect_status 0 "$ABRI" restore "$id:/tmp/abri-golden-tree" --target "$T/$name-$tag"
        "$golden/manifest" "$T/$name-$tag" >"$T/manifest"
        grep -av 'user.note\|# file' "$format/$tag.manifest" >"$T/want"
        grep -av 'user.note\|# file' "$T/manifest" >"$T/have"
        diff "$T/want" "$T/have" || fail "format $name, $tag: not as it was"
    done
done
