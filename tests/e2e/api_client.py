# SPDX-License-Identifier: Apache-2.0
"""Calls of the API by curl, as somebody; each answer is compared with the description (openapi.py)."""
import os
import re
import subprocess


def path_of(template, ids):
    """The path, with zeros for what `ids` does not name."""
    zeros = {"name": "packs/00", "aa": "00", "pack": "0" * 64}
    return re.sub(r"\{(\w+)\}", lambda m: ids.get(m[1], zeros.get(m[1], "0" * 32)), template)


class Api:
    def __init__(self, url, document, people):
        self.url, self.document, self.people = url, document, people
        self.wrong = 0
        self.answers = 0
        self.seen = set()  # (method, path, status)

    def directory(self, who):
        (at,) = [e.path for e in os.scandir(os.path.join(self.people[who], "servers"))]
        return at

    def complain(self, *what):
        self.wrong += 1
        print("WRONG:", *what)

    def ask(self, who, method, template, ids=None, query="", body=None, headers=()):
        """(status, media type, body). A body is bytes, or a text of JSON."""
        command = ["curl", "--http2", "--tlsv1.3", "-sS", "-X", method, "-o", "-", "--max-time", "120", "-w", "\n%{http_code} %{http_version} %{content_type}"]
        if self.people[who]:
            at = self.directory(who)
            command += ["--cert", at + "/certificate.pem", "--key", at + "/key.pem", "--cacert", at + "/authority.pem"]
        else:
            command += ["-k"]
        for h in headers:
            command += ["-H", h]
        if body is not None:
            command += ["-H", "content-type: application/" + ("json" if isinstance(body, str) else "octet-stream"), "--data-binary", "@-"]
        text = body.encode() if isinstance(body, str) else body
        path = path_of(template, ids or {}) + ("?" + query if query else "")
        out = subprocess.run(command + [self.url + path], input=text, stdout=subprocess.PIPE, check=True).stdout
        answer, tail = out.rsplit(b"\n", 1)
        status, version, media = (tail.decode().split(" ", 2) + [""])[:3]
        assert version == "2", (method, path, version)
        self.compare(who, method, template, int(status), media, answer)
        return int(status), media, answer

    def compare(self, who, method, template, status, media, body):
        self.answers += 1
        self.seen.add((method, template, status))
        for fault in self.document.faults(template, method, status, media, body):
            self.complain(who, method, template, status, fault)
