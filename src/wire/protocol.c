/* SPDX-License-Identifier: Apache-2.0 */
/* Which version of the protocol is spoken: both sides of a difference are told which of them is the older one. */
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

/* A decimal number of at most six digits, no sign, up to `end`. */
static bool take_number(const char *text, char end, unsigned *out)
{
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n > 6 || text[n] != end)
        return false;
    *out = (unsigned)strtoul(text, NULL, 10);
    return true;
}

static const char *compare(unsigned theirs, struct err *e)
{
    if (theirs == WIRE_API)
        return NULL;
    if (theirs > WIRE_API) {
        (void)err_set(e, ERR_NEWER,
                      "this server speaks version %d of the protocol, the caller version %u: the server is "
                      "older. Have it upgraded, or use an older abri here", WIRE_API, theirs);
        return "protocol_newer";
    }
    (void)err_set(e, ERR_NEWER,
                  "this server speaks version %d of the protocol, the caller version %u: the caller is older. "
                  "Upgrade abri here", WIRE_API, theirs);
    return "protocol_older";
}

const char *wire_protocol_problem(const char *said, const char *path, struct err *e)
{
    unsigned theirs;
    if (said) {
        if (take_number(said, '\0', &theirs))
            return compare(theirs, e);
        (void)err_set(e, ERR_USAGE, "%s: that is no version of the protocol", WIRE_PROTOCOL_FIELD);
        return "usage";
    }
    return path[0] == '/' && path[1] == 'v' && take_number(path + 2, '/', &theirs) ? compare(theirs, e) : NULL;
}
