#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""second_reader.py <log_make>: audits logs from docs/format/log.md alone.
second_reader.py --audit DIR KEY [WITNESS]: audits one."""
import base64, hashlib, os, struct, subprocess, sys, tempfile
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Bad(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Bad(what)


def sha(data):
    return hashlib.sha256(data).digest()


def leaf(entry):
    return sha(b"\0" + entry)


def root(hashes):
    if not hashes:
        return sha(b"")
    if len(hashes) == 1:
        return hashes[0]
    k = 1 << (len(hashes) - 1).bit_length() - 1
    return sha(b"\1" + root(hashes[:k]) + root(hashes[k:]))


def unbase64(text):
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, "base64 that is not canonical")
    return data


def parse_key(text, algorithm):
    name, rest = text.split("+", 1)
    key_id, material = rest.split("+", 1)
    material = unbase64(material)
    need(material[0] == algorithm and len(material) == 33, "a key of another kind")
    need(sha(name.encode() + b"\n" + material)[:4].hex() == key_id, "a key that does not fit its id")
    return name, bytes.fromhex(key_id), Ed25519PublicKey.from_public_bytes(material[1:])


def parse_note(data, log, witness=None):
    """Size and root of a note that the log signed; the witness's, too, if one is given."""
    need(len(data) <= 65536, "a note that is too long")
    note = data.decode("utf-8")
    need(all(c >= " " or c == "\n" for c in note), "control characters")
    text, lines = note.rsplit("\n\n", 1)
    text += "\n"
    need(lines.endswith("\n"), "a note without its last newline")
    found = []
    for line in lines[:-1].split("\n"):
        dash, name, signature = line.split(" ")
        signature = unbase64(signature)
        need(dash == "\u2014" and name and "+" not in name and len(signature) > 4, "a line that is not well formed")
        found.append((name, signature[:4], signature[4:]))
    need(1 <= len(found) <= 100, "too many signatures, or none")

    def signature_of(key):
        mine = [s for n, i, s in found if (n, i) == key[:2]]
        need(len(mine) == 1, "not signed exactly once by " + key[0])
        return mine[0]
    log[2].verify(signature_of(log), text.encode())
    if witness:
        signature = signature_of(witness)
        need(len(signature) == 72, "a cosignature of another length")
        seconds = struct.unpack(">Q", signature[:8])[0]
        witness[2].verify(signature[8:], b"cosignature/v1\ntime %d\n" % seconds + text.encode())
    origin, size, top = text.split("\n")[:3]
    need(origin == log[0] and size == str(int(size)), "another log, or an odd size")
    top = unbase64(top)
    need(len(top) == 32, "a root of another length")
    return int(size), top


def parse_bundle(data, count):
    entries, at = [], 0
    for _ in range(count):
        need(at + 2 <= len(data), "a bundle that ends early")
        length = struct.unpack_from(">H", data, at)[0]
        at += 2
        need(at + length <= len(data), "an entry that ends early")
        entries.append(data[at:at + length])
        at += length
    need(at == len(data), "bytes behind a bundle")
    return entries


def tile_path(level, n, width):
    groups = ["%03d" % (n % 1000)]
    while n >= 1000:
        n //= 1000
        groups.insert(0, "x%03d" % (n % 1000))
    return "tile/%s/%s" % (level, "/".join(groups)) + ("" if width == 256 else ".p/%d" % width)


def parse_pending(data, size, log):
    """Entries behind `size`, and the last note's size and root (None if there is none)."""
    need(len(data) >= 512 and data[:8] == b"abri.LPJ", "no journal")
    version, zero, base = struct.unpack_from("<IIQ", data, 8)
    need(version == 1, "a newer journal")
    need(zero == 0 and sha(data[:24]) == data[24:56] and not any(data[56:512]), "a changed head")
    need(base <= size, "a checkpoint that is older than the journal")
    at, next_entry, entries, last = 512, base, [], None
    while at + 512 <= len(data) and any(data[at:at + 512]):
        magic, first, count, e, n, zero = struct.unpack_from("<8sQIIII", data, at)
        need(magic == b"abri.LPR" and zero == 0 and 1 <= count <= 256, "no record")
        need(sha(data[at:at + 32]) == data[at + 32:at + 64], "a changed head of a record")
        end = at + 64 + e + n
        whole = at + (end + 32 - at + 511) // 512 * 512
        if whole > len(data):
            break
        need(sha(data[at:end]) == data[end:end + 32] and not any(data[end + 32:whole]), "a changed record")
        need(first == next_entry, "a record that does not go on")
        next_entry = first + count
        if first >= size:
            entries += parse_bundle(data[at + 64:at + 64 + e], count)
            last = parse_note(data[at + 64 + e:end], log)
            need(last[0] == next_entry, "a checkpoint of another size")
        else:
            need(next_entry <= size, "a checkpoint within a record")
        at = whole
    return entries, last


def audit(directory, key, witness=None):
    log = parse_key(key, 1)

    def read(name):
        with open(os.path.join(directory, name), "rb") as f:
            return f.read()
    size, top = parse_note(read("checkpoint"), log)
    entries = []
    for n in range((size + 255) // 256):
        width = min(256, size - 256 * n)
        entries += parse_bundle(read(tile_path("entries", n, width)), width)
    level, hashes = 0, [leaf(e) for e in entries]
    need(root(hashes) == top, "another root")
    leaves = list(hashes)
    while hashes:
        for n in range((len(hashes) + 255) // 256):
            part = hashes[256 * n:256 * n + 256]
            need(read(tile_path(level, n, len(part))) == b"".join(part), "another tile")
        hashes = [root(hashes[i:i + 256]) for i in range(0, len(hashes) // 256 * 256, 256)]
        level += 1
    behind, last = parse_pending(read("pending"), size, log)
    leaves += [leaf(e) for e in behind]
    if last:
        need(last == (len(leaves), root(leaves)), "the journal's checkpoint has another root")
    if os.path.exists(os.path.join(directory, "cosigned")):
        seen, seen_root = parse_note(read("cosigned"), log, witness and parse_key(witness, 4))
        need(seen <= len(leaves) and root(leaves[:seen]) == seen_root, "a witness saw another log")
    return entries + behind


def expected(i):
    return b"entry %d\n" % i * (i % 50)


def refused(directory, key):
    try:
        audit(directory, key)
        return False
    except (Bad, InvalidSignature, OSError, ValueError):
        return True


def main():
    with tempfile.TemporaryDirectory(prefix="abri-log-") as top:
        for size, behind in ((0, 0), (1, 0), (255, 0), (256, 0), (257, 3), (700, 40), (1024, 0), (250, 20)):
            directory = os.path.join(top, "%d-%d" % (size, behind))
            args = [sys.argv[1], directory, str(size)] + ([str(behind)] if behind else [])
            done = subprocess.run(args, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            said = dict(line.split("=", 1) for line in done.stdout.splitlines())
            entries = audit(directory, said["key"], said["witness"])
            assert len(entries) == int(said["size"]) == size + behind, (len(entries), said)
            assert all(e == expected(i) for i, e in enumerate(entries))
            # This reader is no sieve: it refuses a changed byte in each file.
            if size != 700:
                continue
            for at, _, names in os.walk(directory):
                for name in names:
                    path = os.path.join(at, name)
                    if os.path.getsize(path) == 0:
                        continue
                    with open(path, "r+b") as f:
                        byte = f.read(1)
                        f.seek(0)
                        f.write(bytes([byte[0] ^ 1]))
                        f.flush()
                        # Partial tiles of earlier checkpoints are not read here.
                        old = ".p" in path and name not in ("188", "2")
                        assert old or refused(directory, said["key"]), path
                        f.seek(0)
                        f.write(byte)
            audit(directory, said["key"], said["witness"])


if sys.argv[1] == "--audit":
    print(len(audit(*sys.argv[2:])))
else:
    main()
