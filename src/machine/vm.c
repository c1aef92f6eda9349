/* SPDX-License-Identifier: Apache-2.0 */
/* A machine from its start to its end, and what it tells on the way. */
#include "machine/vm_internal.h"

#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_MS     60000
#define MEMORY_EXTRA ((uint64_t)4 << 30) /* address space beside the guest's memory */
#define STREAM_SPEED 0                   /* no limit */

/* ---- starting --------------------------------------------------------------------------- */

/* Opening is what tells: the device may be there without a processor that can. */
static bool has_kvm(void)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    (void)close(fd);
    FILE *f = fopen("/proc/cpuinfo", "re");
    char line[8192];
    bool can = false;
    while (f && !can && fgets(line, sizeof line, f))
        can = strstr(line, " vmx") || strstr(line, " svm");
    if (f)
        (void)fclose(f);
    return can;
}

static int check(const struct vm_options *o, struct err *e)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (strchr(o->dir, ',') || strlen(o->dir) > 90)
        return err_set(
            e, ERR_USAGE,
            "'%s': a directory for a machine has a path of at most 90 bytes, without commas",
            o->dir);
    if (o->disk_count == 0 || o->disk_count > VM_DISKS_MAX)
        return err_set(e, ERR_LIMIT, "a machine has 1 to %u disks", VM_DISKS_MAX);
    for (size_t i = 0; i < o->disk_count; i++) {
        size_t len = strlen(o->disks[i].name);
        if (len == 0 || len >= VM_NAME_MAX || strspn(o->disks[i].name, letters) != len)
            return err_set(e, ERR_USAGE, "the disk '%s' has a name that QEMU cannot have",
                           o->disks[i].name);
    }
    return 0;
}

/* Sockets of an earlier run are in the way. */
static void remove_sockets(const struct vm_options *o)
{
    static const char *const names[] = {"qmp", "serial", "vnc", "agent"};
    char path[4096];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if ((size_t)snprintf(path, sizeof path, "%s/%s", o->dir, names[i]) < sizeof path)
            (void)unlink(path);
}

static int start_box(struct vm *v, const struct vm_options *o, struct err *e)
{
    struct vm_args args;
    const struct box_file dir = {.path = o->dir, .write = true};
    if (vm_args_make(o, v->kvm, &args, e))
        return -1;
    const struct box_options b = {.argv = (const char *const *)args.words,
                                  .files = &dir,
                                  .file_count = 1,
                                  .listen_fd = -1,
                                  .kvm = v->kvm,
                                  .host_network = o->network,
                                  .memory_max = (o->memory_mib << 20) + MEMORY_EXTRA,
                                  .out_fd = -1};
    int rc = box_start(&b, &v->box, e);
    vm_args_done(&args);
    return rc;
}

static int open_control(struct vm *v, const struct vm_options *o, struct err *e)
{
    char path[4096];
    struct err why = ERR_INIT;
    (void)snprintf(path, sizeof path, "%s/qmp", o->dir);
    /* The sooner it is seen to have ended, the better the message. */
    for (int waited = 0; waited < START_MS; waited += 50) {
        struct stat st;
        if (!box_is_running_after(v->box, 50))
            return err_set(e, ERR_IO, "QEMU did not start: %s", box_said(v->box));
        if (stat(path, &st) == 0)
            break;
        if (o->cancel && atomic_load(o->cancel))
            return err_set(e, ERR_CANCELLED, "interrupted");
    }
    if (qmp_open(path, START_MS, &v->qmp, &why))
        return box_is_running(v->box)
                   ? err_give(e, &why)
                   : err_set(e, ERR_IO, "QEMU did not start: %s", box_said(v->box));
    return qmp_do(v->qmp, "cont", NULL, NULL, e);
}

int vm_start(const struct vm_options *o, struct vm **out, struct err *e)
{
    if (check(o, e))
        return -1;
    struct vm *v = mem_zalloc(sizeof *v);
    if (!v)
        return err_no_memory(e, "a machine");
    v->kvm = has_kvm();
    v->disk_count = o->disk_count;
    (void)snprintf(v->dir, sizeof v->dir, "%s", o->dir);
    for (size_t i = 0; i < o->disk_count; i++)
        (void)snprintf(v->names[i], VM_NAME_MAX, "%s", o->disks[i].name);
    remove_sockets(o);
    if (start_box(v, o, e) || open_control(v, o, e)) {
        vm_free(v);
        return -1;
    }
    *out = v;
    return 0;
}

void vm_free(struct vm *v)
{
    if (!v)
        return;
    qmp_close(v->qmp);
    box_free(v->box);
    mem_free(v);
}

bool vm_uses_kvm(const struct vm *v)
{
    return v->kvm;
}

const char *vm_reason(const struct vm *v)
{
    return v->reason;
}

/* ---- news -------------------------------------------------------------------------------- */

static void set_reason(struct vm *v, const char *what, const char *more)
{
    (void)snprintf(v->reason, sizeof v->reason, "%s%s%s", what ? what : "", more ? ": " : "",
                   more ? more : "");
}

static size_t disk_of_job(const struct vm *v, const char *job)
{
    size_t i = 0;
    while (i < v->disk_count &&
           (!job || strncmp(job, "stream-", 7) != 0 || strcmp(job + 7, v->names[i]) != 0))
        i++;
    return i;
}

static enum vm_news job_ended(struct vm *v, json_t *data)
{
    const char *job = json_string_value(json_object_get(data, "device"));
    const char *why = json_string_value(json_object_get(data, "error"));
    size_t i = disk_of_job(v, job);
    if (i == v->disk_count)
        return VM_NOTHING;
    set_reason(v, v->names[i], why);
    v->streamed[i] = !why;
    return why ? VM_STREAM_FAILED : VM_STREAMED;
}

static enum vm_news news_of(struct vm *v, json_t *event)
{
    const char *name = json_string_value(json_object_get(event, "event"));
    json_t *data = json_object_get(event, "data");
    if (!name)
        return VM_NOTHING;
    if (strcmp(name, "SHUTDOWN") == 0) {
        set_reason(v, json_string_value(json_object_get(data, "reason")), NULL);
        v->ended = true;
        return VM_ENDED;
    }
    if (strcmp(name, "BLOCK_IO_ERROR") == 0) {
        const char *device = json_string_value(json_object_get(data, "device"));
        const char *node = json_string_value(json_object_get(data, "node-name"));
        set_reason(v, node ? node : device, json_string_value(json_object_get(data, "reason")));
        return VM_STOPPED;
    }
    if (strcmp(name, "BLOCK_JOB_COMPLETED") == 0)
        return job_ended(v, data);
    return VM_NOTHING;
}

int vm_wait(struct vm *v, int timeout_ms, enum vm_news *out, struct err *e)
{
    json_t *event;
    struct err why = ERR_INIT;
    *out = VM_NOTHING;
    int rc = qmp_event(v->qmp, timeout_ms, &event, &why);
    if (rc > 0) {
        *out = news_of(v, event);
        json_decref(event);
        return 0;
    }
    if (rc == 0)
        return 0;
    if (v->ended) {
        *out = VM_ENDED;
        return 0;
    }
    if (box_is_running_after(v->box, 1000))
        return err_give(e, &why);
    const char *said = box_said(v->box);
    return err_set(e, ERR_IO, "QEMU ended unexpectedly%s%s", *said ? ": " : "", said);
}

/* ---- orders -------------------------------------------------------------------------------- */

int vm_continue(struct vm *v, struct err *e)
{
    return qmp_do(v->qmp, "cont", NULL, NULL, e);
}

int vm_stream(struct vm *v, struct err *e)
{
    for (size_t i = 0; i < v->disk_count; i++) {
        char job[VM_NAME_MAX + 8];
        (void)snprintf(job, sizeof job, "stream-%s", v->names[i]);
        json_t *args = json_pack("{s:s, s:s, s:s, s:i}", "job-id", job, "device", v->names[i],
                                 "on-error", "stop", "speed", STREAM_SPEED);
        if (!args)
            return err_no_memory(e, "a job");
        if (qmp_do(v->qmp, "block-stream", args, NULL, e))
            return -1;
    }
    return 0;
}

int vm_stream_progress(struct vm *v, uint64_t *done_out, uint64_t *total_out, struct err *e)
{
    json_t *jobs, *job;
    size_t i;
    uint64_t done = 0, total = 0;
    if (qmp_do(v->qmp, "query-block-jobs", NULL, &jobs, e))
        return -1;
    json_array_foreach(jobs, i, job)
    {
        json_int_t at = json_integer_value(json_object_get(job, "offset"));
        json_int_t len = json_integer_value(json_object_get(job, "len"));
        done += at > 0 ? (uint64_t)at : 0;
        total += len > 0 ? (uint64_t)len : 0;
    }
    json_decref(jobs);
    *done_out = done;
    *total_out = total;
    return 0;
}

int vm_screenshot(struct vm *v, struct err *e)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/screen.png", v->dir);
    json_t *args = json_pack("{s:s, s:s}", "filename", path, "format", "png");
    return args ? qmp_do(v->qmp, "screendump", args, NULL, e) : err_no_memory(e, "a screenshot");
}

int vm_powerdown(struct vm *v, struct err *e)
{
    return qmp_do(v->qmp, "system_powerdown", NULL, NULL, e);
}

int vm_quit(struct vm *v, struct err *e)
{
    return qmp_do(v->qmp, "quit", NULL, NULL, e);
}
