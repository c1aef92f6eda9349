/* SPDX-License-Identifier: Apache-2.0 */
/* What a program in a box cannot, each beside the proof that the attempt is one: the same
 * works where the options allow it. */
#include "box_test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* Prints the result of each call of a C function of libc, or its errno. */
#define PRELUDE                                                                                    \
    "import ctypes,os,socket,errno,sys\n"                                                          \
    "libc=ctypes.CDLL(None,use_errno=True)\n"                                                      \
    "def call(f,*a):\n"                                                                            \
    "  r=f(*a)\n"                                                                                  \
    "  return 'done' if r>=0 else errno.errorcode[ctypes.get_errno()]\n"                           \
    "def attempt(f,*a,**k):\n"                                                                     \
    "  try:\n"                                                                                     \
    "    f(*a,**k); return 'done'\n"                                                               \
    "  except OSError as e: return errno.errorcode[e.errno]\n"

static int loopback(int type, int *port_out)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *port_out = ntohs(a.sin_port);
    return fd;
}

static int is_ready(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0);
}

static void network_is_its_own(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char line[1024], out[1024];
    int tcp_port, udp_port;
    int tcp = loopback(SOCK_STREAM, &tcp_port), udp = loopback(SOCK_DGRAM, &udp_port);
    (void)snprintf(line, sizeof line,
                   PRELUDE "print(attempt(socket.create_connection,('127.0.0.1',%d),5),"
                           "attempt(socket.socket(socket.AF_INET,socket.SOCK_DGRAM).sendto,b'x',"
                           "('127.0.0.1',%d)),attempt(socket.create_connection,('10.0.0.1',53),5))",
                   tcp_port, udp_port);
    assert_int_equal(python(line, NULL, out, &e), 0);
    assert_string_equal(out, "ENETUNREACH ENETUNREACH ENETUNREACH\n");
    assert_int_equal(is_ready(tcp) + is_ready(udp), 0);

    char *second = strrchr(line, ','); /* without the address that may or may not be there */
    second = strstr(line, ",attempt(socket.create_connection,('10.");
    memcpy(second, ")", 2);
    struct box_options o = plain();
    o.host_network = true;
    assert_int_equal(python(line, &o, out, &e), 0);
    assert_string_equal(out, "done done\n");
    assert_int_equal(is_ready(tcp) + is_ready(udp), 2);
    (void)close(tcp);
    (void)close(udp);
}

static void sockets_of_files_are_not_reached(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char line[1024], out[1024];
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", at("s"));
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 1), 0);
    (void)snprintf(line, sizeof line,
                   PRELUDE "print(attempt(socket.socket(socket.AF_UNIX).connect,'%s'))",
                   a.sun_path);
    assert_int_equal(python(line, NULL, out, &e), 0);
    assert_string_equal(out, "ENOENT\n");
    const struct box_file shown = {a.sun_path, true};
    struct box_options o = plain();
    o.files = &shown;
    o.file_count = 1;
    assert_int_equal(python(line, &o, out, &e), 0);
    assert_string_equal(out, "done\n");
    (void)close(fd);
}

static void only_what_is_shown_is_read(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char line[2048], out[1024];
    make_file(at("secret"), "secret\n");
    make_file(at("shown"), "shown\n");
    const struct box_file shown = {at("shown"), false};
    struct box_options o = plain();
    o.files = &shown;
    o.file_count = 1;
    (void)snprintf(line, sizeof line,
                   "cat '%s'; for f in /etc/shadow /etc/passwd /proc/1/environ /sys/kernel '%s' "
                   "\"$(dirname '%s')/../../etc/passwd\" /../etc/passwd; do test -e \"$f\" && echo "
                   "\"SEEN $f\"; cat \"$f\" && echo \"READ $f\"; done "
                   "2>/dev/null; "
                   "echo /* /dev/* \"$(dirname '%s')\"/*",
                   at("shown"), at("secret"), at("shown"), at("shown"));
    assert_int_equal(shell(line, &o, out, &e), 0);
    assert_non_null(strstr(out, "shown\n"));
    assert_null(strstr(out, "READ"));
    assert_null(strstr(out, "SEEN /etc"));
    assert_null(strstr(out, "SEEN /../etc"));
    assert_null(strstr(out, "secret"));
    assert_null(strstr(out, "/etc/passwd"));
}

static void what_is_shown_for_reading_is_not_changed(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char line[2048], out[1024];
    make_file(at("fixed"), "before\n");
    assert_int_equal(mkdir(at("dir"), 0755), 0);
    make_file(at("dir/inside"), "before\n");
    const struct box_file shown[] = {{at("fixed"), false}, {at("dir"), false}};
    struct box_options o = plain();
    o.files = shown;
    o.file_count = 2;
    (void)snprintf(
        line, sizeof line,
        "for f in '%s' '%s/inside'; do\n"
        "echo after >\"$f\"; echo after >>\"$f\"; chmod 0777 \"$f\"; touch \"$f\"; rm -f \"$f\";"
        "truncate -s 0 \"$f\"; mv \"$f\" \"$f.away\"; ln \"$f\" \"$f.link\"; done 2>/dev/null\n"
        "touch '%s/new' 2>/dev/null; touch /usr/bin/new /new /dev/new 2>/dev/null; echo end",
        shown[0].path, shown[1].path, shown[1].path);
    assert_int_equal(shell(line, &o, out, &e), 0);
    assert_string_equal(out, "end\n");
    for (int i = 0; i < 2; i++) {
        struct stat st;
        assert_int_equal(stat(at(i ? "dir/inside" : "fixed"), &st), 0);
        assert_int_equal(st.st_size, 7);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
    assert_int_equal(access(at("dir/new"), F_OK), -1);
    assert_int_equal(access("/usr/bin/new", F_OK), -1);
}

static void what_is_shown_for_writing_is_changed(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char line[2048], out[1024];
    make_file(at("rw"), "before\n");
    assert_int_equal(mkdir(at("rwdir"), 0755), 0);
    assert_int_equal(mkdir(at("rwdir/kept"), 0755), 0);
    make_file(at("rwdir/kept/fixed"), "fixed\n");
    const struct box_file shown[] = {
        {at("rwdir/kept"), false}, {at("rw"), true}, {at("rwdir"), true}};
    struct box_options o = plain();
    o.files = shown;
    o.file_count = 3;
    (void)snprintf(
        line, sizeof line,
        "cat '%s'; echo after >'%s'; cd '%s' && echo new >made && mkdir sub && mv made sub/moved;"
        "(echo bad >kept/fixed; rm -f kept/fixed) 2>/dev/null; echo tmp >/tmp/x && cat "
        "\"$TMPDIR/x\"; "
        "cp /bin/true sub/run; sub/run || echo refused; cp /bin/true /tmp/run; /tmp/run || echo "
        "refused",
        shown[1].path, shown[1].path, shown[2].path);
    assert_int_equal(shell(line, &o, out, &e), 0);
    assert_string_equal(out, "before\ntmp\nrefused\nrefused\n");
    struct stat st;
    assert_int_equal(stat(at("rw"), &st), 0);
    assert_int_equal(st.st_size, 6);
    assert_int_equal(access(at("rwdir/sub/moved"), F_OK), 0);
    assert_int_equal(stat(at("rwdir/kept/fixed"), &st), 0);
    assert_int_equal(st.st_size, 6);
    assert_int_equal(access("/tmp/run", F_OK), -1);
}

/* Mounting it read only does not protect a device: here Landlock alone does. */
static void a_device_shown_for_reading_is_not_written(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char out[1024];
    struct box_file shown = {"/dev/full", false};
    struct box_options o = plain();
    o.files = &shown;
    o.file_count = 1;
    static const char line[] = PRELUDE "f=attempt(os.open,'/dev/full',os.O_WRONLY)\n"
                                       "print(attempt(os.open,'/dev/full',os.O_RDONLY),f)";
    assert_int_equal(python(line, &o, out, &e), 0);
    assert_string_equal(out, "done EACCES\n");
    shown.write = true;
    assert_int_equal(python(line, &o, out, &e), 0);
    assert_string_equal(out, "done done\n");
}

static void other_processes_are_out_of_reach(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char line[2048], out[1024];
    (void)snprintf(line, sizeof line,
                   PRELUDE "pid=%d\n"
                           "print(os.getpid(),os.getppid(),attempt(os.kill,pid,0),"
                           "call(libc.ptrace,16,pid,0,0),call(libc.ptrace,0,0,0,0),"
                           "os.path.exists('/proc/self'))",
                   (int)getpid());
    assert_int_equal(python(line, NULL, out, &e), 0);
    assert_string_equal(out, "1 0 ESRCH EPERM EPERM False\n");
}

static void the_kernel_is_narrow(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char out[1024];
    assert_int_equal(
        python(
            PRELUDE
            "import fcntl\n"
            "print(call(libc.mount,b'none',b'/tmp',b'tmpfs',0,None),call(libc.umount2,b'/tmp',2),"
            "call(libc.unshare,0x10000000),call(libc.unshare,0x20000),call(libc.setns,0,0),"
            "call(libc.syscall,425,8,0),call(libc.syscall,435,0,0),"
            "call(libc.syscall,56,0x10000000|17,0,0,0,0) if os.uname().machine=='x86_64' else "
            "'EPERM',"
            "call(libc.prctl,1,0,0,0,0),call(libc.prctl,1,9,0,0,0),"
            "attempt(socket.socket,38,5),attempt(socket.socket,40,1),attempt(socket.socket,17,3),"
            "attempt(os.chroot,'/"
            "tmp'),call(libc.open_by_handle_at,0,0,0),call(libc.personality,0x40000))",
            NULL, out, &e),
        0);
    assert_string_equal(out,
                        "EPERM EPERM EPERM EPERM EPERM EPERM ENOSYS EPERM EPERM EPERM EAFNOSUPPORT "
                        "EAFNOSUPPORT EAFNOSUPPORT EPERM EPERM EPERM\n");
}

/* Capabilities: root keeps what reads images of other owners; others nothing. */
static void rights_are_few(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char out[1024];
    static const char line[] =
        PRELUDE "import resource\n"
                "h=(ctypes.c_uint32*2)(0x20080522,0); d=(ctypes.c_uint32*6)()\n"
                "libc.capget(h,d)\n"
                "print('%x %x %x'%(d[0],d[1],d[2]),libc.prctl(39,0,0,0,0),libc.prctl(21,0,0,0,0),"
                "resource.getrlimit(resource.RLIMIT_CORE)[1]<2,sum(libc.prctl(23,i,0,0,0)==1 for i "
                "in range(64)),"
                "socket.gethostname(),os.getsid(0),oct(os.umask(0)),sorted(os.environ.items()))";
    static const char rest[] =
        "[('LANG', 'C'), ('LC_CTYPE', 'C.UTF-8'), "
        "('PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'), "
        "('TMPDIR', '/tmp')]\n";
    char expected[1024];
    bool root = geteuid() == 0;
    assert_int_equal(setenv("ABRI_TEST_SECRET", "secret", 1), 0);
    assert_int_equal(python(line, NULL, out, &e), 0);
    (void)snprintf(expected, sizeof expected, "%s 1 2 True %d box 1 0o77 %s",
                   root ? "4 4 0" : "0 0 0", root, rest);
    assert_string_equal(out, expected);

    make_file(at("w"), "");
    const struct box_file shown = {at("w"), true};
    struct box_options o = plain();
    o.files = &shown;
    o.file_count = 1;
    assert_int_equal(python(line, &o, out, &e), 0);
    (void)snprintf(expected, sizeof expected, "%s 1 2 True %d box 1 0o77 %s",
                   root ? "6 6 0" : "0 0 0", root * 2, rest);
    assert_string_equal(out, expected);
}

static void files_of_others_are_read_by_root_alone(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char line[1024], out[1024];
    make_file(at("closed"), "closed\n");
    assert_int_equal(chmod(at("closed"), 0), 0);
    if (geteuid() == 0)
        assert_int_equal(chown(at("closed"), 12345, 12345), 0);
    const struct box_file shown = {at("closed"), false};
    struct box_options o = plain();
    o.files = &shown;
    o.file_count = 1;
    (void)snprintf(line, sizeof line, "cat '%s' 2>/dev/null || echo refused", shown.path);
    assert_int_equal(shell(line, &o, out, &e), 0);
    assert_string_equal(out, geteuid() == 0 ? "closed\n" : "refused\n");
}

/* A link that is shown shows what it leads to, and a link inside leads nowhere else. */
static void links_lead_nowhere_else(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char line[1024], out[1024];
    make_file(at("real"), "real\n");
    assert_int_equal(symlink(at("real"), at("link")), 0);
    assert_int_equal(mkdir(at("linked"), 0755), 0);
    assert_int_equal(symlink("/etc/passwd", at("linked/passwd")), 0);
    assert_int_equal(symlink(at("real"), at("linked/real")), 0);
    const struct box_file shown[] = {{at("link"), false}, {at("linked"), false}};
    struct box_options o = plain();
    o.files = shown;
    o.file_count = 2;
    (void)snprintf(line, sizeof line,
                   "cat '%s'; cat '%s/passwd' '%s/real' 2>/dev/null || echo refused", shown[0].path,
                   shown[1].path, shown[1].path);
    assert_int_equal(shell(line, &o, out, &e), 0);
    assert_string_equal(out, "real\nrefused\n");
}

static void memory_is_bounded(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char out[1024];
    struct box_options o = plain();
    static const char line[] = "try:\n  b=bytearray(1<<30); print('had',len(b))\n"
                               "except MemoryError: print('refused')";
    o.memory_max = (uint64_t)512 << 20;
    assert_int_equal(python(line, &o, out, &e), 0);
    assert_string_equal(out, "refused\n");
    assert_int_equal(python(line, NULL, out, &e), 0);
    assert_string_equal(out, "had 1073741824\n");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(network_is_its_own),
        cmocka_unit_test(sockets_of_files_are_not_reached),
        cmocka_unit_test(only_what_is_shown_is_read),
        cmocka_unit_test(what_is_shown_for_reading_is_not_changed),
        cmocka_unit_test(what_is_shown_for_writing_is_changed),
        cmocka_unit_test(a_device_shown_for_reading_is_not_written),
        cmocka_unit_test(other_processes_are_out_of_reach),
        cmocka_unit_test(the_kernel_is_narrow),
        cmocka_unit_test(rights_are_few),
        cmocka_unit_test(files_of_others_are_read_by_root_alone),
        cmocka_unit_test(links_lead_nowhere_else),
        cmocka_unit_test(memory_is_bounded),
    };
    return run_boxes(argc, argv, "box/fences", tests, sizeof tests / sizeof tests[0]);
}
