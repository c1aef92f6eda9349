#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Talks to a machine on its serial line: serial.py SOCKET SECONDS WORD...

A word is '?TEXT' (wait until the machine says TEXT) or '!LINE' (type LINE). Ends with status 0 when
all of it happened, 1 with what was said last if the time is over. What comes is printed."""
import socket
import sys
import time


def main():
    path, seconds, words = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
    until = time.monotonic() + seconds
    line = socket.socket(socket.AF_UNIX)
    while True:
        try:
            line.connect(path)
            break
        except OSError:
            if time.monotonic() > until:
                print(f"nobody listens at {path}")
                return 1
            time.sleep(0.1)
    seen = b""
    for word in words:
        text = word[1:].encode()
        if word[0] == "!":
            line.sendall(text + b"\n")
            continue
        nudge = time.monotonic() + 5
        while text not in seen:
            now = time.monotonic()
            if now > until:
                print(seen[-2000:].decode(errors="replace"))
                print(f"\n--- it never said {word[1:]!r}")
                return 1
            if now > nudge and text.endswith(b"login:"):
                line.sendall(b"\n")  # a prompt that was printed before we came is printed again
                nudge = now + 5
            line.settimeout(max(0.05, min(1.0, until - now)))
            try:
                more = line.recv(65536)
            except socket.timeout:
                continue
            if not more:
                print(seen[-2000:].decode(errors="replace"))
                print("\n--- the line was closed")
                return 1
            seen += more
        at = seen.index(text) + len(text)
        sys.stdout.write(seen[:at].decode(errors="replace"))
        seen = seen[at:]
    sys.stdout.flush()
    return 0


sys.exit(main())
