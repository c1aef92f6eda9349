#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# floors-refuses.sh <floors.sh>: each rule of floors.sh is broken once in a small
# tree, and must be noticed; what only looks like a breach must not be.
set -u
floors=${1:?usage: floors-refuses.sh <floors.sh>}
tree=$(mktemp -d "${TMPDIR:-/tmp}/abri-rules-XXXXXX") || exit 2
trap 'rm -rf "$tree"' EXIT
failures=0
spdx='/* SPDX-License-Identifier: Apache-2.0 */'

# file <path> <text>: a source file with its licence and that text.
file() {
    mkdir -p "$tree/$(dirname "$1")"
    printf '%s\n%s\n' "$spdx" "$2" >"$tree/$1"
}
fresh() {
    rm -rf "$tree/src"
    file src/base/err.h ''
    file src/base/mem.c 'void mem_free(void *p) { free(p); }'
    printf '# SPDX-License-Identifier: Apache-2.0\n' >"$tree/src/base/meson.build"
}
refused() {
    if out=$(sh "$floors" "$tree"); then
        echo "not refused: $1"
        failures=$((failures + 1))
    elif [ "$(printf '%s\n' "$out" | grep -c .)" != 1 ]; then
        printf 'not exactly one complaint: %s\n%s\n' "$1" "$out"
        failures=$((failures + 1))
    fi
    fresh
}
accepted() {
    if ! out=$(sh "$floors" "$tree"); then
        printf 'refused: %s\n%s\n' "$1" "$out"
        failures=$((failures + 1))
    fi
    fresh
}

fresh
accepted 'a clean tree'
file src/vault/a.c '#include "store/store.h"'
file src/cli/a.c '#include "vault/vault.h"'
file src/vault/b.c '#include "vault/pack.h"'
accepted 'includes that run downwards, and within the room'
file src/base/a.c '#include "store/store.h"'
refused 'an include upwards'
file src/source/a.c '#  include "target/target.h"'
refused 'an include sideways'
file src/vault/a.c '#include "seal/seal.h"'
refused 'the vault looks at what decrypts, though it is lower'
file src/store/a.c '#include "seal/seal.h"'
refused 'the store looks at what decrypts'
file src/sign/a.c '#include "base/../seal/seal.h"'
refused 'a way round'
file src/sign/a.c '#include "sign.h"'
refused 'an include without its room'
file src/work/a.c '#include "../store/store.h"'
refused 'an include by a relative path'
file src/work/a.c '#include "attic/old.h"'
refused 'an include of an unknown room'
file src/attic/a.c ''
refused 'a room without a floor'
file src/work/a.c '#include "store/store_test.h"'
refused 'a program that includes what is for tests'
file src/store/a.c '#include "store/store_test.h"'
accepted 'the room that implements what is for tests'
mkdir -p "$tree/src/vault"
printf '# SPDX-License-Identifier: Apache-2.0\ndependencies: [dep_base, dep_content]\n' >"$tree/src/vault/meson.build"
refused 'the vault links what decrypts'
mkdir -p "$tree/src/store"
printf '# SPDX-License-Identifier: Apache-2.0\ndependencies: [dep_base, dep_seal]\n' >"$tree/src/store/meson.build"
refused 'the store links what decrypts'
printf '\n' >"$tree/src/base/bare.h"
refused 'no licence'
printf 'lib = 1\n' >"$tree/src/base/meson.build"
refused 'a build file without licence'
file src/base/long.c "$(yes 'int x;' | head -n 600)"
refused 'a file of 601 lines'
file src/base/long.c "$(yes 'int x;' | head -n 599)"
accepted 'a file of 600 lines'
for name in strcpy strcat sprintf gets strtok alloca system popen mktemp atoi \
    malloc calloc realloc free strdup; do
    file src/work/a.c "void f(void) { if (1) { (void)$name (0); } }"
    refused "a call of $name"
done
file src/work/a.c 'int snprintf(int); int fgets(int); int mem_free(int); int my_system(int); /* free(x)
malloc(1) */ const char *s = "system(\"x\") \\"; // atoi(2)
char c = '\''"'\''; int x = /* */ fgets(1);'
accepted 'names that only contain a banned one, comments and strings'
file src/work/a.c 'char c = '\''"'\''; /* "*/ int y = atoi("1");'
refused 'a call hidden behind a quote in a comment'

[ "$failures" = 0 ]
