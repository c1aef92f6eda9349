#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# abrid's configuration: what is wrong is told with its place, what is right is
# shown, what can change while it runs does, and the rest does not.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"

C="$T/abrid.toml"
# expect_wrong PATTERN…: the configuration on standard input is refused with these lines, and touches nothing.
expect_wrong() {
    cat >"$C"
    expect_status 2 "$ABRID" --config "$C" --root "$T/none" --check-config
    [ ! -s "$T/out" ] || fail 'it printed settings'
    for pattern; do expect_grep "$pattern" "$T/err"; done
    ! grep -qv '^abrid: ' "$T/err" || fail 'a line of somebody else'
    [ ! -e "$T/none" ] || fail 'it touched the root'
}

step 'everything wrong, with file, line and column'
expect_wrong "'$C': line 1, column 1: there is no 'lisen'" <<'X'
lisen = ["*:1"]
X
expect_wrong "line 1, column 8: 'name' is a string, not an integer" "line 3, column 1: there is no 'conections' in \[limits\]" \
    "line 4, column 8: 'idle-seconds'\|line 4, column 16: 'idle-seconds': '0'" "line 5, column 2: there is no \[metrics\]" '4 things are wrong' <<'X'
name = 7
[limits]
conections = 1
idle-seconds = 0
[metrics]
x = 1
X
expect_wrong "line 2, column 10: 'listen': '127.0.0.1': no valid port" <<'X'
# a comment
listen = ["127.0.0.1"]
X
expect_wrong 'line 2, column 8: this string has no end' 'cannot be read' <<'X'
# a comment
name = "x
X
expect_wrong "line 2, column 9: 'proxy': '192.0.2.0/33' is neither" <<'X'
[listener-front]
proxy = ["192.0.2.0/33"]
X
expect_wrong "'metrics-address': '0.0.0.0:1': only an address of the machine itself" <<'X'
metrics-address = "0.0.0.0:1"
X
expect_wrong 'connections-per-address is more than connections' 'buffer-kib of one connection' 'contradict' <<'X'
[limits]
connections = 10
connections-per-address = 11
buffer-kib = 2048
buffer-total-mib = 1
X
head -c 300000 /dev/zero | tr '\0' '#' >"$T/long"
expect_wrong 'is longer than' <"$T/long"
expect_wrong 'could have been written by others' <<X
$(chmod 666 "$C")
X
chmod 600 "$C"
expect_status 2 "$ABRID" --config "$T/missing" --root "$T/none" --check-config
expect_grep 'missing' "$T/err"
expect_status 2 "$ABRID" --check-config
expect_grep 'where shall things be kept' "$T/err"

step 'the command line: wrong words, and what wins'
for words in '--rot x' '--root' '--check-config=yes' 'word' '--loops 0' '--loops 65' '--loops 1x' '--listen 1.2.3.4' '--log-level loud' '--root a --root b' '--server-name a/b'; do
    # shellcheck disable=SC2086
    expect_status 2 "$ABRID" $words
    expect_equal "$(wc -l <"$T/err")" 1 "$words"
    expect_grep '^abrid: ' "$T/err"
done
cat >"$C" <<X
root = "$T/none"
name = "a \"b\" \\\\ c"
listen = ["*:1", "[::1]:2"]
server-name = ["backup.example.org"]
[limits]
idle-seconds = 7
[listener-front]
address = "127.0.0.1:3"
proxy = ["192.0.2.0/24", "2001:db8::1"]
X
expect_status 0 "$ABRID" --config "$C" --listen 127.0.0.1:4 --check-config
expect_grep '^listen = \["127.0.0.1:4"\]$' "$T/out"
expect_grep '^name = "a \\"b\\" \\\\ c"$' "$T/out"
expect_grep '^idle-seconds = 7$' "$T/out"
expect_grep '^\[listener-front\]$' "$T/out"
expect_grep '^proxy = \["192.0.2.0/24", "2001:db8::1"\]$' "$T/out"
expect_grep '^# workers: ' "$T/out"
[ ! -e "$T/none" ] || fail 'it touched the root'
cp "$T/out" "$T/printed"
expect_status 0 "$ABRID" --config "$T/printed" --check-config
cmp "$T/out" "$T/printed" || fail 'what is printed, read again, is not the same'

step 'where ABRI_CONFIG_DIR says, without --config'
mkdir -p "$T/config"
echo 'name = "from the directory"' >"$T/config/abrid.toml"
expect_status 0 "$ABRID" --root "$T/none" --check-config
expect_grep 'from the directory' "$T/out"
rm "$T/config/abrid.toml"

# reload PATTERN: SIGHUP, and its one line of answer.
reload() {
    before=$(grep -c 'eloaded' "$T/server.err")
    kill -HUP "$SERVER_PID"
    until [ "$(grep -c 'eloaded' "$T/server.err")" -gt "$before" ]; do kill -0 "$SERVER_PID" || fail 'abrid ended'; done
    tail -n 1 "$T/server.err" >"$T/err"
    expect_grep "$1" "$T/err"
}
names() { openssl s_client -connect "${URL#https://}" -alpn h2 </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName; }

step 'SIGHUP: new names, new limits; what needs a restart, or is broken, changes nothing'
printf 'server-name = ["one.example.org"]\n' >"$C"
server_start --config "$C"
names | grep -q one.example.org || fail 'no name of the configuration'
printf 'server-name = ["two.example.org"]\n[limits]\nconnections = 1\n' >"$C"
printf 'x' >>"$C"
reload 'not reloaded, all stays'
names | grep -q one.example.org || fail 'a broken file changed the certificate'
printf 'server-name = ["two.example.org"]\nworkers = 3\n[limits]\nconnections = 1\n' >"$C"
reload 'only a restart can change: workers'
names | grep -q one.example.org || fail 'a refused reload changed the certificate'
printf 'server-name = ["two.example.org"]\n[limits]\nconnections = 1\nconnections-per-address = 1\n' >"$C"
reload ' reloaded$'
names | grep -q two.example.org || fail 'no new name'
mkfifo "$T/hold"
openssl s_client -connect "${URL#https://}" -alpn h2 <"$T/hold" >"$T/held" 2>&1 &
held=$!
exec 9>"$T/hold"
until grep -q 'SSL-Session\|Verif' "$T/held"; do kill -0 "$held" || fail 'the one connection was refused'; done
[ -z "$(names 2>/dev/null)" ] || fail 'a second connection in spite of the limit'
exec 9>&-
wait "$held"
printf 'server-name = ["two.example.org"]\nlog-level = "error"\n' >"$C"
before=$(wc -l <"$T/server.err")
kill -HUP "$SERVER_PID"
until names | grep -q two.example.org; do kill -0 "$SERVER_PID" || fail 'abrid ended'; done
rm "$C"
reload 'missing\|No such file\|configuration' # what was named must be there
server_stop
expect_no_grep 'abri-[a-z2-7]\{20\}' "$T/server.out"

step 'a second abrid on the same root'
server_start
expect_status 11 "$ABRID" --root "$ROOT" --listen 127.0.0.1:0
expect_grep 'another abrid serves' "$T/err"
server_stop
[ ! -e "$ROOT/control" ] || fail 'the control socket is left'
