# SPDX-License-Identifier: Apache-2.0
"""api_roles.py URL OPENAPI VAULT TENANT [WHO=DIRECTORY…]: every call as everybody, by curl.

Who has a role that the description names is not told that he may not; everybody else is, in the same words;
and what belongs to another tenant is answered as what does not exist. WHO is a role, "machine", "nobody" (no
directory) or "foreign" (an administrator of another tenant).
"""
import json
import os
import re
import subprocess
import sys

import yaml

url, openapi, vault, tenant = sys.argv[1:5]
people = dict(a.split("=", 1) for a in sys.argv[5:])
calls = [
    (path, method.upper(), what["x-abri-who"], what)
    for path, block in yaml.safe_load(open(openapi))["paths"].items()
    for method, what in block.items()
    if method != "parameters"
]


def curl(who, method, path, what):
    command = ["curl", "--http2", "--tlsv1.3", "-sS", "-X", method, "-o", "-", "-w", "\n%{http_code} %{http_version}"]
    directory = people[who]
    if directory:
        (at,) = [e.path for e in os.scandir(os.path.join(directory, "servers"))]
        command += ["--cert", at + "/certificate.pem", "--key", at + "/key.pem", "--cacert", at + "/authority.pem"]
    else:
        command += ["-k"]
    if "requestBody" in what:
        json_body = "application/json" in what["requestBody"]["content"]
        command += ["-H", "content-type: " + ("application/json" if json_body else "application/octet-stream")]
        command += ["--data-binary", "{}" if json_body else "x"]
    out = subprocess.run(command + [url + path], stdout=subprocess.PIPE, check=True).stdout
    body, tail = out.rsplit(b"\n", 1)
    status, version = tail.split()
    assert version == b"2", (method, path, version)
    return int(status), body


def path_of(template, ids):
    return re.sub(r"\{(\w+)\}", lambda m: ids.get(m[1], "packs/00" if m[1] == "name" else "00" if m[1] == "aa" else "0" * (64 if m[1] == "pack" else 32)), template)


def code(body):
    try:
        return json.loads(body)["error"]["code"]
    except (ValueError, KeyError, TypeError):
        return ""


def allowed(who, roles):
    if "anyone" in roles:
        return True
    if who == "nobody":
        return False
    if "any identity" in roles:
        return True
    if who == "machine":
        return "machines" in roles
    return ("tenant-admin" if who == "foreign" else who) in roles


faults = count = 0


def check(truth, *what):
    global faults
    if not truth:
        faults += 1
        print("WRONG:", *what)


for path, method, roles, what in calls:
    for who in people:
        count += 1
        status, body = curl(who, method, path_of(path, {}), what)
        said = code(body)
        if who == "nobody" and "anyone" not in roles:
            check(status == 401 and said == "certificate_missing", who, method, path, status, said)
        elif not allowed(who, roles):
            check(status == 403 and said == "forbidden", who, method, path, status, said)
        else:
            check(said not in ("forbidden", "certificate_missing") and status != 401 and status < 500, who, method, path, status, body[:200])
    # Of another tenant's, the administrator learns no more than of nothing.
    if ("{vault}" in path or "{tenant}" in path) and allowed("foreign", roles):
        there = curl("foreign", method, path_of(path, {"vault": vault, "tenant": tenant}), what)
        nowhere = curl("foreign", method, path_of(path, {}), what)
        check(there == nowhere, "foreign", method, path, there, nowhere)
print(f"{len(calls)} calls, {count} answers")
sys.exit(1 if faults else 0)
