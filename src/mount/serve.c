/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serving: mounts, answers with several threads, unmounts. What is mounted is mount.h's business.
 *
 *  V1 When mount_serve returns nothing is mounted any more, whatever made it return. Where somebody stands in
 *     it, it is taken from the tree of directories at once, and whoever stands in it gets errors.
 *  V2 It is mounted read-only, without devices and set-user-id: what is in a snapshot was written by others.
 *  V3 Threads can be ended only while they wait for a request.
 */
#include "mount/mount_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_MS 100 /* how soon an interruption is seen */
#define THREADS_MAX 16u
#define THREADS_MIN 4u

/* ---- what goes wrong ------------------------------------------------------------------------------------ */

int mounted_problem(struct mounted *m, const struct err *e)
{
    (void)pthread_mutex_lock(&m->said_lock);
    if (strcmp(m->said, e->msg) != 0) {
        (void)snprintf(m->said, sizeof m->said, "%s", e->msg);
        if (m->o->problem)
            m->o->problem(m->o->arg, m->o->dir, e);
    }
    (void)pthread_mutex_unlock(&m->said_lock);
    return e->cls == ERR_NO_MEMORY ? ENOMEM : EIO;
}

/* libfuse tells why it cannot mount by a line; it has no argument for whom. */
static pthread_mutex_t complaint_lock = PTHREAD_MUTEX_INITIALIZER;
static char complaint[512];

static void take_complaint(enum fuse_log_level level, const char *fmt, va_list ap)
{
    if (level > FUSE_LOG_WARNING)
        return;
    (void)pthread_mutex_lock(&complaint_lock);
    if (!*complaint) {
        (void)vsnprintf(complaint, sizeof complaint, fmt, ap);
        complaint[strcspn(complaint, "\n")] = '\0';
    }
    (void)pthread_mutex_unlock(&complaint_lock);
}

/* ---- the directory ---------------------------------------------------------------------------------------- */

int mount_check_dir(const char *dir, struct err *e)
{
    struct stat st;
    if (stat(dir, &st)) {
        if (errno == ENOTCONN)
            return err_set(e, ERR_EXISTS, "'%s' is a mount whose program has died: unmount it first", dir);
        return err_sys(e, errno, "'%s' cannot be mounted upon", dir);
    }
    if (!S_ISDIR(st.st_mode))
        return err_set(e, ERR_USAGE, "'%s' is no directory: mount upon an empty one", dir);
    DIR *d = opendir(dir);
    if (!d)
        return err_sys(e, errno, "'%s' cannot be mounted upon", dir);
    bool is_empty = true;
    for (const struct dirent *de; is_empty && (de = readdir(d));)
        is_empty = strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0;
    (void)closedir(d);
    if (!is_empty)
        return err_set(e, ERR_EXISTS, "'%s' is not empty: what is in it would be hidden", dir);
    if (access("/dev/fuse", R_OK | W_OK))
        return err_sys(e, errno, "/dev/fuse, without which nothing can be mounted here (modprobe fuse?)");
    return 0;
}

/* ---- threads ------------------------------------------------------------------------------------------------ */

struct service {
    struct mounted *m;
    struct fuse_session *session;
    char *dir; /* absolute */
    pthread_t threads[THREADS_MAX];
    unsigned count;
    atomic_uint ended;
};

static void drop_buffer(void *arg)
{
    struct fuse_buf *buf = arg;
    mem_free(buf->mem); /* libfuse took it from malloc */
}

static void *answer_requests(void *arg)
{
    struct service *s = arg;
    struct fuse_buf buf = {0};
    int state;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pthread_cleanup_push(drop_buffer, &buf);
    while (!fuse_session_exited(s->session)) {
        (void)pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
        int len = fuse_session_receive_buf(s->session, &buf);
        (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
        if (len == -EINTR)
            continue;
        if (len <= 0)
            break;
        fuse_session_process_buf(s->session, &buf);
    }
    pthread_cleanup_pop(1);
    atomic_fetch_add(&s->ended, 1);
    return NULL;
}

static void end_threads(struct service *s)
{
    fuse_session_exit(s->session);
    for (unsigned i = 0; i < s->count; i++)
        (void)pthread_cancel(s->threads[i]);
    for (unsigned i = 0; i < s->count; i++)
        (void)pthread_join(s->threads[i], NULL);
    s->count = 0;
}

/* At least one. */
static int begin_threads(struct service *s, struct err *e)
{
    unsigned count = 2 * pool_cpu_count();
    count = count < THREADS_MIN ? THREADS_MIN : count > THREADS_MAX ? THREADS_MAX : count;
    for (; s->count < count; s->count++) {
        int rc = pthread_create(&s->threads[s->count], NULL, answer_requests, s);
        if (rc && s->count == 0)
            return err_sys(e, rc, "a thread");
        if (rc)
            break;
    }
    return 0;
}

/* ---- mounting and unmounting ----------------------------------------------------------------------------------- */

static bool is_unmounted(struct service *s)
{
    struct pollfd fd = {.fd = fuse_session_fd(s->session)};
    return poll(&fd, 1, 0) == 1 && (fd.revents & POLLERR);
}

/* Those who are not root have a program for it. */
static int unmount_as_user(const struct service *s)
{
    const char *const argv[] = {"fusermount3", "-u", "-q", "--", s->dir, NULL};
    struct err ignored = ERR_INIT;
    pid_t pid;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0)
        return -1;
    const struct program p = {.argv = argv, .environment = environ, .out_fd = null, .err_fd = null, .apart = true};
    int rc = program_start(&p, &pid) ? -1 : program_wait(pid, "fusermount3", &ignored);
    (void)close(null);
    return rc;
}

/* V1. First as it should be, while the threads answer; then libfuse takes away what is left, lazily. */
static void unmount(struct service *s)
{
    bool is_done = is_unmounted(s);
    if (!is_done)
        is_done = (geteuid() == 0 ? umount2(s->dir, UMOUNT_NOFOLLOW) : unmount_as_user(s)) == 0 || is_unmounted(s);
    end_threads(s);
    fuse_session_unmount(s->session);
    if (!is_done && s->m->o->busy)
        s->m->o->busy(s->m->o->arg);
}

static int mount_it(struct service *s, struct err *e)
{
    if (fuse_session_mount(s->session, s->dir) == 0)
        return 0;
    (void)pthread_mutex_lock(&complaint_lock);
    if (strstr(complaint, "fusermount3") && strstr(complaint, "exec"))
        (void)err_set(e, ERR_NOT_FOUND, "there is no program `fusermount3` here, with which users mount: install it (apt install fuse3)");
    else
        (void)err_set(e, ERR_IO, "cannot mount upon '%s'%s%s", s->dir, *complaint ? ": " : "", complaint);
    (void)pthread_mutex_unlock(&complaint_lock);
    return -1;
}

static void attend(struct service *s)
{
    const struct mount_options *o = s->m->o;
    while (atomic_load(&s->ended) == 0 && !fuse_session_exited(s->session)) {
        if (o->cancel && atomic_load(o->cancel))
            return;
        (void)poll(NULL, 0, LOOK_MS);
    }
}

static int serve(struct service *s, struct err *e)
{
    if (mount_it(s, e))
        return -1;
    int rc = begin_threads(s, e);
    if (rc == 0) {
        if (s->m->o->ready)
            s->m->o->ready(s->m->o->arg);
        attend(s);
    }
    unmount(s);
    return rc;
}

/* ---- the session --------------------------------------------------------------------------------------------------- */

static void on_init(void *arg, struct fuse_conn_info *conn)
{
    const unsigned wanted = FUSE_CAP_READDIRPLUS | FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_READ;
    (void)arg;
    conn->want |= conn->capable & wanted;
    conn->want &= ~(unsigned)(FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_SPLICE_READ);
    conn->max_background = 64;
    conn->congestion_threshold = 48;
}

static const struct fuse_lowlevel_ops operations = {
    .init = on_init,
    .lookup = answer_lookup,
    .getattr = answer_getattr,
    .readlink = answer_readlink,
    .opendir = answer_opendir,
    .readdir = answer_readdir,
    .readdirplus = answer_readdirplus,
    .open = answer_open,
    .read = answer_read,
    .release = answer_release,
    .getxattr = answer_getxattr,
    .listxattr = answer_listxattr,
};

static int session_make(struct service *s, struct err *e)
{
    const struct mount_options *o = s->m->o;
    char options[256];
    (void)snprintf(options, sizeof options, "ro,nosuid,nodev,noatime,fsname=abri,subtype=abri%s%s",
                   o->allow_other ? ",allow_other" : "",
                   o->allow_other && !o->no_permissions ? ",default_permissions" : "");
    char *argv[] = {(char[]){"abri"}, (char[]){"-o"}, options, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, argv);
    fuse_set_log_func(take_complaint);
    s->session = fuse_session_new(&args, &operations, sizeof operations, s->m);
    fuse_opt_free_args(&args);
    return s->session ? 0 : err_set(e, ERR_IO, "libfuse does not begin: %s", complaint);
}

static void mounted_done(struct mounted *m)
{
    view_cache_free(m->cache);
    catalog_free(m->catalog);
    pages_free(m->pages);
    (void)pthread_mutex_destroy(&m->said_lock);
}

static int prepare(struct mounted *m, struct err *e)
{
    const struct catalog_options catalog = {.access = m->access, .only = m->o->snapshot, .damaged = m->o->damaged,
                                            .arg = m->o->arg};
    const struct view_options view = {.bytes_max = m->o->cache_bytes};
    struct tree_ref tree;
    if (pages_new(m->access, MOUNT_PAGES_BYTES, &m->pages, e) || catalog_new(&catalog, &m->catalog, e))
        return -1;
    if (m->o->snapshot && catalog_tree(m->catalog, 0, &tree, e)) /* now, while somebody looks */
        return -1;
    return view_cache_new(m->access, &view, &m->cache, e);
}

int mount_serve(struct access *a, const struct mount_options *o, struct err *e)
{
    struct mounted m = {.o = o, .access = a, .uid = getuid(), .gid = getgid(), .since_ns = clock_realtime_ns()};
    struct service s = {.m = &m};
    (void)pthread_mutex_init(&m.said_lock, NULL);
    s.dir = realpath(o->dir, NULL);
    int rc = s.dir ? 0 : err_sys(e, errno, "'%s' cannot be mounted upon", o->dir);
    if (rc == 0)
        rc = prepare(&m, e) || session_make(&s, e) || serve(&s, e) ? -1 : 0;
    if (s.session)
        fuse_session_destroy(s.session);
    mounted_done(&m);
    mem_free(s.dir);
    return rc;
}
