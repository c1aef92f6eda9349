# SPDX-License-Identifier: Apache-2.0
"""turns.py PORT FILE: hands connections on loopback over to PORT, prints its own port, and keeps in FILE how often the
client's side began to speak after the server's: about a round trip each. Appends a byte for each turn."""
import selectors
import socket
import sys

target, counter = int(sys.argv[1]), open(sys.argv[2], "ab", buffering=0)
listener = socket.create_server(("127.0.0.1", 0), backlog=64)
print(listener.getsockname()[1], flush=True)
chosen = selectors.DefaultSelector()
chosen.register(listener, selectors.EVENT_READ, None)
answered = {}  # client's socket → the server spoke last

while True:
    for key, _ in chosen.select():
        if key.fileobj is listener:
            near = listener.accept()[0]
            far = socket.create_connection(("127.0.0.1", target))
            answered[near] = True
            chosen.register(near, selectors.EVENT_READ, (far, True))
            chosen.register(far, selectors.EVENT_READ, (near, False))
            continue
        here, (there, client) = key.fileobj, key.data
        try:
            data = here.recv(1 << 20)
            if data:
                there.sendall(data)
        except OSError:
            data = b""
        near = here if client else there
        if data and client and answered.get(near):
            counter.write(b".")
        answered[near] = bool(data) and not client
        if not data:
            for s in (here, there):
                try:
                    chosen.unregister(s)
                except KeyError:
                    pass
                s.close()
            answered.pop(near, None)
