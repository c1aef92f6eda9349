# SPDX-License-Identifier: Apache-2.0
"""api_roles.py URL OPENAPI VAULT TENANT [WHO=DIRECTORY…]: every call as everybody, by curl.

Who has a role that the description names is not told that he may not; everybody else is, in the same words;
and what belongs to another tenant is answered as what does not exist. WHO is a role, "machine", "nobody" (no
directory) or "foreign" (an administrator of another tenant).
"""
import json
import sys

from api_client import Api
from openapi import Document

url, openapi, vault, tenant = sys.argv[1:5]
people = dict(a.split("=", 1) for a in sys.argv[5:])
document = Document(openapi)
api = Api(url, document, people)
calls = [(path, method, what["x-abri-who"], what) for path, method, what in document.operations()]


def call(who, method, path, what, ids):
    body = None
    if "requestBody" in what:
        body = "{}" if "application/json" in what["requestBody"]["content"] else b"x"
    return api.ask(who, method, path, ids, body=body)


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


def check(truth, *what):
    if not truth:
        api.complain(*what)


for path, method, roles, what in calls:
    for who in people:
        status, _, body = call(who, method, path, what, {})
        said = code(body)
        if who == "nobody" and "anyone" not in roles:
            check(status == 401 and said == "certificate_missing", who, method, path, status, said)
        elif not allowed(who, roles):
            check(status == 403 and said == "forbidden", who, method, path, status, said)
        else:
            check(said not in ("forbidden", "certificate_missing") and status != 401 and status < 500, who, method, path, status, body[:200])
    # Of another tenant's, the administrator learns no more than of nothing.
    if ("{vault}" in path or "{tenant}" in path) and allowed("foreign", roles):
        there = call("foreign", method, path, what, {"vault": vault, "tenant": tenant})
        nowhere = call("foreign", method, path, what, {})
        check(there == nowhere, "foreign", method, path, there, nowhere)
print(f"{len(calls)} calls, {api.answers} answers")
sys.exit(1 if api.wrong else 0)
