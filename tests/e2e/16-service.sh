#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# service install writes units that systemd takes, whatever the paths hold; it
# replaces and removes only what it wrote.
. "$(dirname "$0")/lib.sh"
P=$T/config/profiles
U=$T/units
mkdir -p "$P" && chmod -R go-w "$T/config"
unset ABRI_VAULT
service() { expect_status 0 "$ABRI" service "$@" --unit-dir "$U"; }
profile() { cat >"$P/$1.toml" && chmod 600 "$P/$1.toml"; }
verify() {
    command -v systemd-analyze >/dev/null || return 0
    systemd-analyze verify --man=no "$@" >"$T/verify" 2>&1 || { cat "$T/verify" >&2; fail "systemd refuses $*"; }
    [ ! -s "$T/verify" ] || { cat "$T/verify" >&2; fail "systemd complains about $*"; }
}

step 'what cannot be installed'
expect_status 2 "$ABRI" service install --unit-dir "$U"
expect_grep 'there is no profile' "$T/err"
echo '[backup]' | profile default
expect_status 2 "$ABRI" service install --unit-dir "$U"
expect_grep 'vault' "$T/err"
echo "vault = '$T/vault'" | profile default
expect_status 2 "$ABRI" service install --unit-dir "$U"
expect_grep 'paths' "$T/err"
[ ! -e "$U" ] || fail 'something was written'
printf 'vault = "%s"\n[backup]\npaths = ["/etc"]\n[service]\nschedule = "daily\\nExecStart=/bin/sh"\n' "$T/vault" | profile default
expect_status 2 "$ABRI" service install --unit-dir "$U"
expect_one_error
printf 'vault = "/a\\nb"\n[backup]\npaths = ["/etc"]\n' | profile default
expect_status 2 "$ABRI" service install --unit-dir "$U"
expect_one_error

step 'units of the machine'
profile default <<EOT
vault = "$T/vault"
passphrase-file = "$T/pass"
[backup]
paths = ["/etc"]
[forget]
keep-daily = 7
[service]
schedule = "*-*-* 02:30"
EOT
service install --dry-run
[ ! -e "$U" ] || fail 'a dry run wrote'
cp "$T/out" "$T/dry"
service show
cmp "$T/out" "$T/dry" || fail 'show and --dry-run differ'
service install
expect_grep 'enable --now abri-backup-default.timer abri-maintenance-default.timer' "$T/out"
expect_equal "$(ls "$U" | tr '\n' ' ')" 'abri-backup-default.service abri-backup-default.timer abri-maintenance-default.service abri-maintenance-default.timer '
expect_grep '^OnCalendar=\*-\*-\* 02:30$' "$U/abri-backup-default.timer"
expect_grep '^Persistent=true' "$U/abri-backup-default.timer"
expect_grep '^RandomizedDelaySec=1h' "$U/abri-backup-default.timer"
expect_grep '^ProtectSystem=strict' "$U/abri-backup-default.service"
expect_grep "^ReadWritePaths=\"$T/vault\"" "$U/abri-backup-default.service"
expect_grep '^CapabilityBoundingSet=CAP_DAC_READ_SEARCH' "$U/abri-backup-default.service"
expect_equal "$(grep -c ^ExecStart "$U/abri-maintenance-default.service")" 3
expect_grep 'quiet check$' "$U/abri-maintenance-default.service"
verify "$U"/*
mkdir "$U/timers.target.wants" && ln -s ../abri-backup-default.timer "$U/timers.target.wants/"
service install --json
expect_equal "$(jq -r .action "$T/out" | sort -u)" wrote

step 'a vault on a server: the network, and no path of its own'
profile far <<EOT
vault = "https://backup.example:8443"
[backup]
paths = ["/etc"]
EOT
mkdir "$T/far"
expect_status 0 "$ABRI" --profile far service install --unit-dir "$T/far"
expect_equal "$(ls "$T/far" | tr '\n' ' ')" 'abri-backup-far.service abri-backup-far.timer '
expect_grep '^After=network-online.target' "$T/far/abri-backup-far.service"
expect_grep '^RestrictAddressFamilies=.*AF_INET6' "$T/far/abri-backup-far.service"
expect_no_grep 'PrivateNetwork\|backup.example' "$T/far/abri-backup-far.service"
expect_grep "^ReadWritePaths=\"-$T/config\"" "$T/far/abri-backup-far.service" # certificates are renewed
expect_grep '^RandomizedDelaySec=1h' "$T/far/abri-backup-far.timer"
verify "$T/far"/*

step 'what the units run works'
make_vault -r "$T/vault"
printf '%s\n' "$ABRI_PASSPHRASE" >"$T/pass" && mkdir "$T/src" && echo x >"$T/src/x"
sed -i "s|/etc|$T/src|" "$P/default.toml"
unset ABRI_PASSPHRASE
for unit in backup maintenance; do
    sed -n 's/^ExecStart=//p' "$U/abri-$unit-default.service" >"$T/lines"
    while read -r line; do expect_status 0 sh -c "$line"; done <"$T/lines"
done
expect_status 0 "$ABRI" ls latest
expect_grep src/x "$T/out"

step 'maintenance that is not wanted goes'
echo 'maintenance = "never"' >>"$P/default.toml"
service install
expect_equal "$(ls "$U"/abri-* | wc -l)" 2

step 'hostile paths stay one word'
odd="$T/a b\"c%h\$HOME'd;e"
printf 'vault = "%s"\n[backup]\npaths = ["/etc"]\nbefore = ["/bin/true"]\n' "$(printf %s "$odd" | sed 's/"/\\"/g')" | profile odd
service install --profile odd
verify "$U"/abri-*-odd.*
# shellcheck disable=SC2016
expect_grep 'a b\\"c%%h$HOME' "$U/abri-backup-odd.service"
expect_no_grep ProtectSystem "$U/abri-backup-odd.service"
expect_grep ProtectSystem "$U/abri-maintenance-odd.service"
service show --profile odd --user
expect_no_grep 'ProtectSystem\|Capability' "$T/out"
HOME=$T expect_status 0 "$ABRI" service install --profile odd --user
[ -e "$T/.config/systemd/user/abri-backup-odd.timer" ] || fail 'no user unit'

step 'files of others stay'
echo '[Unit]' >"$U/abri-backup-default.timer"
expect_status 1 "$ABRI" service install --unit-dir "$U"
expect_grep 'not written by abri' "$T/err"
expect_status 1 "$ABRI" service remove --unit-dir "$U"
expect_equal "$(cat "$U/abri-backup-default.timer")" '[Unit]'
rm "$U/abri-backup-default.timer"
service install

step 'remove'
service remove --dry-run
[ -e "$U/abri-backup-default.timer" ] || fail 'a dry run removed'
rm "$P/default.toml"
service remove
service remove --profile odd
expect_equal "$(find "$U" ! -type d | wc -l)" 0
expect_status 1 "$ABRI" service remove --unit-dir "$U"
expect_one_error
command -v systemd-analyze >/dev/null || skip 'units were not verified: there is no systemd-analyze'
