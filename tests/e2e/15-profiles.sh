#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A profile says what `abri backup` alone does; what it says wrongly is told by line
# and column, and what others could have written is not used.
. "$(dirname "$0")/lib.sh"
P=$T/config/profiles
mkdir -p "$P" "$T/src/sub" "$T/other" && chmod -R go-w "$T/config"
echo a >"$T/src/a" && echo b >"$T/src/b.tmp" && echo c >"$T/src/sub/c" && echo d >"$T/other/d"
make_vault
VAULT=$ABRI_VAULT
unset ABRI_VAULT
printf '%s\n' "$ABRI_PASSPHRASE" >"$T/pass"
# profile NAME: from standard input
profile() { cat >"$P/$1.toml" && chmod 600 "$P/$1.toml"; }

step 'without a profile nothing is different'
expect_status 2 "$ABRI" backup
expect_one_error
expect_status 2 "$ABRI" --profile web backup
expect_one_error
expect_grep 'profile web: there is no' "$T/err"

step 'a profile is enough'
profile default <<EOT
# of this machine
vault = "$VAULT"
passphrase-file = '$T/pass'
[backup]
paths = [
    "$T/src", # one
    "$T/other",
]
exclude = ["*.tmp"]
tag = "nightly"
host = "web1"
compression = 3
limit-upload = "100M"
[forget]
keep-last = 2
group-by = "none"
EOT
secret=$ABRI_PASSPHRASE
unset ABRI_PASSPHRASE
expect_status 0 "$ABRI" --json backup
expect_status 0 "$ABRI" --json snapshots
expect_equal "$(jq -r 'select(.message_type == "snapshot") | .tags[0]' "$T/out")" nightly
expect_equal "$(names_of "$T/src")" 'a sub sub/c '
expect_equal "$(names_of "$T/other")" 'd '

step 'the command line wins, or adds'
expect_status 0 "$ABRI" backup "$T/src" --exclude sub --tag more
expect_equal "$(names_of "$T/src")" 'a '
expect_status 0 "$ABRI" ls latest
expect_no_grep other/d "$T/out"
expect_status 0 "$ABRI" --json snapshots
expect_equal "$(jq -r 'select(.message_type == "snapshot") | .tags | join(",")' "$T/out" | tail -n 1)" nightly,more
printf x | "$ABRI" backup --stdin --stdin-name db >"$T/out" 2>"$T/err" || fail 'stdin beside paths of the profile'
expect_status 0 "$ABRI" ls latest
expect_no_grep other/d "$T/out"

step 'what the profile switches on, the command line switches off'
mkdir "$T/cached" && printf 'Signature: 8a477f597d28d172789f06886806bc55' >"$T/cached/CACHEDIR.TAG" && echo e >"$T/cached/e"
profile flags <<EOT
vault = "$VAULT"
passphrase-file = '$T/pass'
no-cache = true
[backup]
paths = ["$T/cached"]
exclude-caches = true
no-parity = true
[check]
keyless = true
EOT
expect_status 0 "$ABRI" --profile flags backup
expect_equal "$(names_of "$T/cached")" 'CACHEDIR.TAG '
expect_status 0 "$ABRI" --profile flags backup --no-exclude-caches
expect_equal "$(names_of "$T/cached")" 'CACHEDIR.TAG e '
expect_status 0 "$ABRI" --profile flags backup --no-exclude-caches --exclude-caches
expect_equal "$(names_of "$T/cached")" 'CACHEDIR.TAG '
parities() { find "$VAULT"/parity/?? -type f 2>/dev/null | wc -l; } # of packs
before=$(parities)
echo f >>"$T/cached/CACHEDIR.TAG"
expect_status 0 "$ABRI" --profile flags backup
expect_equal "$(parities)" "$before" 'the profile wants no parity'
echo g >>"$T/cached/CACHEDIR.TAG"
expect_status 0 "$ABRI" --profile flags backup --parity
[ "$(parities)" -gt "$before" ] || fail 'no parity, though --parity was given'
expect_status 0 "$ABRI" --profile flags --json config show
expect_equal "$(jq -r 'select(.name == "cache-dir") | .origin' "$T/out")" profile
for line in '--cache config show' 'config show --cache' 'config --no-cache --cache show'; do
    # shellcheck disable=SC2086
    expect_status 0 "$ABRI" --profile flags --json $line
    expect_equal "$(jq -r 'select(.name == "cache-dir") | .value != null' "$T/out")" true "$line"
    expect_equal "$(jq -r 'select(.name == "cache-dir") | .origin == "profile"' "$T/out")" false "$line"
done
expect_status 0 "$ABRI" --profile flags --json --cache --no-cache config show
expect_equal "$(jq -r 'select(.name == "cache-dir") | .from' "$T/out")" --no-cache
# With --no-keyless a key is asked for: a wrong one fails.
expect_status 0 env ABRI_PASSPHRASE_FILE= "$ABRI" --profile flags check
echo wrong >"$T/wrong"
expect_status 0 "$ABRI" --profile flags check --passphrase-file "$T/wrong"
expect_status 12 "$ABRI" --profile flags check --passphrase-file "$T/wrong" --no-keyless
for bad in 'backup --no-dry-run' 'backup --no-force-read' 'backup --no-no-parity' 'forget --no-dry-run' \
    'backup --no-exclude-caches=yes' 'backup --no-exclude' 'snapshots --no-keyless' 'backup --no-json'; do
    # shellcheck disable=SC2086
    expect_status 2 "$ABRI" --profile flags $bad
    expect_one_error
done
expect_status 2 "$ABRI" --profile flags backup --no-exclude-cashes
expect_grep 'did you mean --no-exclude-caches?' "$T/err"
expect_status 0 "$ABRI" backup --dry-run --no-one-file-system # where no profile sets it

step 'rules of forget'
expect_status 0 "$ABRI" --json forget --dry-run
expect_equal "$(field summary kept)" 2
expect_status 0 "$ABRI" --json forget --dry-run --keep-daily 1
expect_equal "$(field summary kept)" 1 'rules of the command line stand in place of the profile'
expect_status 0 "$ABRI" --json forget latest --dry-run
expect_equal "$(field summary forgotten)" 1

step 'the environment wins over a profile that nobody named'
expect_status 10 env ABRI_VAULT="$T/elsewhere" "$ABRI" snapshots
expect_status 10 "$ABRI" -r "$T/elsewhere" snapshots
cp "$P/default.toml" "$P/web.toml" && chmod 600 "$P/web.toml"
expect_status 0 env ABRI_VAULT="$T/elsewhere" "$ABRI" --profile web snapshots
expect_status 0 "$ABRI" snapshots --profile web
expect_status 12 env ABRI_PASSPHRASE=wrong "$ABRI" snapshots

step 'config show tells where it comes from'
expect_status 0 "$ABRI" --json config show
expect_equal "$(jq -r 'select(.name == "vault") | .origin' "$T/out")" profile
expect_equal "$(jq -r 'select(.name == "vault") | .from' "$T/out")" "$P/default.toml, line 2"
expect_equal "$(jq -r 'select(.name == "backup.exclude") | .value' "$T/out")" '["*.tmp"]'
expect_equal "$(jq -r 'select(.name == "forget.keep-last") | .value' "$T/out")" 2
expect_equal "$(jq -r 'select(.name == "profile") | .value' "$T/out")" "$P/default.toml"
expect_status 0 "$ABRI" --json -r "$T/x" config show
expect_equal "$(jq -r 'select(.name == "vault") | .origin' "$T/out")" option

step 'what is wrong is told by line and column'
# refused PLACE PATTERN: the profile on standard input
refused() {
    profile bad
    for words in backup snapshots 'config show'; do
        # shellcheck disable=SC2086
        expect_status 2 "$ABRI" --profile bad $words
        expect_one_error
        expect_grep "bad.toml': line $1: " "$T/err"
        expect_grep "$2" "$T/err"
    done
}
printf '[backup]\nexclud = []\n' | refused '2, column 1' 'did you mean exclude?' || exit 1
printf '\n[bakup]\n' | refused '2, column 2' 'did you mean \[backup\]?' || exit 1
printf 'vualt = "/x"\n' | refused '1, column 1' 'did you mean vault?' || exit 1
printf 'paths = ["/x"]\n' | refused '1, column 1' 'belongs to \[backup\]' || exit 1
printf '[backup]\nvault = "/x"\n' | refused '2, column 1' 'before the first table' || exit 1
printf '[backup]\npaths = "/x"\n' | refused '2, column 9' 'an array of strings, not a string' || exit 1
printf '[backup]\npaths = ["x"]\n' | refused '2, column 9' 'begins with /' || exit 1
printf 'vault = "x"\n' | refused '1, column 9' 'begins with /' || exit 1
printf '[backup]\n  dry-run = true\n' | refused '2, column 3' 'unknown key' || exit 1
printf '[backup]\none-file-system = "yes"\n' | refused '2, column 19' 'true or false, not a string' || exit 1
printf '[backup]\nthreads = 0\n' | refused '2, column 11' 'threads' || exit 1
printf '[backup]\nlimit-upload = "fast"\n' | refused '2, column 16' 'not a size' || exit 1
printf '[forget]\ngroup-by = "moon"\n' | refused '2, column 12' 'none of' || exit 1
printf '[backup]\nbefore = "/bin/true"\n' | refused '2, column 10' 'an array' || exit 1
printf 'vault = /x\n' | refused '1, column 9' 'quotes' || exit 1
printf 'vault = "/x' | refused '1, column 9' 'closing' || exit 1
printf '[forget]\nunsafe-allow-remove-all = true\n' | refused '2, column 1' 'unknown key' || exit 1
rm "$P/bad.toml"
for name in ../x .x -x 'a b' a/b ''; do
    expect_status 2 "$ABRI" "--profile=$name" backup
    expect_one_error
done
expect_status 0 "$ABRI" --profile nonsense help
expect_status 0 "$ABRI" --profile nonsense backup --help
expect_status 0 "$ABRI" help profiles

step 'what others could have written is not used'
untrusted() {
    expect_status 2 "$ABRI" backup
    expect_one_error
    expect_grep "$1" "$T/err"
}
chmod 620 "$P/default.toml" && untrusted 'chmod go-w' && chmod 602 "$P/default.toml" && untrusted 'chmod go-w'
chmod 600 "$P/default.toml"
chmod 770 "$P" && untrusted 'chmod go-w'
chmod 700 "$P" && chmod 703 "$T/config" && untrusted 'chmod go-w'
chmod 700 "$T/config"
mkdir "$T/open" && mv "$P/default.toml" "$T/open/real.toml" && chmod 777 "$T/open" && ln -s "$T/open/real.toml" "$P/default.toml"
untrusted 'open'
chmod 700 "$T/open"
expect_status 0 "$ABRI" backup
mkfifo "$T/open/pipe" && ln -sf "$T/open/pipe" "$P/default.toml"
untrusted 'not a file'
ln -sf "$P/default.toml" "$P/default.toml"
expect_status 1 "$ABRI" backup
rm "$P/default.toml" && mv "$T/open/real.toml" "$P/default.toml"
if [ "$IS_ROOT" = yes ]; then
    chown 12345 "$P/default.toml" && untrusted 'somebody else'
    chown 0 "$P/default.toml" && chown 12345 "$P" && untrusted 'somebody else'
    chown 0 "$P"
fi
expect_status 0 "$ABRI" backup
chmod 770 "$P" && rm "$P/default.toml"
expect_status 2 "$ABRI" backup
expect_grep 'which vault' "$T/err"
chmod 700 "$P"

step 'commands around a backup'
mkdir "$T/bin" && chmod 700 "$T/bin"
cat >"$T/bin/note" <<EOT
#!/bin/sh
{ echo "\$ABRI_HOOK \$* status=\${ABRI_STATUS-none}"; } >>"$T/notes"
env >"$T/env-\$ABRI_HOOK"
echo "says \$ABRI_HOOK"
EOT
printf '#!/bin/sh\nexit 7\n' >"$T/bin/fails"
chmod 700 "$T/bin/note" "$T/bin/fails"
hooked() { # BEFORE AFTER PATH
    profile default <<EOT
vault = "$VAULT"
[backup]
paths = ["$3"]
before = ["$T/bin/$1", "a b", "\$HOME"]
after = ["$T/bin/$2"]
on-failure = ["$T/bin/note", "oh"]
EOT
    rm -f "$T/notes"
}
hooked note note "$T/src"
export ABRI_PASSPHRASE="$secret" ABRI_NEW_PASSPHRASE=alsosecret SOMETHING=else
expect_status 0 "$ABRI" --json backup
expect_grep 'says before' "$T/err"
expect_no_grep says "$T/out"
id=$(field summary snapshot_id)
expect_equal "$(cat "$T/notes")" "before a b \$HOME status=none
after  status=0"
expect_grep "^ABRI_SNAPSHOT=$id\$" "$T/env-after"
expect_grep "^ABRI_VAULT=$VAULT\$" "$T/env-before"
expect_grep '^ABRI_PROFILE=default$' "$T/env-before"
expect_grep '^PATH=/usr/local/sbin:' "$T/env-before"
expect_no_grep 'horse\|alsosecret\|SOMETHING\|PASSPHRASE' "$T/env-before"
expect_status 0 "$ABRI" backup --dry-run
expect_equal "$(wc -l <"$T/notes")" 2 'a dry run runs no commands'
hooked fails note "$T/src"
expect_status 1 "$ABRI" backup
expect_grep "before: '.*fails' failed with status 7: nothing was done" "$T/err"
expect_equal "$(cat "$T/notes")" 'on-failure oh status=1'
expect_grep '^ABRI_ERROR=before: ' "$T/env-on-failure"
hooked note fails "$T/src"
expect_status 3 "$ABRI" --json backup
expect_grep 'after: ' "$T/err"
expect_equal "$(wc -l <"$T/notes")" 1 'the snapshot is saved: no failure'
hooked note note "$T/src"
expect_status 10 "$ABRI" backup -r "$T/nowhere"
expect_equal "$(cut -d' ' -f1 "$T/notes" | tr '\n' ' ')" 'before after on-failure '
expect_grep '^after  status=10' "$T/notes"

step 'commands that others could change are not run'
chmod 722 "$T/bin/note"
rm -f "$T/notes"
expect_status 2 "$ABRI" backup
expect_grep 'others can write' "$T/err"
[ ! -e "$T/notes" ] || fail 'it ran'
chmod 700 "$T/bin/note"
sed -i "s|$T/bin/note\", \"a b\"|note\", \"a b\"|" "$P/default.toml"
expect_status 2 "$ABRI" backup
expect_grep 'whole path' "$T/err"
[ ! -e "$T/notes" ] || [ "$(grep -c before "$T/notes")" = 0 ] || fail 'it ran'
