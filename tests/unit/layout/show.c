/* SPDX-License-Identifier: Apache-2.0 */
/* show IMAGE…: what layout finds, a line of JSON for each, for second_opinion.py. Texts are clean
 * and need no escapes but two. */
#include "layout/layout.h"

#include "base/file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

static int read_image(void *arg, uint64_t off, void *p, size_t len, struct err *e)
{
    const int *fd = arg;
    return file_pread(*fd, p, len, (off_t)off) == (ssize_t)len
               ? 0
               : err_set(e, ERR_IO, "cannot read the image");
}

static void text(const char *name, const char *value, const char *end)
{
    printf("\"%s\":\"", name);
    for (; *value; value++)
        printf(*value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
    printf("\"%s", end);
}

static void show(const struct layout *l)
{
    static const char *const tables[] = {"", "mbr", "gpt"};
    printf("{");
    text("table", tables[l->table], ",");
    text("table_id", l->table_id, ",");
    printf("\"sector\":%u,\"more\":%d,\"parts\":[", l->sector, l->more);
    for (size_t i = 0; i < l->part_count; i++) {
        const struct layout_part *p = &l->parts[i];
        printf("%s{\"number\":%u,\"start\":%" PRIu64 ",\"bytes\":%" PRIu64 ",", i ? "," : "",
               p->number, p->start, p->bytes);
        text("type", p->type, ",");
        text("name", p->name, ",");
        text("content", p->content, ",");
        text("label", p->label, ",");
        text("id", p->id, "}");
    }
    printf("]}\n");
}

int main(int argc, char **argv)
{
    static struct layout l;
    for (int i = 1; i < argc; i++) {
        struct err e = ERR_INIT;
        struct stat st;
        int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) ||
            layout_probe((uint64_t)st.st_size, read_image, &fd, &l, &e)) {
            (void)fprintf(stderr, "%s: %s\n", argv[i], e.msg);
            return 1;
        }
        show(&l);
        file_close(&fd);
    }
    return 0;
}
