#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One wrong byte in any object: the second reader refuses, or what it restores is right all the same.

    second-reader-flips.py READER VAULT SOURCE SCRATCH

Flips a bit at four places of each object that a reader reads, one after the other, and restores the latest snapshot each time. The reader is
loaded once, and derives each key from a passphrase once: these are the same in every round unless the flipped byte feeds them, and then the
derivation is another one. Everything else is read and verified anew. Only what lies in a pack may go unnoticed: frames that only older
snapshots need are not read.
"""

import functools
import importlib.machinery
import importlib.util
import os
import shutil
import sys

KINDS = "vault keys recipients writers sessions resealed revoked packs snapshots".split()


def load(path):
    loader = importlib.machinery.SourceFileLoader("second_reader", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("second_reader", loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    module.nacl.pwhash.argon2id.kdf = functools.lru_cache(None)(module.nacl.pwhash.argon2id.kdf)
    return module


def objects(vault):
    for kind in KINDS:
        top = os.path.join(vault, kind)
        if os.path.isfile(top):
            yield top
        for folder, _, names in os.walk(top):
            yield from (os.path.join(folder, name) for name in sorted(names))


def tree(top):
    found = {}
    for folder, _, names in os.walk(top):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                found[os.path.relpath(os.path.join(folder, name), top)] = file.read()
    return found


def restore(reader, vault, scratch):
    """The status that the program would have, and why."""
    shutil.rmtree(scratch, ignore_errors=True)
    before = set(os.listdir("/proc/self/fd"))
    try:
        return reader.main([vault, "restore", "latest", scratch]), ""
    except (reader.Refused, OSError) as problem:
        return 1, str(problem)
    finally:  # a program that ends leaves nothing open
        for fd in set(os.listdir("/proc/self/fd")) - before:
            try:
                os.close(int(fd))
            except OSError:
                pass


def main(reader_path, vault, source, scratch):
    reader, wanted = load(reader_path), tree(source)
    restored = os.path.join(scratch, source.lstrip("/"))
    refused = harmless = 0
    status, why = restore(reader, vault, scratch)
    assert status == 0 and tree(restored) == wanted, f"the vault is not sound: {why}"
    for path in list(objects(vault)):
        with open(path, "rb") as file:
            good = file.read()
        os.chmod(path, 0o600)
        for at in (9, len(good) // 3, len(good) * 3 // 4, len(good) - 1):
            with open(path, "wb") as file:
                file.write(good[:at] + bytes([good[at] ^ 4]) + good[at + 1:])
            status, why = restore(reader, vault, scratch)
            where = f"{os.path.relpath(path, vault)} at {at}"
            if status == 1:
                assert why, f"{where}: refused without a word"
                refused += 1
            elif status == 0 and "/packs/" in path:
                assert tree(restored) == wanted, f"{where}: wrong content"
                harmless += 1
            else:
                sys.exit(f"{where}: status {status}")
        with open(path, "wb") as file:
            file.write(good)
    assert refused > harmless, f"only {refused} of {refused + harmless} were noticed"
    print(f"{refused} refused, {harmless} in frames that the snapshot does not need")


main(*sys.argv[1:])
