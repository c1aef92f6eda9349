/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mending a pack by its parity. A block whose check word does not match, or has
 * none, counts as lost; so does a parity block. What is computed is not proof:
 * the caller verifies the pack by its name.
 *
 * H2 A block whose check word matches is never changed.
 * H3 Nothing is computed for a stripe that has lost more than it can bear, and
 *    what is computed must match its word, or it counts as lost, too.
 */
#include "base/mem.h"
#include "vault/parity_code.h"

#include <string.h>

struct mending {
    struct parity_head h;
    const uint8_t *object;
    size_t len;
    uint8_t *pack;
    uint32_t blocks, mended;
    uint32_t lost_stripes;
    uint8_t *room; /* blocks of one stripe: data, then parity, then results */
    uint32_t lost[PARITY_DATA_MAX], lost_count;
    uint32_t use[PARITY_ROWS_MAX], use_count;
};

/* False if the object does not reach so far. */
static bool word_at(const struct mending *m, uint64_t index, uint32_t *out)
{
    uint64_t at = PARITY_HEAD_BYTES + 4 * index;
    if (at + 4 > m->len)
        return false;
    *out = get_u32(m->object + at);
    return true;
}

static size_t block_len(const struct mending *m, uint64_t block)
{
    uint64_t off = block * m->h.block;
    return off >= m->h.pack_len               ? 0
           : m->h.pack_len - off < m->h.block ? (size_t)(m->h.pack_len - off)
                                              : m->h.block;
}

/* Copies the stripe's blocks into the room, and notes which are lost. */
static void gather(struct mending *m, uint32_t stripe)
{
    m->lost_count = 0;
    for (uint32_t j = 0; j < m->h.data; j++) {
        uint64_t b = (uint64_t)j * m->h.stripes + stripe;
        uint8_t *to = m->room + (size_t)j * m->h.block;
        size_t n = block_len(m, b);
        uint32_t word;
        memset(to, 0, m->h.block);
        if (!n)
            continue; /* behind the pack's end: zeros, and never lost */
        memcpy(to, m->pack + b * m->h.block, n);
        if (!word_at(m, b, &word) || word != parity_word(to, m->h.block))
            m->lost[m->lost_count++] = j;
    }
}

/* Puts good parity blocks in the places of the lost ones; false if there are too
 * few. */
static bool substitute(struct mending *m, uint32_t stripe)
{
    size_t from = PARITY_HEAD_BYTES + parity_words_len(&m->h);
    m->use_count = 0;
    for (uint32_t r = 0; r < m->h.parity && m->use_count < m->lost_count; r++) {
        uint64_t index = (uint64_t)r * m->h.stripes + stripe;
        uint64_t at = from + index * m->h.block;
        uint32_t word;
        if (at + m->h.block > m->len || !word_at(m, m->blocks + index, &word) ||
            word != parity_word(m->object + at, m->h.block))
            continue;
        memcpy(m->room + (size_t)m->lost[m->use_count] * m->h.block, m->object + at, m->h.block);
        m->use[m->use_count++] = r;
    }
    return m->use_count == m->lost_count;
}

static bool put_back(struct mending *m, uint32_t stripe, uint8_t *const *made)
{
    bool all = true;
    for (uint32_t i = 0; i < m->lost_count; i++) {
        uint64_t b = (uint64_t)m->lost[i] * m->h.stripes + stripe;
        uint32_t word;
        if (!word_at(m, b, &word) || word != parity_word(made[i], m->h.block)) {
            all = false;
            continue;
        }
        memcpy(m->pack + b * m->h.block, made[i], block_len(m, b));
        m->mended++;
    }
    return all;
}

static int mend_stripe(struct mending *m, uint32_t stripe, struct err *e)
{
    uint8_t *from[PARITY_DATA_MAX], *made[PARITY_ROWS_MAX];
    gather(m, stripe);
    if (!m->lost_count)
        return 0;
    if (m->lost_count > m->h.parity || !substitute(m, stripe)) {
        m->lost_stripes++;
        return 0;
    }
    CLEANUP_FREE struct parity_code *code =
        parity_code_mend(m->h.data, m->lost, m->use, m->lost_count);
    if (!code)
        return err_no_memory(e, "mending a pack");
    for (uint32_t j = 0; j < m->h.data; j++)
        from[j] = m->room + (size_t)j * m->h.block;
    for (uint32_t i = 0; i < m->lost_count; i++)
        made[i] = m->room + (size_t)(m->h.data + i) * m->h.block;
    parity_code_run(code, (int)m->h.block, from, made);
    m->lost_stripes += !put_back(m, stripe, made);
    return 0;
}

int parity_mend(const uint8_t *p, size_t len, uint8_t *pack, uint32_t *mended_out, struct err *e)
{
    struct mending m = {.object = p, .len = len, .pack = pack};
    if (parity_head_decode(p, len, &m.h, e))
        return -1;
    m.blocks = parity_blocks(&m.h);
    CLEANUP_FREE uint8_t *room = mem_array((size_t)m.h.data + PARITY_ROWS_MAX, m.h.block);
    if (!room)
        return err_no_memory(e, "mending a pack");
    m.room = room;
    int rc = 0;
    for (uint32_t s = 0; !rc && s < m.h.stripes; s++)
        rc = mend_stripe(&m, s, e);
    explicit_bzero(room, ((size_t)m.h.data + PARITY_ROWS_MAX) * m.h.block); /* may be a key */
    if (rc)
        return -1;
    if (m.lost_stripes)
        return err_set(e, ERR_DAMAGED, "%u of %u stripes have lost more than parity can mend",
                       m.lost_stripes, m.h.stripes);
    *mended_out = m.mended;
    return 0;
}
