# SPDX-License-Identifier: Apache-2.0
"""A listener on loopback that tells its port in a file, whole."""
import os
import socket


def listen(port_file):
    listener = socket.create_server(("127.0.0.1", 0))
    with open(port_file + ".new", "w") as f:
        f.write(str(listener.getsockname()[1]))
    os.rename(port_file + ".new", port_file)
    return listener
