#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# openssl.sh <pki_papers>: the openssl command believes what the room makes, and
# makes what the room must refuse.
set -u
papers=${1:?usage: openssl.sh <pki_papers>}
d=$(mktemp -d "${TMPDIR:-/tmp}/abri-pki-XXXXXX") || exit 2
trap 'rm -rf "$d"' EXIT
failures=0
fail() {
    echo "FAIL: $*"
    failures=$((failures + 1))
}
# holds TEXT PATTERN: the text has a line that matches.
holds() { printf '%s\n' "$1" | grep -Eq -- "$2" || fail "no line '$2' in: $1"; }
lacks() { ! printf '%s\n' "$1" | grep -Eq -- "$2" || fail "there is '$2' in: $1"; }
text() { openssl x509 -in "$1" -noout -text; }
# refused PATTERN COMMAND…: fails with one line of that kind.
refused() {
    local pattern=$1 out
    shift
    if out=$("$@" </dev/null 2>&1 >/dev/null); then
        fail "not refused: $*"
    elif [ "$(printf '%s\n' "$out" | wc -l)" != 1 ] || ! printf '%s\n' "$out" | grep -Eq -- "$pattern"; then
        fail "refused in other words ($pattern): $* said: $out"
    fi
}
certify() { "$papers" certify "$d" "$1" "$d/out.pem"; }

"$papers" make "$d" || exit 1
said=$("$papers" certify "$d" "$d/machine.csr" "$d/machine.pem") || exit 1

# ---- the authority
openssl verify -x509_strict -CAfile "$d/ca.pem" "$d/ca.pem" >/dev/null || fail "the authority verifies"
t=$(text "$d/ca.pem")
holds "$t" 'CA:TRUE, pathlen:0'
holds "$t" 'Basic Constraints: critical'
holds "$t" '^ *Certificate Sign, CRL Sign$'
holds "$t" 'ecdsa-with-SHA256'
holds "$t" 'ASN1 OID: prime256v1'
holds "$t" 'CN = abri of example.com'
lacks "$t" 'Extended Key Usage'
openssl pkey -in "$d/ca.key" -noout -check >/dev/null 2>&1 || fail "the authority's key"

# ---- a server
openssl verify -x509_strict -purpose sslserver -CAfile "$d/ca.pem" "$d/server.pem" >/dev/null || fail "server"
openssl verify -purpose sslclient -CAfile "$d/ca.pem" "$d/server.pem" >/dev/null 2>&1 && fail "a server passes as a client"
for name in backup.example.com any.example.net; do
    openssl verify -verify_hostname $name -CAfile "$d/ca.pem" "$d/server.pem" >/dev/null || fail "$name"
done
for ip in 192.0.2.1 2001:db8::1; do
    openssl verify -verify_ip $ip -CAfile "$d/ca.pem" "$d/server.pem" >/dev/null || fail "$ip"
done
openssl verify -verify_hostname other.example.com -CAfile "$d/ca.pem" "$d/server.pem" >/dev/null 2>&1 && fail "a name that is not there"
t=$(text "$d/server.pem")
holds "$t" 'DNS:backup.example.com, DNS:\*.example.net, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1'
holds "$t" 'CA:FALSE'
holds "$t" 'TLS Web Server Authentication$'
lacks "$t" 'Client Authentication'
[ "$(openssl x509 -in "$d/server.pem" -noout -pubkey)" = "$(openssl pkey -in "$d/server.key" -pubout)" ] || fail "the server's key"

# ---- a machine
openssl verify -x509_strict -purpose sslclient -CAfile "$d/ca.pem" "$d/machine.pem" >/dev/null || fail "machine"
openssl verify -purpose sslserver -CAfile "$d/ca.pem" "$d/machine.pem" >/dev/null 2>&1 && fail "a machine passes as a server"
t=$(text "$d/machine.pem")
holds "$t" 'URI:abri:machine:00112233445566778899aabbccddeeff$'
holds "$t" 'Subject Alternative Name: critical'
holds "$t" 'TLS Web Client Authentication$'
holds "$t" 'Digital Signature$'
lacks "$t" 'Server Authentication'
serial=$(openssl x509 -in "$d/machine.pem" -noout -serial | tr 'A-F' 'a-f')
holds "$said" "^${serial}\$"
pin=$(openssl x509 -in "$d/machine.pem" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum)
holds "$said" "^pin=${pin%% *}\$"
before=$(date -d "$(openssl x509 -in "$d/machine.pem" -noout -startdate | cut -d= -f2)" +%s)
after=$(date -d "$(openssl x509 -in "$d/machine.pem" -noout -enddate | cut -d= -f2)" +%s)
holds "$said" "^not_before=$before\$"
holds "$said" "^not_after=$after\$"
[ $((after - before)) = $((30 * 86400 + 3600)) ] || fail "30 days and the hour before: $((after - before))"
"$papers" check "$d/machine.pem" "$d/machine.key" "$d/ca.pem" || fail "check"
openssl x509 -in "$d/machine.pem" -outform DER -out "$d/machine.der"
[ "$("$papers" read "$d/machine.der")" = "$said" ] || fail "DER reads as PEM"

# ---- requests that openssl makes: wishes are ignored, other keys refused
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$d/o.key" -subj /CN=root/O=evil \
    -addext 'subjectAltName=URI:abri:person:owner,DNS:evil' -addext 'basicConstraints=critical,CA:TRUE' \
    -addext 'extendedKeyUsage=serverAuth' -out "$d/o.csr" 2>/dev/null
"$papers" certify "$d" "$d/o.csr" "$d/o.pem" >/dev/null || fail "a request of openssl"
t=$(text "$d/o.pem")
lacks "$t" 'evil|person|CA:TRUE|Server Authentication'
holds "$t" 'URI:abri:machine:00112233445566778899aabbccddeeff$'
"$papers" check "$d/o.pem" "$d/o.key" "$d/ca.pem" || fail "check of openssl's key"

req() { openssl req -new -subj /CN=x -nodes -keyout "$d/n.key" -out "$d/n.csr" "$@" 2>/dev/null || fail "openssl req $*"; }
req -newkey rsa:2048
refused 'usage: .*not a P-256 key' certify "$d/n.csr"
req -newkey ec -pkeyopt ec_paramgen_curve:P-384
refused 'usage: .*not a P-256 key' certify "$d/n.csr"
req -newkey ec -pkeyopt ec_paramgen_curve:secp256k1
refused 'usage: .*not a P-256 key' certify "$d/n.csr"
req -newkey ed25519
refused 'usage: .*not a P-256 key' certify "$d/n.csr"
req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit
refused 'usage: .*not a P-256 key' certify "$d/n.csr"
req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha1
refused 'usage: .*not signed with ECDSA and SHA-256' certify "$d/n.csr"
# A request whose last byte, which is of the signature, is another.
openssl req -in "$d/o.csr" -outform DER -out "$d/o.der"
size=$(stat -c %s "$d/o.der")
last=$(tail -c 1 "$d/o.der" | od -An -tu1 | tr -d ' ')
head -c $((size - 1)) "$d/o.der" >"$d/bad.der"
printf "\\x$(printf %x $((last ^ 1)))" >>"$d/bad.der"
{
    echo '-----BEGIN CERTIFICATE REQUEST-----'
    base64 -w 64 "$d/bad.der"
    echo '-----END CERTIFICATE REQUEST-----'
} >"$d/bad.csr"
refused 'usage: .*not signed by the key' certify "$d/bad.csr"
head -c 200 "$d/o.csr" >"$d/short.csr"
refused 'usage: .*cannot be read' certify "$d/short.csr"
: >"$d/empty.csr"
refused 'usage: .*is empty' certify "$d/empty.csr"
head -c 3000 /dev/zero | tr '\0' 'x' >"$d/x.csr"
refused 'usage: .*cannot be read' certify "$d/x.csr"
{ head -c 70000 /dev/zero | tr '\0' '\n'; cat "$d/o.csr"; } >"$d/huge.csr"
refused 'usage: .*longer than 64 KiB' certify "$d/huge.csr"
refused 'usage: .*cannot be read' certify "$d/ca.pem"

# ---- pairs that do not belong together, blocks that would ask for a passphrase
mkdir "$d/other" && "$papers" make "$d/other"
refused 'usage: .*do not belong together' "$papers" check "$d/machine.pem" "$d/o.key" "$d/ca.pem"
refused 'usage: .*not from that authority' "$papers" check "$d/machine.pem" "$d/machine.key" "$d/other/ca.pem"
refused 'usage: .*not from that authority' "$papers" check "$d/machine.pem" "$d/machine.key" "$d/server.pem"
openssl pkey -in "$d/machine.key" -aes256 -passout pass:x -out "$d/locked.key"
refused 'damaged: .*private key cannot be read' "$papers" check "$d/machine.pem" "$d/locked.key" "$d/ca.pem"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "$d/p384.key" 2>/dev/null
refused 'damaged: .*not a P-256 key' "$papers" check "$d/machine.pem" "$d/p384.key" "$d/ca.pem"
cat "$d/machine.pem" "$d/ca.pem" >"$d/two.pem"
refused 'damaged: .*more than one' "$papers" read "$d/two.pem"
cp "$d/other/ca.key" "$d/ca.key"
refused 'usage: .*do not belong together' certify "$d/o.csr"
cp "$d/server.pem" "$d/ca.pem" && cp "$d/server.key" "$d/ca.key"
refused "usage: .*not an authority's" certify "$d/o.csr"

[ "$failures" = 0 ]
