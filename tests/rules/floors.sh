#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# floors.sh <source root>: the rules of the house that a compiler cannot check.
#
#   1. A room includes only itself and rooms on lower floors, always as "room/file.h".
#   2. What the keeper runs cannot reach what decrypts: vault, sign and store
#      include, and link, only the rooms that are listed for them below.
#   3. Headers for tests (…_test.h) stay in their room and in the tests.
#   4. No file is longer than 600 lines; each begins with its licence.
#   5. Banned functions are not called; memory comes from base/mem.c alone.
#
# Prints one line for each breach, in the form of a compiler, and fails if there
# is any. A new room needs a floor here and in docs/ARCHITECTURE.md.
set -u
LC_ALL=C
export LC_ALL

cd "${1:?usage: floors.sh <source root>}" || exit 2
[ -d src/base ] || {
    echo "floors.sh: there is no src/base in $1" >&2
    exit 2
}

files=$(mktemp "${TMPDIR:-/tmp}/abri-floors-XXXXXX") || exit 2
trap 'rm -f "$files"' EXIT
find src -type f \( -name '*.c' -o -name '*.h' -o -name 'meson.build' \) ! -path 'src/third/*' |
    sort >"$files" || exit 2

# shellcheck disable=SC2016 # the dollars are awk's
tr '\n' '\0' <"$files" | xargs -0 awk '
function assign(floor, rooms,    n, i, part) {
    n = split(rooms, part, " ")
    for (i = 1; i <= n; i++)
        floor_of[part[i]] = floor
}
function complain(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    breaches++
}
function check_include(target,    other) {
    if (target !~ /^[a-z0-9_]+\/[a-z0-9_]+\.h$/) {
        complain("include \"" target "\": write it as \"room/file.h\"")
        return
    }
    other = target
    sub(/\/.*/, "", other)
    if (other == room)
        return
    if (room in only && index(" " only[room] " ", " " other " ") == 0)
        complain("include \"" target "\": room " room " may use only: " only[room])
    else if (!(other in floor_of))
        complain("include \"" target "\": room " other " has no floor")
    else if (room in floor_of && floor_of[other] >= floor_of[room])
        complain("include \"" target "\": room " room " (floor " floor_of[room] \
                 ") may not look at " other " (floor " floor_of[other] ")")
    if (target ~ /_test\.h$/)
        complain("include \"" target "\": it is for tests")
}
function check_link(line,    other) {
    if (!(room in only))
        return
    while (match(line, /(dep|lib)_[a-z0-9_]+/)) {
        other = substr(line, RSTART + 4, RLENGTH - 4)
        line = substr(line, RSTART + RLENGTH)
        if (other != room && other in floor_of && index(" " only[room] " ", " " other " ") == 0)
            complain("room " room " links " other ", but may use only: " only[room])
    }
}
# The line without comments and without the text of strings.
function code_of(line,    out, two, quote, c) {
    out = ""
    while (line != "") {
        two = substr(line, 1, 2)
        if (in_comment) {
            if (two == "*/") {
                in_comment = 0
                line = substr(line, 3)
            } else
                line = substr(line, 2)
            continue
        }
        if (two == "/*") {
            in_comment = 1
            line = substr(line, 3)
            out = out " "
            continue
        }
        if (two == "//")
            break
        c = substr(line, 1, 1)
        line = substr(line, 2)
        out = out c
        if (c != "\"" && c != "\x27")
            continue
        quote = c
        while (line != "" && substr(line, 1, 1) != quote)
            line = substr(line, substr(line, 1, 1) == "\\" ? 3 : 2)
        line = substr(line, 2)
        out = out quote
    }
    return out
}
function check_calls(code,    name) {
    while (match(code, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
        name = substr(code, RSTART, RLENGTH - 1)
        code = substr(code, RSTART + RLENGTH)
        sub(/[ \t]+$/, "", name)
        if (name in banned)
            complain(name " is banned: " banned[name])
        else if (name in memory && FILENAME != "src/base/mem.c")
            complain(name " belongs to base/mem.c: use mem_alloc, mem_strdup, mem_free")
    }
}
function ban(names, why,    n, i, part) {
    n = split(names, part, " ")
    for (i = 1; i <= n; i++)
        banned[part[i]] = why
}
BEGIN {
    assign(0, "base")
    assign(1, "chunk sign policy detect entry select profile wire box layout")
    assign(2, "seal store http pki tlog")
    assign(3, "vault")
    assign(4, "content source target remote disk")
    assign(5, "work export")
    assign(6, "server view")
    assign(7, "fleet attack machine mount")
    assign(8, "cli daemon nbdkit")
    assign(9, "manual")
    only["sign"] = "base"
    only["store"] = "base"
    only["vault"] = "base policy sign store"
    only["wire"] = "base"
    only["http"] = "base"
    only["pki"] = "base"
    only["tlog"] = "base sign"
    only["server"] = "base policy sign store vault http pki tlog wire"
    only["daemon"] = "base http pki profile sign server wire"
    ban("strcpy strcat sprintf vsprintf gets strtok", "it knows no bounds")
    ban("alloca", "the stack has no bounds")
    ban("system popen", "abri starts no shell")
    ban("mktemp tmpnam", "the name can be taken by another")
    ban("atoi atol atoll", "it takes any text for a number")
    split("malloc calloc realloc reallocarray free strdup strndup", list, " ")
    for (i in list)
        memory[list[i]] = 1
}
FNR == 1 {
    split(FILENAME, part, "/")
    room = part[2]
    is_c = FILENAME ~ /\.[ch]$/
    in_comment = 0
    if (room == "meson.build")
        room = "" # of src itself
    else if (!(room in floor_of) && !(room in reported)) {
        complain("room " room " has no floor: give it one in tests/rules/floors.sh")
        reported[room] = 1
    }
    if (is_c && $0 != "/* SPDX-License-Identifier: Apache-2.0 */")
        complain("the first line must be /* SPDX-License-Identifier: Apache-2.0 */")
    if (!is_c && $0 != "# SPDX-License-Identifier: Apache-2.0")
        complain("the first line must be # SPDX-License-Identifier: Apache-2.0")
}
FNR == 601 { complain("longer than 600 lines: it has two purposes, give each a file") }
!is_c { check_link($0); next }
/^[ \t]*#[ \t]*include[ \t]*"/ {
    target = $0
    sub(/^[^"]*"/, "", target)
    sub(/".*/, "", target)
    check_include(target)
    next
}
{ check_calls(code_of($0)) }
END { exit breaches > 0 }
'
