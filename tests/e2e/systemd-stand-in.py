# SPDX-License-Identifier: Apache-2.0
# systemd-stand-in.py ABRID DIR CONFIG: starts abrid as systemd does, with sockets and a place to report to,
# and checks what it says.
import os
import re
import signal
import socket
import sys

abrid, root, config = sys.argv[1:4]
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind("\0abri-test-%d" % os.getpid())
notify.settimeout(120)
sockets = []
for _ in range(2):
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(16)
    sockets.append(s)
open(config, "w").write('[listener-front]\nproxy = ["127.0.0.1"]\n')


def start(pid_wrong=False, watchdog_usec="400000", names="public:front", pipes=None):
    pid = os.fork()
    if pid == 0:
        fds = [os.dup2(s.fileno(), 20 + i) for i, s in enumerate(sockets)]
        for i, fd in enumerate(fds):
            os.dup2(fd, 3 + i)
            os.set_inheritable(3 + i, True)
        out = os.open(root + ".out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.closerange(5, 1024)
        env = dict(os.environ, LISTEN_PID=str(os.getpid() + pid_wrong), LISTEN_FDS="2", LISTEN_FDNAMES=names,
                   NOTIFY_SOCKET="@abri-test-%d" % os.getppid(), WATCHDOG_USEC=watchdog_usec,
                   WATCHDOG_PID=str(os.getpid()))
        os.execve(abrid, [abrid, "--root", root, "--config", config], env)
    return pid


def expect(pattern, skip="^(WATCHDOG=1|STATUS=.*)$"):
    while True:
        said = notify.recv(4096).decode()
        if re.search(pattern, said):
            return said
        if not re.search(skip, said):
            sys.exit("expected %r, it said %r" % (pattern, said))


def end(pid, status=0):
    _, got = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(got) != status:
        sys.exit("status %r: %s" % (os.waitstatus_to_exitcode(got), open(root + ".out").read()))


pid = start()
expect(r"^READY=1\nSTATUS=Serving at https://127.0.0.1:%d$" % sockets[0].getsockname()[1])
for _ in range(3):
    expect("^WATCHDOG=1$")
said = open(root + ".out").read()
for s in sockets:
    if "serving at https://127.0.0.1:%d\n" % s.getsockname()[1] not in said:
        sys.exit("it does not serve on %r: %s" % (s.getsockname(), said))

# Nothing that could be inherited stays in its environment or open for programs that it might start.
for name in os.listdir("/proc/%d/fd" % pid):
    if int(name) > 2:
        flags = open("/proc/%d/fdinfo/%s" % (pid, name)).read()
        if not int(re.search(r"flags:\s*(\d+)", flags).group(1), 8) & 0o2000000:
            sys.exit("descriptor %s stays open in programs: %s" % (name, os.readlink("/proc/%d/fd/%s" % (pid, name))))
status = open("/proc/%d/status" % pid).read()
for wanted in (r"^NoNewPrivs:\s*1$", r"^Umask:\s*0077$"):
    if not re.search(wanted, status, re.M):
        sys.exit("not %s" % wanted)
if not re.search(r"^Max core file size\s+0\s+0", open("/proc/%d/limits" % pid).read(), re.M):
    sys.exit("it could dump core")

# The socket of [listener-front] wants to hear of whom it is; the other one does not.
for s, proxy in zip(sockets, (False, True)):
    c = socket.create_connection(s.getsockname())
    c.settimeout(60)
    c.sendall(b"\x16\x03\x01\x00\x02\x01\x00" + b"\0" * 32)
    try:
        answered = len(c.recv(100)) > 0  # an alert of TLS, or nothing at all
    except ConnectionResetError:
        answered = False
    if answered == proxy:
        sys.exit("proxy %r, but TLS answered %r" % (proxy, answered))
    c.close()

os.kill(pid, signal.SIGHUP)
said = expect(r"^RELOADING=1\nMONOTONIC_USEC=\d+\n")
expect(r"^READY=1\n")
open(config, "w").write("broken")
os.kill(pid, signal.SIGHUP)
expect(r"^RELOADING=1\n")
expect(r"^READY=1\n.*refused")
os.kill(pid, signal.SIGTERM)
expect(r"^STOPPING=1\n", "^(WATCHDOG|STATUS|READY)=")
end(pid)

# Sockets of somebody else are not ours; a name that nobody handed over is missed.
open(config, "w").write('[listener-other]\nproxy = ["127.0.0.1"]\n')
end(start(), 2)
open(config, "w").write('listen = ["127.0.0.1:0"]\n')
pid = start(pid_wrong=True, watchdog_usec="nonsense")
said = expect(r"^READY=1\n", "^(STATUS=.*|STOPPING=1\n.*)")
if any(":%d" % s.getsockname()[1] in said for s in sockets):
    sys.exit("it took sockets that are not its own")
os.kill(pid, signal.SIGTERM)
expect(r"^STOPPING=1\n")
end(pid)
print("  all of it")
