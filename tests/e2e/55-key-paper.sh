#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A vault whose passphrase is lost comes back from a sheet or from any K of N
# shares, printed, scanned or typed; what is wrong with one is said in a line.
. "$(dirname "$0")/lib.sh"
ABRI=$(realpath "$ABRI")
reader=$(realpath "$(dirname "$0")/../../tools/second-reader")

mkdir "$T/src"
echo content >"$T/src/file"
make_vault
expect_status 0 "$ABRI" backup "$T/src"
"$ABRI" -r "$T/other" init --kdf-memory 1 --kdf-passes 1 -q || fail 'another vault'
lost() { env -u ABRI_PASSPHRASE ABRI_NEW_PASSPHRASE="$1" "$ABRI" key combine "$2" ${3:-}; }
restores() {
    rm -rf "$T/back"
    expect_status 0 env ABRI_PASSPHRASE="$1" "$ABRI" restore "latest:$T/src" -t "$T/back"
    expect_same_tree "$T/src" "$T/back"
}
# half_blocks FILE: the code in a text page as a picture
half_blocks() {
    python3 - "$1" "$T/code.pbm" <<'END'
import sys
rows = []
for line in open(sys.argv[1], encoding="utf-8").read().split("\n"):
    if len(line) > 30 and not line.strip(" ▀▄█"):
        rows.append([c in "▀█" for c in line])
        rows.append([c in "▄█" for c in line])
width = len(rows[0])
with open(sys.argv[2], "w") as out:
    out.write(f"P1\n{width * 6} {len(rows) * 6}\n")
    for row in rows:
        line = " ".join(" ".join("1" if dark else "0" for _ in range(6)) for dark in row)
        out.write((line + "\n") * 6)
END
}
have_zbar=no
command -v zbarimg >/dev/null && have_zbar=yes

step 'a sheet'
expect_status 0 "$ABRI" key sheet --label 'Safe 3 <left>'
cp "$T/out" "$T/sheet"
expect_grep 'Safe 3 <left>' "$T/sheet"
expect_grep "$T/vault" "$T/sheet"
expect_equal "$(python3 -c 'import sys; print(max(len(line.rstrip()) for line in open(sys.argv[1], encoding="utf-8")) <= 80)' "$T/sheet")" True 'eighty columns'
expect_status 0 env -u ABRI_PASSPHRASE "$ABRI" --key-file "$T/sheet" ls latest
expect_status 0 lost 'from the sheet' "$T/sheet"
restores 'from the sheet'
expect_status 2 env ABRI_NEW_PASSPHRASE=x "$ABRI" -r "$T/other" key combine "$T/sheet"
expect_one_error
expect_grep 'another vault' "$T/err"
expect_status 1 "$ABRI" -r "$T/other" --key-file "$T/sheet" ls latest
expect_one_error

step 'its line as somebody types it'
sed -n '/^ *[1-5]: /p' "$T/sheet" | tr 'A-Z' 'a-z' | tr -d ' ' | tr 01 ol | sed 's/^l:/1:/' >"$T/typed"
expect_status 0 lost 'typed' "$T/typed"
restores typed
sed 's/^\( *3: \).\(.*\)/\1$\2/' "$T/sheet" >"$T/bad"
expect_status 1 lost x "$T/bad"
expect_one_error
expect_grep "bad.*line 3" "$T/err"
grep -v '^ *4:' "$T/sheet" >"$T/bad"
expect_status 1 lost x "$T/bad"
expect_one_error
expect_grep 'line 4' "$T/err"
expect_status 2 lost x "$T/src/file"
expect_one_error
expect_status 1 lost x "$T/none"
expect_one_error

step 'its code, read by another program'
if [ $have_zbar = yes ]; then
    half_blocks "$T/sheet"
    zbarimg -q --raw "$T/code.pbm" >"$T/scan" 2>/dev/null || fail 'zbarimg reads no code in the text'
    expect_grep '^ABRI1:' "$T/scan"
    expect_status 0 lost scanned "$T/scan"
    restores scanned
fi
expect_status 0 "$ABRI" key sheet --svg "$T/sheet.svg"
expect_equal "$(stat -c %a "$T/sheet.svg")" 600
expect_status 1 "$ABRI" key sheet --svg "$T/sheet.svg"
expect_one_error
if [ $have_zbar = yes ] && command -v rsvg-convert >/dev/null; then
    rsvg-convert -z 3 "$T/sheet.svg" -o "$T/sheet.png" || fail rsvg-convert
    zbarimg -q --raw "$T/sheet.png" >"$T/scan2" 2>/dev/null || fail 'zbarimg reads no code in the SVG'
    cmp "$T/scan" "$T/scan2" || fail 'the two codes differ'
fi
expect_status 0 "$ABRI" --json key sheet
if [ $have_zbar = yes ]; then expect_equal "$(field sheet code)" "$(cat "$T/scan")"; fi

step 'typed in, at a terminal'
cat >"$T/type.py" <<'END'
import os, pty, re, sys
abri, sheet, wrong = sys.argv[1], open(sys.argv[2], encoding="utf-8").read(), sys.argv[3] == "wrong"
lines = re.findall(r"^ *\d: (.*)", sheet, re.M)[:5]
answers = ([lines[1]] if wrong else []) + lines + ["by hand", "by hand"]
pid, tty = pty.fork()
if pid == 0:
    os.execv(abri, [abri, "key", "combine", "--sheet"])
seen = b""
while True:
    try:
        got = os.read(tty, 4096)
    except OSError:
        break
    if not got:
        break
    seen += got
    while answers and re.search(rb": $", seen):
        os.write(tty, answers.pop(0).encode() + b"\n")
        seen = b""
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
for how in right wrong; do
    expect_status 0 env -u ABRI_PASSPHRASE python3 "$T/type.py" "$ABRI" "$T/sheet" $how
    restores 'by hand'
    expect_status 0 env ABRI_PASSPHRASE='by hand' "$ABRI" --json key list
    expect_status 0 "$ABRI" key remove "$(jq -r 'select(.opened) | .id' "$T/out")"
done

step 'shares'
expect_status 0 "$ABRI" key split 3 5 --output "$T/shares"
expect_equal "$(ls "$T/shares" | wc -l)" 10
expect_equal "$(stat -c %a "$T/shares" "$T/shares/share-1.txt" "$T/shares/share-1.svg" | sort -u | tr '\n' ' ')" '600 700 '
cd "$T/shares" || fail cd
combine() { expect_status "$1" env -u ABRI_PASSPHRASE ABRI_NEW_PASSPHRASE="$2" "$ABRI" key combine $3; }
for set in '1 2 3' '5 3 1' '2 4 5'; do
    names=$(for i in $set; do printf 'share-%s.txt ' "$i"; done)
    combine 0 "by $set" "$names"
    restores "by $set"
done
combine 0 'with one twice' 'share-1.txt share-1.txt share-2.txt share-5.txt'
cat share-*.txt >all
combine 0 'all in one file' all
expect_status 0 "$ABRI" key split 2 2
combine 2 x 'share-1.txt share-2.txt'
expect_one_error
expect_grep 'too few shares: 2 of the 3' "$T/err"
expect_status 0 "$ABRI" key split 3 5 --output "$T/again"
combine 2 x "share-1.txt share-2.txt $T/again/share-3.txt"
expect_one_error
expect_grep 'different sets' "$T/err"
expect_status 0 "$ABRI" -r "$T/other" key split 3 5 --output "$T/foreign"
combine 2 x "share-1.txt $T/foreign/share-2.txt share-3.txt"
expect_one_error
expect_grep "foreign/share-2.txt' is a share of another vault" "$T/err"
sed 's/^\( *5: \).\(.*\)/\1%\2/' share-2.txt >damaged
combine 1 x 'share-1.txt damaged share-3.txt'
expect_one_error
expect_grep "damaged': line 5" "$T/err"
combine 2 x "share-1.txt $T/sheet share-3.txt"
expect_one_error
expect_status 2 "$ABRI" --key-file share-1.txt ls latest
expect_one_error
for bad in '1 3' '3 2' '0 0' 'two three' '2 256' '2'; do
    expect_status 2 "$ABRI" key split $bad
    expect_one_error
done

step 'a share of a forger is found out'
if /usr/bin/python3 -c 'import nacl, cryptography, zstandard' 2>/dev/null; then
    /usr/bin/python3 - "$reader" share-2.txt >forged <<'END'
import importlib.machinery, importlib.util, re, sys
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("reader", sys.argv[1])
reader = importlib.util.module_from_spec(importlib.util.spec_from_loader("reader", loader))
loader.exec_module(reader)
digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
text = "".join(re.sub(" ", "", line)[:-2] for line in re.findall(r"^ *\d: (.*)", open(sys.argv[2], encoding="utf-8").read(), re.M)[:5])
number = 0
for c in text:
    number = number * 32 + digits.index(c)
data = bytearray((number >> (len(text) * 5 - 59 * 8)).to_bytes(59, "big"))
data[40] ^= 1
data[55:] = reader.H(b"abri sheet" + bytes(data[:55]))[:4]
number = int.from_bytes(data, "big") << (95 * 5 - 59 * 8)
print("ABRI1:" + "".join(digits[number >> 5 * (94 - i) & 31] for i in range(95)))
END
    combine 1 x 'share-1.txt forged share-3.txt'
    expect_one_error
    expect_grep 'one of them is wrong' "$T/err"
    combine 0 'in spite of it' 'share-1.txt forged share-3.txt share-4.txt'
    expect_grep "forged.*this share is wrong" "$T/err"
    restores 'in spite of it'
fi

step 'after a new key, paper of the old one is void'
expect_status 0 "$ABRI" key rotate
combine 1 x 'share-1.txt share-2.txt share-3.txt'
expect_one_error
expect_status 1 lost x "$T/sheet"
expect_one_error
restores 'correct horse'
