# SPDX-License-Identifier: Apache-2.0
# Puts an nbdkit in front of PATH that can load our module, whatever it was built with. Sourced behind lib.sh.
for program in nbdkit nbdinfo nbdcopy qemu-img qemu-io /usr/bin/python3; do
    command -v "$program" >/dev/null || skip "no $program"
done
PLUGIN=$(dirname "$ABRI")/nbdkit-abri-plugin.so
[ -r "$PLUGIN" ] || fail "no $PLUGIN"

# A module under a sanitizer needs it in the program that loads it.
mkdir "$T/bin"
sanitizer=$(ldd "$PLUGIN" | sed -n 's/.*libasan[^ ]* => \([^ ]*\) .*/\1/p')
[ -z "$sanitizer" ] || sanitizer="$sanitizer $(realpath "$(dirname "$ABRI")/tests/e2e/quick_exit.so")"
printf '#!/bin/sh\n[ -z "%s" ] || export LD_PRELOAD="%s" ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0"\nexec %s "$@"\n' \
    "$sanitizer" "$sanitizer" "$(command -v nbdkit)" >"$T/bin/nbdkit"
chmod +x "$T/bin/nbdkit"
PATH="$T/bin:$PATH"
