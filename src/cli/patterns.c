/* SPDX-License-Identifier: Apache-2.0 */
/* Pattern options become a `select`, in the order in which they were given:
 * a later '!' takes back what an earlier one matched. */
#include "cli/cli.h"

static int add(struct select *s, const struct option_item *it, struct err *e)
{
    bool ignore_case = it->tag == PATTERN_ITEXT || it->tag == PATTERN_IFILE;
    if (it->tag == PATTERN_FILE || it->tag == PATTERN_IFILE)
        return select_add_file(s, it->text, ignore_case, e);
    return select_add(s, it->text, ignore_case, e);
}

int patterns_build(const struct option_list *l, struct select **out, struct err *e)
{
    struct select *s = NULL;
    if (l->count > 0 && select_new(&s, e))
        return -1;
    for (size_t i = 0; i < l->count; i++) {
        if (add(s, &l->items[i], e)) {
            select_free(s);
            return -1;
        }
    }
    *out = s;
    return 0;
}
