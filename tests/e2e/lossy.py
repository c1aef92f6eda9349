# SPDX-License-Identifier: Apache-2.0
"""A proxy that loses answers: lossy.py TARGET_PORT LOG_PENDING CUTS PORT_FILE

Passes bytes on between its own port (written to PORT_FILE) and TARGET_PORT. As soon as the server's log has grown
since a connection began, and the server says something, both sides are cut off instead: what was asked for is
done, and nobody is told. CUTS times; then everything passes."""
import socket, sys, threading

from loopback import listen

target, pending, cuts, port_file = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
lock = threading.Lock()


def journal():
    with open(pending, "rb") as f:
        return f.read()


def lose(before):
    global cuts
    with lock:
        if cuts and journal() != before:
            cuts -= 1
            return True
    return False


def pump(source, sink, before):
    try:
        while data := source.recv(65536):
            if before is not None and lose(before):
                break
            sink.sendall(data)
    except OSError:
        pass
    for s in (source, sink):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


listener = listen(port_file)
while True:
    client, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", target))
    before = journal()
    threading.Thread(target=pump, args=(client, server, None), daemon=True).start()
    threading.Thread(target=pump, args=(server, client, before), daemon=True).start()
