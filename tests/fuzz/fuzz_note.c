/* SPDX-License-Identifier: Apache-2.0 */
/* Notes, checkpoints, cosignatures and keys as text: what is read is written the same. The log's
 * key is that of the seed of zeros. */
#include "base/mem.h"
#include "fuzz.h"
#include "sign/note.h"

#include <stdlib.h>
#include <string.h>

static struct note_key known;
static struct sign_key secret;

static void check_key(const uint8_t *p, size_t len)
{
    char *text = mem_zalloc(len + 1);
    struct note_key k;
    bool cosigner;
    struct err e = ERR_INIT;
    struct buf again = {0};
    memcpy(text, p, len);
    if (note_key_parse(text, &k, &cosigner, &e) == 0) {
        if (note_key_text(&k, cosigner, &again, &e) || again.len != strlen(text) ||
            memcmp(again.data, text, again.len) != 0)
            abort();
    } else if (e.cls != ERR_USAGE) {
        abort();
    }
    buf_done(&again);
    mem_free(text);
}

static void check_checkpoint(const uint8_t *p, size_t len)
{
    struct checkpoint c;
    struct err e = ERR_INIT;
    struct buf again = {0};
    size_t text_len = 0;
    if (checkpoint_verify(p, len, &known, &c, &e)) {
        if (e.cls != ERR_DAMAGED)
            abort();
        return;
    }
    if (note_verify(p, len, &known, &text_len, &e) || checkpoint_sign(&c, &secret, &again, &e) ||
        !again.data || again.len < 3 || text_len > len)
        abort();
    /* Whoever holds the key may add extensions; without them there is one text. */
    size_t own = (size_t)((uint8_t *)memmem(again.data, again.len, "\n\n", 2) - again.data) + 1;
    if (memcmp(again.data, p, own < text_len ? own : text_len) != 0)
        abort();
    buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    static const uint8_t seed[SIGN_SEED_BYTES];
    struct err e = ERR_INIT;
    uint64_t time_s;
    if (known.name[0] == '\0') {
        if (sign_init(&e))
            abort();
        sign_key_from_seed(seed, &secret);
        memcpy(known.name, "fuzz.example/log", 17);
        memcpy(known.public_key, secret.public_key, SIGN_PUBLIC_BYTES);
    }
    check_key(p, len);
    check_checkpoint(p, len);
    if (checkpoint_cosigned(p, len, &known, &time_s) && time_s > INT64_MAX)
        abort();
    struct buf line = {0};
    (void)!checkpoint_cosign(p, len, "w", &secret, 1, &line, &e);
    buf_done(&line);
    return 0;
}
