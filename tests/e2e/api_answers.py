# SPDX-License-Identifier: Apache-2.0
"""api_answers.py URL OPENAPI ROOT WHO=DIRECTORY…: each call of the API answered with success, and each answer as it is described.

WHO: owner, operator, officer, web (a machine with a vault of its own, snapshots, and the right to read it), lone (a machine with a
vault and no snapshot), nobody. What machines send is taken from the server's own disk (ROOT): the same, sent once more.
A successful answer that is described and was never seen is a fault, and so is a member, a null or a list (with something in it),
unless it is named here with the reason.
"""
import base64
import json
import os
import struct
import subprocess
import sys
import tempfile

from nacl.signing import SigningKey

from api_client import Api
from openapi import Document

UNSEEN = {
    "PUT /v1/self/vault 201": "needs the owner's keys: every `abri enrol` of these tests does it",
    "Server.trial": "of `abrid --trial` alone (e2e/76-selftest)",
    "Identity.certificate_until=null": "what a crash between two entries of the log leaves",
    "Identity.seen=null": "likewise",
    "Snapshot.trash_until": "takes weeks (e2e/82-remote-locks)",
    **dict.fromkeys(
        ["POST /v1/vaults/{vault}/keep 200", "Kept.back", "Kept.lost", "Kept.vault", "Vault.ending", "Vault.gone"]
        + ["Ending." + m for m in "damaged doubt earliest earliest=null floor frozen hold latest latest=null lock request since snapshots trash".split()],
        "takes weeks (e2e/80-vault-end, which compares with the description, too)"),
}

url, openapi, root = sys.argv[1:4]
people = dict(a.split("=", 1) for a in sys.argv[4:])
document = Document(openapi)
api = Api(url, document, people)
V = "/v1/vaults/{vault}"
S = V + "/sessions/{session}"
T = "/v1/tenants/{tenant}"


def ok(who, method, template, ids=None, query="", body=None, headers=(), status=None):
    """The answer, decoded if it is JSON; it must be a success."""
    if isinstance(body, dict):
        body = json.dumps(body)
    got, media, answer = api.ask(who, method, template, ids, query, body, headers)
    if got // 100 != 2 or (status and got != status):
        api.complain(who, method, template, query, got, answer[:300])
    return json.loads(answer) if media == "application/json" else answer


def identity(who):
    with open(os.path.join(api.directory(who), "identity.json"), encoding="utf-8") as f:
        return json.load(f)


def csr():
    """A new key and a request for its certificate."""
    with tempfile.TemporaryDirectory() as t:
        subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=x",
                        "-keyout", t + "/key", "-out", t + "/csr"], check=True, stderr=subprocess.DEVNULL)
        with open(t + "/key", encoding="ascii") as k, open(t + "/csr", encoding="ascii") as r:
            return k.read(), r.read()


def enrol(name, **token):
    """Enrols as `name`, without a program: afterwards people[name] is somebody."""
    made = ok("owner", "POST", "/v1/tokens", body=token, status=201)
    key, request = csr()
    welcome = ok("nobody", "POST", "/v1/enrol", body={"token": made["token"], "request": request, "name": name}, status=201)
    at = os.path.join(os.path.dirname(people["web"]), "by-hand-" + name)
    os.makedirs(at + "/servers/s")
    for file, text in (("key.pem", key), ("certificate.pem", welcome["certificate"])):
        with open(f"{at}/servers/s/{file}", "w", encoding="ascii") as f:
            f.write(text)
    with open(api.directory("web") + "/authority.pem", encoding="ascii") as f, open(at + "/servers/s/authority.pem", "w", encoding="ascii") as g:
        g.write(f.read())
    people[name] = at
    return welcome


me = identity("web")
vault, web = me["vault"], me["id"]
IN = {"vault": vault}
disk = os.path.join(root, "vaults", vault)


def objects(under):
    return sorted(os.path.relpath(os.path.join(d, f), disk) for d, _, fs in os.walk(os.path.join(disk, under)) for f in fs)


def read(name):
    with open(os.path.join(disk, name), "rb") as f:
        return f.read()


# ---- who is who ---------------------------------------------------------------------------------

ok("nobody", "GET", "/v1/authority")
ok("nobody", "GET", "/v1/server")
for who in ("owner", "web"):
    ok(who, "GET", "/v1/self")
tenant = ok("owner", "GET", V, IN)["tenant"]
of = {"type": "machine", "tenant": tenant}
enrol("hand", **of, shared=True)
ok("hand", "GET", "/v1/self")
ok("hand", "POST", "/v1/self/vault/prepare")
enrol("joins", **of, vault=vault)
enrol("web-again", **of, machine=web)
ok("hand", "POST", "/v1/self/certificate", body={"request": csr()[1]}, status=201)
cancelled = ok("owner", "POST", "/v1/tokens", body={"type": "person", "role": "auditor", "name": "for nobody"})
ok("owner", "POST", "/v1/tokens/{token}/cancel", {"token": cancelled["id"]})
ok("owner", "GET", "/v1/tokens")

# ---- tenants, policies, quotas ----------------------------------------------------------------------

made = ok("owner", "POST", "/v1/tenants", body={"name": "Short"}, status=201)["tenant"]
signer = SigningKey(bytes(range(32)))
grains = {"last": 40, "hourly": 48, "daily": 60, "weekly": 12, "monthly": 24, "yearly": "unlimited"}
spans = {"last": "1d", "hourly": "2d", "daily": "30d", "weekly": "8w", "monthly": "1y6m", "yearly": "10y"}
policy = {
    "keep": grains, "within": spans, "tags": ["keep"], "floor": "14d", "trash": "14d", "silence": "36h", "snapshots_a_day": 200, "snapshots_limit": 2000, "bytes_a_day": 1 << 40,
    "grace": "180d", "wait": "7d", "tenant_key": signer.verify_key.encode().hex(),
}  # fmt: skip
ok("owner", "PUT", T + "/policy", {"tenant": made}, body=policy)
ok("owner", "GET", T + "/policy", {"tenant": made})
ok("owner", "PUT", T + "/policy", {"tenant": made}, body=dict(policy, keep={"each": 40, **grains}, within={"each": "1d", **spans}))
ok("owner", "GET", T + "/policy", {"tenant": made})
ok("web", "GET", V + "/policy", IN)
ok("owner", "PUT", V + "/policy", IN, body={"keep": {"daily": 31, "weekly": 12, "monthly": 12}, "floor": "14d", "trash": "14d", "silence": "36h", "snapshots_a_day": 200})
ok("owner", "GET", V + "/policy", IN)
ok("owner", "PUT", T + "/quota", {"tenant": tenant}, body={"bytes": 1 << 40, "count": 100, "reason": "as agreed"})
ok("owner", "POST", T + "/quota/enforce", {"tenant": tenant}, body={"enforce": True, "reason": "a test"})
ok("owner", "POST", T + "/quota/enforce", {"tenant": tenant}, body={"enforce": False, "reason": "a test"})
ok("owner", "PUT", T + "/quota", {"tenant": tenant}, body={})
ok("owner", "PUT", V + "/quota", IN, body={"bytes": 1})
ok("owner", "GET", T + "/usage", {"tenant": tenant})
ok("owner", "GET", T, {"tenant": tenant})
ok("owner", "POST", T + "/close", {"tenant": made}, body={"reason": "a test"})
ok("owner", "GET", "/v1/tenants")

# ---- requests ---------------------------------------------------------------------------------------------

signing = ok("owner", "POST", "/v1/tenants", body={"name": "Signs"})["tenant"]
ok("owner", "PUT", T + "/policy", {"tenant": signing}, body=policy)
less = {"role": "operator", "kind": "policy", "parameters": {"policy": {"keep": {"daily": 1}}}, "tenant": signing}
asked = {"request": ok("operator", "POST", "/v1/requests", body=less, status=201)["request"]}
ok("officer", "POST", "/v1/requests/{request}/approve", asked, body={"role": "security-officer"})
entry = next(e["event"] for e in ok("owner", "GET", "/v1/log/entries", query="from=0&count=1000")["entries"]
             if e["event"]["kind"] == "request.create" and e["event"]["request"] == asked["request"])


def blob(text):
    n, out = len(text), b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n]) + text


message = b"abri:request\0" + bytes.fromhex(entry["request"]) + blob(entry["name"].encode()) + blob(entry["text"].encode())
ok("operator", "POST", "/v1/requests/{request}/sign", asked, body={"signature": base64.b64encode(signer.sign(message).signature).decode()})
ok("operator", "POST", "/v1/requests/{request}/cancel", asked, body={"reason": "a test"})
for kind, parameters in (("forget", {"sequences": [1]}), ("release", {"sequences": [1]}), ("delete", {"reason": "a test"})):
    ok("operator", "POST", "/v1/requests", body={"role": "operator", "kind": kind, "parameters": parameters, "vault": vault})
clock = {"request": ok("operator", "POST", "/v1/requests", body={"role": "operator", "kind": "clock"})["request"]}
ok("officer", "POST", "/v1/requests/{request}/approve", clock, body={"role": "security-officer"})
rounds = ok("owner", "POST", "/v1/upkeep", status=202)["rounds"]
while ok("owner", "GET", "/v1/upkeep")["rounds"] <= rounds:
    pass
ok("owner", "GET", "/v1/requests")

# ---- what machines do ----------------------------------------------------------------------------------------

(writer,) = [w for w in objects("writers") if ok("web", "GET", V + "/objects/{name}", {**IN, "name": w}) == read(w)][:1]
names = ["vault"] + [n for d in ("keys", "recipients", "writers") for n in objects(d)]
bundle = b"abri.BUN" + struct.pack("<II", 1, len(names)) + b"".join(blob(n.encode() + b"\0") + blob(read(n)) for n in names)
ok("web", "PUT", "/v1/self/vault", body=bundle, status=200)
ok("web", "POST", V + "/writers", IN, body=read(writer), status=201)
ok("web", "GET", V + "/writers/{writer}/past", {**IN, "writer": os.path.basename(writer)})
key = objects("keys")[0]
ok("web", "PUT", V + "/keys/{key}", {**IN, "key": os.path.basename(key)}, body=read(key), status=201)
ok("web", "GET", V + "/objects", IN, query="under=packs")
pack = objects("packs")[0]
ok("web", "GET", V + "/objects/{name}", {**IN, "name": pack}, headers=["range: bytes=0-7"], status=206)
for what in ("open", "read"):
    ok("web", "GET", V + "/outline", IN, query="of=" + what)
ok("web", "POST", V + "/read", IN, body=f"0 8 {pack}\n".encode())
record = read(objects("snapshots")[-1])
_, w, k, r = struct.unpack_from("<IIII", record, 8)
body = record[24:24 + w] + record[24 + w + k:]
session = {**IN, "session": body[32:48].hex()}
key = read("sessions/" + session["session"])
ok("web", "PUT", S, session, body=key, status=201)
ok("web", "PUT", S, session, query="begin", body=key, status=201)
ok("web", "POST", S + "/begin", session)
mine = [p for p in objects("packs") if session["session"] in read(p)[:64].hex()]
sent = {**session, "aa": mine[0].split("/")[1], "pack": os.path.basename(mine[0])}
whole = read(mine[0])
ok("web", "PUT", S + "/packs/{aa}/{pack}", sent, body=whole, status=200)
os.unlink(os.path.join(disk, mine[0]))
ok("web", "PUT", S + "/packs/{aa}/{pack}", sent, body=whole, status=201)
receipt = ok("web", "POST", S + "/snapshot", session, body=b"abri.SUB" + struct.pack("<II", w, r) + body, status=201)
if receipt["snapshot"] != ok("web", "GET", V + "/writers/{writer}/past", {**IN, "writer": os.path.basename(writer)})["snapshot"]:
    api.complain("the snapshot that was sent again is another one")
ok("web", "POST", S + "/end", session)
ok("owner", "GET", "/v1/vaults")

# ---- snapshots, for people ------------------------------------------------------------------------

there = ok("operator", "GET", V + "/snapshots", IN)["snapshots"]
some = [there[0]["sequence"]]
ok("operator", "POST", V + "/snapshots/lock", IN, body={"sequences": some, "until": "90d"})
ok("operator", "POST", V + "/snapshots/hold", IN, body={"sequences": some, "reason": "a test"})
ok("operator", "POST", V + "/snapshots/tag", IN, body={"sequences": some, "tag": "first"})
ok("operator", "POST", V + "/snapshots/undelete", IN, body={"sequences": [there[-1]["sequence"]], "until": "2040-01-01T00:00:00Z"})
ok("operator", "GET", V + "/snapshots", IN)
ok("operator", "GET", V + "/snapshots", IN, query="count=1")

# ---- rights ----------------------------------------------------------------------------------------------------

operator = {"id": identity("operator")["id"]}
grant = ok("owner", "POST", "/v1/grants", body={"vault": vault, "to": operator["id"], "hours": 1, "reason": "a drill"}, status=201)
ok("owner", "POST", "/v1/grants/{grant}/end", {"grant": grant["grant"]})
ok("owner", "GET", "/v1/grants")
ok("owner", "POST", "/v1/identities/{id}/roles", operator, body={"role": "auditor"})
ok("owner", "POST", "/v1/identities/{id}/roles/take", operator, body={"role": "auditor"})
ok("web", "GET", "/v1/identities/{id}", {"id": web})
hand = next(i["id"] for i in ok("owner", "GET", "/v1/identities")["identities"] if i["name"] == "hand")
ok("owner", "POST", "/v1/identities/{id}/revoke", {"id": hand}, body={"reason": "a test"})
ok("owner", "GET", "/v1/identities")
alarms = ok("owner", "GET", "/v1/alarms")["alarms"]
ok("owner", "POST", "/v1/alarms/{alarm}/close", {"alarm": alarms[0]["alarm"]}, body={"reason": "known"})
ok("owner", "GET", "/v1/alarms")
ok("web", "GET", "/v1/alarms", query="open=1")

# ---- the log ------------------------------------------------------------------------------------------------------

note = ok("web", "GET", "/v1/log/checkpoint")
size = int(note.split(b"\n")[1])
ok("web", "GET", "/v1/log/consistency", query=f"from=3&to={size}")
ok("web", "GET", "/v1/log/inclusion", query=f"index=3&size={size}")
events = [e["event"] for e in ok("owner", "GET", "/v1/log/entries", query="from=0&count=1000")["entries"]]
ok("web", "GET", "/v1/log/prove", query="snapshot=latest")
ok("web", "GET", "/v1/log/file", query="path=checkpoint")
ok("web", "POST", "/v1/log/witness", body={"size": 3})
mine = [e["text"] for e in events if e["kind"] == "identity.witness" and e["id"] == web][-1]
ok("web", "POST", "/v1/self/witness", body={"witness": mine})
with open(api.directory("web") + "/checkpoint", encoding="utf-8") as f:
    kept = f.read()
lines = kept.splitlines(keepends=True)
(line,) = [x for x in lines if x.startswith(f"— {mine.split('+')[0]} ")][-1:]
ok("web", "POST", "/v1/log/cosign", body={"checkpoint": "".join(x for x in lines if not x.startswith("— witness")), "cosignature": line})

# ---- a machine that is not protected any more ------------------------------------------------------------------------

ok("owner", "POST", "/v1/identities/{id}/revoke", {"id": web}, body={"reason": "a test"})
ok("owner", "GET", T + "/usage", {"tenant": tenant})

# ---- whether all was seen -------------------------------------------------------------------------------------------

missing = document.promised() - document.shown
for path, method, what in document.operations():
    missing |= {f"{method} {path} {s}" for s in what["responses"] if s.startswith("2") and (method, path, int(s)) not in api.seen}
for name in sorted(missing - set(UNSEEN)):
    api.complain("no answer showed", name)
for name in sorted(set(UNSEEN) - missing):
    api.complain(name, "is said not to be seen, and was:", UNSEEN[name])
print(f"{api.answers} answers, {len(document.promised())} parts of them; {len(UNSEEN)} not seen")
sys.exit(1 if api.wrong else 0)
