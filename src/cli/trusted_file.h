/* SPDX-License-Identifier: Apache-2.0 */
/* Files that decide what runs on this machine: nobody but root and the caller may
 * be able to change them, or to put another in their place. */
#ifndef ABRI_CLI_TRUSTED_FILE_H
#define ABRI_CLI_TRUSTED_FILE_H

#include "base/err.h"

#include <stdbool.h>

/*
 * Opens a regular file for reading, by an absolute path, following links, if the
 * file, every directory and every link on the way belong to root or to the caller
 * and can be written by nobody else. (A directory like /tmp, in which nobody can
 * replace what is another's, is fine on the way.) ERR_NOT_FOUND if it is not
 * there, ERR_USAGE if it is not to be trusted: the message tells how to mend it.
 */
MUST_CHECK int trusted_open(const char *path, int *fd_out, struct err *e);

#endif
