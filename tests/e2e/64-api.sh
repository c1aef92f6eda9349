#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every call of the API as everybody, by curl: who may make it, that others' things do not exist, and that each answer is as
# docs/api/openapi.yaml says.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
command -v curl >/dev/null || skip 'needs curl'
/usr/bin/python3 -c 'import nacl, yaml' 2>/dev/null || skip 'needs python3-nacl and python3-yaml'
OPENAPI=$(dirname "$0")/../../docs/api/openapi.yaml

step 'the description is well formed, and what is wrong in one is found'
expect_status 0 /usr/bin/python3 "$(dirname "$0")/openapi.py" "$OPENAPI"

person() { # NAME ROLE [TENANT]
    of=${3:+,\"tenant\":\"$3\"}
    expect_status 0 call POST /v1/tokens "{\"type\":\"person\",\"role\":\"$2\"$of}"
    expect_status 0 env ABRI_CONFIG_DIR="$T/$1" "$ABRI" enrol "$URL" "$(jq -r .token "$T/out")" --name "$1"
}
server_with_tenant
other=$(call POST /v1/tenants '{"name":"Other"}' | jq -r .tenant)
person officer security-officer
person operator operator
person auditor auditor
person admin tenant-admin "$TENANT"
person restorer tenant-restorer "$TENANT"
person foreign tenant-admin "$other"
enrol_machine web
enrol_machine lone
rm -rf "$T/lone/writers"
mkdir "$T/src" && echo x >"$T/src/x"
expect_status 0 as web backup "$T/src"

step 'every call, everybody'
expect_status 0 /usr/bin/python3 "$(dirname "$0")/api_roles.py" "$URL" "$OPENAPI" "$(vault_of web)" "$TENANT" owner="$OWNER" \
    security-officer="$T/officer" operator="$T/operator" auditor="$T/auditor" tenant-admin="$T/admin" \
    tenant-restorer="$T/restorer" machine="$T/lone" foreign="$T/foreign" nobody=
cat "$T/out"

step 'every call with success, and every member of every answer'
enrol_machine silent
enrol_machine full '"restore":true'
expect_status 0 as full backup "$T/src"
echo more >"$T/src/more" # or the second one may have no pack of its own
expect_status 0 as full backup "$T/src"
expect_status 0 /usr/bin/python3 "$(dirname "$0")/api_answers.py" "$URL" "$OPENAPI" "$ROOT" owner="$OWNER" operator="$T/operator" \
    officer="$T/officer" web="$T/full" lone="$T/silent" nobody=
cat "$T/out"

step 'bodies that are none, and paths that are none'
curl_as() { # NAME WORD…
    at=$(echo "$T/$1"/servers/*)
    shift
    curl --http2 -sS --cert "$at/certificate.pem" --key "$at/key.pem" --cacert "$at/authority.pem" "$@"
}
described() { # $T/answer is an error as they are described
    expect_status 0 /usr/bin/python3 "$(dirname "$0")/openapi.py" "$OPENAPI" "$T/answer"
}
for body in '' '[' '[]' '"x"' '{"name":1}' '{"name":""}' '{"name":"a","name":"b"}' '{"name":"\u0001"}'; do
    expect_equal "$(curl_as owner -o "$T/answer" -w '%{http_code}' -d "$body" "$URL/v1/tenants")" 400 "$body"
    described
done
expect_equal "$(curl_as owner -o "$T/answer" -w '%{http_code}' "$URL/v1/nothing")" 404
described
expect_equal "$(curl_as owner -o "$T/answer" -w '%{http_code}' -X DELETE "$URL/v1/tenants/$TENANT")" 405
described
head -c 300000 /dev/zero | tr '\0' ' ' >"$T/large"
expect_equal "$(curl_as owner -o "$T/answer" -w '%{http_code}' --data-binary "@$T/large" "$URL/v1/tenants")" 413
described

step 'who may only add sees the ends of his packs, and no frame'
pack=$(cd "$ROOT/vaults/$(vault_of web)" && find packs -type f | sort | head -n 1)
object="$URL/v1/vaults/$(vault_of web)/objects/$pack"
size=$(stat -c %s "$ROOT/vaults/$(vault_of web)/$pack")
curl_as web -o "$T/answer" "$object" && expect_equal "$(stat -c %s "$T/answer")" 64 'the header alone'
for range in 0-65 64-71 60-70 "1-$size" 64- 1-18446744073709551615; do
    case $range in
    0-65) expect_equal "$(curl_as web -r "$range" -o "$T/answer" -w '%{size_download}' "$object")" 64 "$range" ;;
    *)
        expect_equal "$(curl_as web -r "$range" -o "$T/answer" -w '%{http_code}' "$object")" 403 "$range"
        described
        ;;
    esac
done
expect_equal "$(curl_as web -r "$((size - 12))-" -o "$T/answer" -w '%{http_code}' "$object")" 206 'the trailer'
expect_equal "$(tail -c 12 "$ROOT/vaults/$(vault_of web)/$pack" | sha256sum)" "$(sha256sum <"$T/answer")"
printf '64 8 %s\n' "$pack" | curl_as web -o "$T/answer" --data-binary @- "$URL/v1/vaults/$(vault_of web)/read"
expect_equal "$(stat -c %s "$T/answer")" 24 'a part without bytes'
expect_equal "$(curl_as lone -o "$T/answer" -w '%{http_code}' "$object")" 404
described
expect_equal "$(curl_as web -o "$T/answer" -w '%{http_code}' "$URL/v1/vaults/$(vault_of web)/objects/keeper")" 404
described
expect_status 0 as web backup "$T/src"
server_stop
