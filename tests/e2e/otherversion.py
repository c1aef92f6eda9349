# SPDX-License-Identifier: Apache-2.0
"""A server of another time: otherversion.py CERTIFICATE KEY PORT_FILE STATUS TYPE BODY

Speaks just enough HTTP/2 over TLS 1.3 to answer every request alike (RFC 9113; RFC 7541, literals only)."""
import socket, ssl, struct, sys, threading

from loopback import listen

certificate, key, port_file, status, kind, body = sys.argv[1:7]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.minimum_version = ssl.TLSVersion.TLSv1_3
context.set_alpn_protocols(["h2"])
context.load_cert_chain(certificate, key)


def frame(type_, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([type_, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise OSError("it went away")
        data += more
    return data


def serve(s):
    try:
        s = context.wrap_socket(s, server_side=True)
        exactly(s, 24)
        s.sendall(frame(4, 0, 0, b""))
        while True:
            head = exactly(s, 9)
            length, type_, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            stream = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
            exactly(s, length)
            if type_ == 4 and not flags & 1:
                s.sendall(frame(4, 1, 0, b""))
            if stream and type_ in (0, 1) and flags & 1:
                fields = literal(b":status", status.encode()) + literal(b"content-type", kind.encode())
                s.sendall(frame(1, 4, stream, fields) + frame(0, 1, stream, body.encode()))
    except (OSError, ssl.SSLError):
        pass


listener = listen(port_file)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
