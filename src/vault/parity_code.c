/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matrix is [I; C] with C[r][j] = 1 / ((data + r) XOR j) in GF(2^8) with the
 * polynomial 0x11d. Every square part of C can be inverted, so any `count` lost
 * shards follow from any `count` parity rows and the rest.
 */
#include "vault/parity_code.h"

#include "base/mem.h"

#include <isa-l.h>
#include <string.h>

struct parity_code {
    int data, rows;
    uint8_t tables[32 * PARITY_DATA_MAX * PARITY_ROWS_MAX];
};

uint32_t parity_word(const uint8_t *p, size_t len)
{
    union {
        const uint8_t *in;
        unsigned char *out;
    } u = {.in = p}; /* the library's argument lacks a const */
    return ~crc32_iscsi(u.out, (int)len, ~0u);
}

static uint8_t coefficient(uint32_t data, uint32_t row, uint32_t shard)
{
    return gf_inv((uint8_t)((data + row) ^ shard));
}

static struct parity_code *code_of(uint32_t data, uint32_t rows, uint8_t *matrix)
{
    struct parity_code *c = mem_alloc(sizeof *c);
    if (!c)
        return NULL;
    c->data = (int)data;
    c->rows = (int)rows;
    ec_init_tables(c->data, c->rows, matrix, c->tables);
    return c;
}

struct parity_code *parity_code_new(uint32_t data, uint32_t rows)
{
    uint8_t matrix[PARITY_DATA_MAX * PARITY_ROWS_MAX];
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t j = 0; j < data; j++)
            matrix[r * data + j] = coefficient(data, r, j);
    return code_of(data, rows, matrix);
}

/* With L the part of C in the rows used and the lost columns, and G the rest of
 * these rows: parity = L lost + G good, so lost = L' parity + L' G good. */
struct parity_code *parity_code_mend(uint32_t data, const uint32_t *lost, const uint32_t *use,
                                     uint32_t count)
{
    uint8_t part[PARITY_ROWS_MAX * PARITY_ROWS_MAX], inverse[PARITY_ROWS_MAX * PARITY_ROWS_MAX];
    uint8_t matrix[PARITY_DATA_MAX * PARITY_ROWS_MAX];
    for (uint32_t r = 0; r < count; r++)
        for (uint32_t i = 0; i < count; i++)
            part[r * count + i] = coefficient(data, use[r], lost[i]);
    if (gf_invert_matrix(part, inverse, (int)count))
        return NULL; /* cannot be: see above */
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < data; j++) {
            uint8_t sum = 0;
            for (uint32_t r = 0; r < count; r++)
                sum ^= gf_mul(inverse[i * count + r], coefficient(data, use[r], j));
            matrix[i * data + j] = sum;
        }
        for (uint32_t r = 0; r < count; r++)
            matrix[i * data + lost[r]] = inverse[i * count + r];
    }
    return code_of(data, count, matrix);
}

void parity_code_run(const struct parity_code *c, int len, uint8_t **from, uint8_t **to)
{
    union {
        const uint8_t *in;
        unsigned char *out;
    } u = {.in = c->tables};
    ec_encode_data(len, c->data, c->rows, u.out, from, to);
}
