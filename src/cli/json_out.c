/* SPDX-License-Identifier: Apache-2.0 */
/* Builds and prints JSON objects. What cannot be allocated empties the object,
 * its kind included, and what has no kind is printed as an error: never half an
 * object, and never silently none. */
#include "cli/json_out.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cli/term.h"

#include <string.h>

static void put(json_t *o, const char *field, json_t *value)
{
    if (json_object_set_new(o, field, value))
        (void)json_object_clear(o);
}

json_t *json_object_of(const char *message_type)
{
    json_t *o = json_object();
    put(o, "message_type", json_string(message_type));
    return o;
}

/* True if it is UTF-8 as a whole; appends it with U+FFFD for what is not. */
static bool to_unicode(const char *p, size_t len, struct buf *out)
{
    bool clean = true;
    while (len > 0) {
        uint32_t code;
        size_t n = term_utf8(p, len, &code);
        if (n)
            buf_put(out, p, n);
        else
            buf_put(out, "\xef\xbf\xbd", 3);
        clean = clean && n;
        p += n ? n : 1;
        len -= n ? n : 1;
    }
    return clean;
}

static void to_base64(const char *p, size_t len, struct buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        uint32_t three = (uint32_t)(uint8_t)p[i] << 16;
        three |= i + 1 < len ? (uint32_t)(uint8_t)p[i + 1] << 8 : 0;
        three |= i + 2 < len ? (uint32_t)(uint8_t)p[i + 2] : 0;
        buf_put_u8(out, (uint8_t)digits[three >> 18]);
        buf_put_u8(out, (uint8_t)digits[three >> 12 & 63]);
        buf_put_u8(out, (uint8_t)(i + 1 < len ? digits[three >> 6 & 63] : '='));
        buf_put_u8(out, (uint8_t)(i + 2 < len ? digits[three & 63] : '='));
    }
}

static json_t *string_of(const struct buf *b)
{
    return b->failed ? NULL : json_stringn(b->data ? (const char *)b->data : "", b->len);
}

static json_t *unicode_of(const char *p, size_t len, bool *clean_out)
{
    CLEANUP(buf_done) struct buf text = {0};
    *clean_out = to_unicode(p, len, &text);
    return string_of(&text);
}

static json_t *base64_of(const char *p, size_t len)
{
    CLEANUP(buf_done) struct buf text = {0};
    to_base64(p, len, &text);
    return string_of(&text);
}

static const char *b64_name(const char *field, char out[64])
{
    (void)snprintf(out, 64, "%s_b64", field);
    return out;
}

void json_put_text(json_t *o, const char *field, const char *p, size_t len)
{
    char name[64];
    bool clean;
    put(o, field, unicode_of(p, len, &clean));
    if (!clean)
        put(o, b64_name(field, name), base64_of(p, len));
}

void json_put_string(json_t *o, const char *field, const char *text)
{
    json_put_text(o, field, text, strlen(text));
}

void json_put_texts(json_t *o, const char *field, const char *const *items, size_t count)
{
    char name[64];
    bool all_clean = true;
    int failed = 0;
    json_t *texts = json_array(), *exact = json_array();
    for (size_t i = 0; i < count; i++) {
        bool clean;
        failed |= json_array_append_new(texts, unicode_of(items[i], strlen(items[i]), &clean));
        failed |= json_array_append_new(exact, base64_of(items[i], strlen(items[i])));
        all_clean = all_clean && clean;
    }
    put(o, field, texts);
    if (failed)
        (void)json_object_clear(o);
    if (all_clean)
        json_decref(exact);
    else
        put(o, b64_name(field, name), exact);
}

void json_put_number(json_t *o, const char *field, uint64_t n)
{
    json_int_t v = n > INT64_MAX ? INT64_MAX : (json_int_t)n;
    put(o, field, json_integer(v));
}

void json_put_real(json_t *o, const char *field, double n)
{
    put(o, field, json_real(n));
}

void json_put_seconds(json_t *o, const char *field, int64_t ns)
{
    json_put_real(o, field, (double)(ns / 1000000) / 1000);
}

void json_put_bool(json_t *o, const char *field, bool yes)
{
    put(o, field, json_boolean(yes));
}

void json_put_time(json_t *o, const char *field, int64_t ns)
{
    char text[CLOCK_TEXT_BYTES];
    clock_format_utc(ns, text);
    put(o, field, json_string(text));
}

void json_put_hex(json_t *o, const char *field, const uint8_t *p, size_t len)
{
    char hex[2 * ID_BYTES + 1];
    if (len <= ID_BYTES) {
        hex_encode(p, len, hex);
        put(o, field, json_string(hex));
    }
}

static int append(const char *text, size_t len, void *arg)
{
    buf_put(arg, text, len);
    return 0;
}

void json_emit_locked(FILE *f, json_t *o)
{
    static const char failed[] = "{\"message_type\":\"error\",\"class\":\"no_memory\",\"message\":"
                                 "\"out of memory\",\"code\":1}";
    CLEANUP(buf_done) struct buf line = {0};
    bool whole = json_object_get(o, "message_type") != NULL;
    int rc = whole ? json_dump_callback(o, append, &line, JSON_COMPACT | JSON_REAL_PRECISION(9)) : -1;
    buf_put_u8(&line, '\n');
    if (rc == 0 && !line.failed)
        (void)fwrite(line.data, 1, line.len, f);
    else
        (void)fprintf(f, "%s\n", failed);
    json_decref(o);
}

void json_put_entry(json_t *o, const struct entry *en)
{
    CLEANUP(buf_done) struct buf path = {0};
    buf_put_u8(&path, '/');
    buf_put(&path, en->path, en->path_len);
    json_put_text(o, "path", path.failed ? "" : (const char *)path.data, path.len);
    json_put_string(o, "type", entry_type_name(en->type));
    json_put_number(o, "mode", en->mode);
    json_put_number(o, "uid", en->uid);
    json_put_number(o, "gid", en->gid);
    json_put_time(o, "mtime", entry_mtime_ns(en));
    if (en->type == ENTRY_FILE)
        json_put_number(o, "size", en->size);
}

void json_emit(struct cli *c, FILE *f, json_t *o)
{
    (void)pthread_mutex_lock(&c->screen);
    progress_bar_hide(c);
    json_emit_locked(f, o);
    (void)fflush(f);
    (void)pthread_mutex_unlock(&c->screen);
}
