# SPDX-License-Identifier: Apache-2.0
# Time that passes for abri and abrid alone, and what a server does meanwhile: sourced behind lib.sh, in place of server.sh.
# $PRELOAD, if it is set, is loaded as well.
CLOCK=${4:?usage: $0 <abri> <race.so> <maketree> <falseclock.so>}
export ABRI_TEST_PASSED_FILE="$T/passed" ABRI_TEST_MOVED_FILE="$T/moved"
mkdir "$T/bin"
for program in abri abrid; do
    printf '#!/bin/sh\nexec env LD_PRELOAD="%s" ASAN_OPTIONS="verify_asan_link_order=0" "%s" "$@"\n' "$CLOCK${PRELOAD:+:$PRELOAD}" "$(realpath "$(dirname "$ABRI")")/$program" >"$T/bin/$program"
    chmod +x "$T/bin/$program"
done
ABRI="$T/bin/abri"
. "$(dirname "$0")/server.sh"

# Whole files at once: the server may look at any time.
# on_day N [HOURS]: from now on, that many days have passed, for everybody; for the server in ticks, too, if it runs.
on_day() { echo $(($1 * 86400 + ${2:-0} * 3600)) >"$T/passed.new" && mv "$T/passed.new" "$T/passed"; }
# moved SECONDS: somebody set the clock, by that much in all.
moved() { echo "$1" >"$T/moved.new" && mv "$T/moved.new" "$T/moved"; }
on_day 0
moved 0

# One round of the server's own work, begun now.
upkeep() {
    rounds=$(call POST /v1/upkeep | jq .rounds)
    [ -n "$rounds" ] || fail 'no upkeep'
    until now=$(call GET /v1/upkeep | jq .rounds) && [ "${now:-fail}" -gt "$rounds" ]; do [ -n "$now" ] || fail 'no upkeep'; done
}
trusted() { call GET /v1/upkeep | jq .clock.trusted; }
# entries KIND [NAME]: how many are in the log.
entries() {
    call GET '/v1/log/entries?from=0&count=1000' |
        jq "[.entries[].event | select(.kind == \"$1\" and (\"${2:-}\" == \"\" or .name == \"${2:-}\"))] | length"
}

# person NAME ROLE [TENANT]: enrols $T/NAME.
person() {
    of=${3:+,\"tenant\":\"$3\"}
    expect_status 0 call POST /v1/tokens "{\"type\":\"person\",\"role\":\"$2\"$of}"
    expect_status 0 env ABRI_CONFIG_DIR="$T/$1" "$ABRI" enrol "$URL" "$(jq -r .token "$T/out")" --name "$1"
}
# admin NAME WORD…: abri admin as that person; by NAME METHOD PATH …: a call.
admin() {
    who=$1
    shift
    ABRI_CONFIG_DIR="$T/$who" "$ABRI" --vault "$URL" admin "$@"
}
by() {
    who=$1
    shift
    admin "$who" call "$@"
}
# ask NAME ROLE KIND PARAMETERS SUBJECT: a request, in $request.
ask() {
    expect_status 0 by "$1" POST /v1/requests "{\"role\":\"$2\",\"kind\":\"$3\",\"parameters\":$4,$5}"
    request=$(jq -r .request "$T/out")
}
approve() { expect_status 0 by "$1" POST "/v1/requests/$request/approve" "{\"role\":\"$2\"}"; }
state() { call GET /v1/requests | jq -r ".requests[] | select(.request == \"$request\") | .state"; }
