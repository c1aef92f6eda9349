#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""second_opinion.py SHOW: file systems made by their own tools and tables made by sfdisk are recognised
as blkid and sfdisk themselves see them. What is not installed is left out, and said."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

show = sys.argv[1]
os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
os.environ["LC_ALL"] = "C.UTF-8"
work = tempfile.mkdtemp(prefix="abri-layout-")
failures = 0
checks = 0

NAMES = {"vfat": ("fat12", "fat16", "fat32"), "LVM2_member": ("lvm2",), "crypto_LUKS": ("luks1", "luks2"),
         "linux_raid_member": ("md",), "zfs_member": ("zfs",), "BitLocker": ("bitlocker",), "ReFS": ("refs",)}


def run(*argv, stdin=None, ok=(0,)):
    r = subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    if r.returncode not in ok:
        raise SystemExit("%s: %s" % (" ".join(argv), r.stdout.decode(errors="replace")))
    return r.stdout.decode(errors="replace")


def look(path):
    return json.loads(run(show, path))


def blkid(path, start=0, size=0):
    argv = ["blkid", "-p", "-o", "udev", "-O", str(start)] + (["-S", str(size)] if size else []) + [path]
    pairs = (line.split("=", 1) for line in run(*argv, ok=(0, 2)).splitlines() if "=" in line)
    return {k[6:].replace("_ENC", ""): plain(v) for k, v in pairs if k.endswith("_ENC") or k == "ID_FS_TYPE"}


def plain(text):
    """Of \\xNN, as udev escapes."""
    raw = re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), text.encode())
    return raw.decode(errors="replace").rstrip(" ")


def same(what, ours, theirs):
    global failures, checks
    checks += 1
    if ours != theirs:
        failures += 1
        print("%s: %r, but should be %r" % (what, ours, theirs))


def compare(what, part, theirs, expected=None):
    kind = theirs.get("TYPE", "")
    allowed = NAMES.get(kind, (kind,))
    same(what + ": content", part["content"] if part["content"] not in allowed else kind, kind)
    if expected:
        same(what + ": content", part["content"], expected)
    same(what + ": label", part["label"], theirs.get("LABEL", ""))
    same(what + ": id", part["id"], theirs.get("UUID", ""))


def image(name, size):
    path = os.path.join(work, name)
    with open(path, "wb") as f:
        f.truncate(size)
    return path


M = 1 << 20
KINDS = [
    ("ext2", 8 * M, ["mkfs.ext2", "-q", "-F", "-L", "Größe 1"]),
    ("ext3", 16 * M, ["mkfs.ext3", "-q", "-F", "-L", "three"]),
    ("ext4", 16 * M, ["mkfs.ext4", "-q", "-F", "-L", "sixteen-bytes-xx"]),
    ("ext4", 16 * M, ["mkfs.ext4", "-q", "-F", "-b", "1024", "-O", "^has_journal"]),
    ("jbd", 8 * M, ["mke2fs", "-q", "-F", "-O", "journal_dev", "-L", "journal"]),
    ("xfs", 320 * M, ["mkfs.xfs", "-q", "-f", "-L", "twelve-bytes"]),
    ("xfs", 320 * M, ["mkfs.xfs", "-q", "-f", "-m", "crc=0"]),
    ("btrfs", 128 * M, ["mkfs.btrfs", "-q", "-f", "-L", "a longer name of a btrfs, with spaces"]),
    ("f2fs", 64 * M, ["mkfs.f2fs", "-q", "-f", "-l", "flash"]),
    ("ntfs", 16 * M, ["mkfs.ntfs", "-q", "-F", "-f", "-L", "Daten Müller"]),
    ("ntfs", 16 * M, ["mkfs.ntfs", "-q", "-F", "-f", "-s", "4096"]),
    ("fat12", 1 * M, ["mkfs.vfat", "-F", "12", "-n", "TWELVE"]),
    ("fat16", 16 * M, ["mkfs.vfat", "-F", "16", "-n", "SIX TEEN"]),
    ("fat32", 64 * M, ["mkfs.vfat", "-F", "32", "-n", "THIRTYTWO"]),
    ("fat32", 64 * M, ["mkfs.vfat", "-F", "32"]),
    ("fat32", 300 * M, ["mkfs.vfat", "-F", "32", "-S", "4096", "-n", "BIGSECTORS"]),
    ("exfat", 16 * M, ["mkfs.exfat", "-L", "extern"]),
    ("swap", 1 * M, ["mkswap", "-q", "-L", "swapped"]),
    ("swap", 1 * M, ["mkswap", "-q", "-p", "65536"]),
    ("luks1", 20 * M, ["cryptsetup", "-q", "luksFormat", "--type", "luks1", "--pbkdf-force-iterations", "1000", "-"]),
    ("luks2", 20 * M, ["cryptsetup", "-q", "luksFormat", "--type", "luks2", "--label", "locked", "--pbkdf", "pbkdf2",
                       "--pbkdf-force-iterations", "1000", "-"]),
    ("lvm2", 8 * M, ["pvcreate", "-q", "-ff", "-y", "--devicesfile", "", "--config",
                     'devices{filter=["a|.*|"] scan_lvs=0} global{locking_type=0}']),
    ("squashfs", 0, None),
]


def make(kind, size, argv, number):
    path = image("%02d-%s" % (number, kind), size)
    if kind == "squashfs":
        os.unlink(path)
        os.mkdir(path + ".d")
        run("mksquashfs", path + ".d", path, "-quiet", "-no-progress")
        return path
    if kind.startswith("luks"):
        run(*argv[:-1], path, "-", stdin=b"secret")
        return path
    if kind == "lvm2":
        return make_pv(path, argv)
    run(*argv, path)
    return path


def make_pv(path, argv):
    """pvcreate wants a device; without loop devices this kind is left out."""
    loop = subprocess.run(["losetup", "-f", "--show", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if loop.returncode:
        return None
    device = loop.stdout.decode().strip()
    try:
        run(*argv, device)
    finally:
        run("losetup", "-d", device)
    return path


def file_systems():
    made = []
    for number, (kind, size, argv) in enumerate(KINDS):
        tool = argv[0] if argv else "mksquashfs"
        path = make(kind, size, argv, number) if shutil.which(tool) else None
        if not path:
            print("left out: %s (%s)" % (kind, tool))
            continue
        found = look(path)
        same(kind + ": table", found["table"], "")
        same(kind + ": parts", len(found["parts"]), 1)
        part = found["parts"][0] if found["parts"] else {"content": "", "label": "", "id": "", "number": -1}
        same(kind + ": number", part["number"], 0)
        compare(kind, part, blkid(path), kind)
        made.append((kind, path))
    return made


def tables(made):
    """Each file system in a part of each kind of table."""
    # a PV says how large its device is, a FAT of 4096-byte sectors where it is aligned: both are as well in a part
    room = sum((os.path.getsize(p) + 2 * M) // M * M for _, p in made) + 64 * M
    for label, sector in (("gpt", 512), ("dos", 512), ("gpt", 4096)):
        path = image("table-%s-%d" % (label, sector), room)
        script = ["label: " + label, "unit: sectors", "sector-size: %d" % sector]
        if label == "gpt":
            script.append("label-id: 01234567-89AB-CDEF-0123-456789ABCDEF")
        at = 2048 * 512 // sector
        for i, (kind, p) in enumerate(made):
            count = (os.path.getsize(p) + M) // M * M // sector
            if label == "dos" and i == 3:
                script.append("start=%d,type=5" % at)
                at += M // sector
            script.append("start=%d,size=%d%s" % (at, count, ',name="Teil %d ü"' % i if label == "gpt" else ",type=83"))
            at += count + M // sector
        argv = ["sfdisk", "-q", "--no-reread", "--no-tell-kernel"] + (["--sector-size", "4096"] if sector == 4096 else [])
        if "--sector-size" in argv and "--sector-size" not in run("sfdisk", "--help"):
            print("left out: %s with sectors of %d bytes (sfdisk)" % (label, sector))
            os.unlink(path)
            continue
        run(*argv, path, stdin="\n".join(script).encode() + b"\n")
        theirs = json.loads(run("sfdisk", "--json", *argv[4:], path))["partitiontable"]
        starts = [p["start"] * sector for p in theirs["partitions"] if p["type"] != "5"]
        for (kind, p), start in zip(made, starts):
            run("dd", "if=" + p, "of=" + path, "bs=64k", "seek=%d" % start, "oflag=seek_bytes", "conv=notrunc,sparse",
                "status=none")
        check_table(path, label, sector, theirs, made)
        if label == "gpt":
            backup(path, sector)
        os.unlink(path)


def check_table(path, label, sector, theirs, made):
    ours = look(path)
    what = "%s/%d" % (label, sector)
    same(what + ": table", ours["table"], {"gpt": "gpt", "dos": "mbr"}[label])
    same(what + ": id", ours["table_id"], theirs["id"].lower().replace("0x", ""))
    same(what + ": sector", ours["sector"], sector)
    same(what + ": parts", len(ours["parts"]), len(theirs["partitions"]))
    kinds = iter(made)
    for p, q in zip(ours["parts"], sorted(theirs["partitions"], key=lambda q: int(q["node"][len(path):].lstrip("p")))):
        name = "%s: part %d" % (what, p["number"])
        same(name + ": number", p["number"], int(q["node"][len(path):].lstrip("p")))
        same(name + ": place", (p["start"], p["bytes"]), (q["start"] * sector, q["size"] * sector))
        same(name + ": type", p["type"], q["type"].lower() if label == "gpt" else "0x%02x" % int(q["type"], 16))
        same(name + ": name", p["name"], q.get("name", ""))
        if q["type"] != "5":
            compare(name, p, blkid(path, p["start"], p["bytes"]), next(kinds)[0])


def backup(path, sector):
    """The first table damaged: the copy at the end says the same."""
    before = look(path)
    with open(path, "r+b") as f:
        f.seek(sector + 40)
        f.write(b"\xff")
    same("gpt/%d: from its copy" % sector, look(path), before)
    with open(path, "r+b") as f:
        f.seek(-sector + 40, 2)
        f.write(b"\xff")
    same("gpt/%d: both damaged" % sector, look(path)["table"] == "gpt", False)


def arrays():
    """Members as mdadm and zpool write them, by hand: making them wants devices."""
    uuid = bytes(range(1, 17))
    shown = "01020304-0506-0708-090a-0b0c0d0e0f10"
    for version, at in (("1.1", 0), ("1.2", 4096), ("1.0", 16 * M - 8192)):
        path = image("md-" + version, 16 * M)
        with open(path, "r+b") as f:
            block = bytearray(1024)
            block[0:8] = (0xa92b4efc).to_bytes(4, "little") + (1).to_bytes(4, "little")
            block[16:32] = uuid
            block[32:64] = b"host:0".ljust(32, b"\0")
            block[128 + 16:128 + 24] = (at // 512).to_bytes(8, "little")
            block[0x90:0x98] = (at // 512).to_bytes(8, "little")
            # the sum that blkid asks for: of 32-bit words, folded
            block[216:220] = b"\0\0\0\0"
            words = sum(int.from_bytes(block[i:i + 4], "little") for i in range(0, 256, 4))
            block[216:220] = ((words & 0xffffffff) + (words >> 32) & 0xffffffff).to_bytes(4, "little")
            f.seek(at)
            f.write(block)
        part = look(path)["parts"][0]
        same("md " + version, (part["content"], part["label"], part["id"]), ("md", "host:0", shown))
        theirs = blkid(path)
        if theirs:
            compare("md " + version, part, theirs)
    path = image("md-0.90", 16 * M)
    with open(path, "r+b") as f:
        block = bytearray(4096)
        for i, v in ((0, 0xa92b4efc), (4, 0), (8, 90), (20, 0x01020304), (52, 0x05060708), (56, 0x090a0b0c), (60, 0x0d0e0f10)):
            block[i:i + 4] = v.to_bytes(4, "little")
        f.seek(16 * M - 65536)
        f.write(block)
    part = look(path)["parts"][0]
    same("md 0.90", (part["content"], part["id"]), ("md", shown))
    compare("md 0.90", part, blkid(path))


try:
    tables(file_systems())
    arrays()
finally:
    shutil.rmtree(work)
print("%d comparisons, %d differences" % (checks, failures))
sys.exit(1 if failures or checks < 50 else 0)
