/* SPDX-License-Identifier: Apache-2.0 */
/* What is on a disk, from the note of its entry: lines for people, an object for machines. */
#ifndef ABRI_CLI_DISK_NOTE_H
#define ABRI_CLI_DISK_NOTE_H

#include "cli/json_out.h"

/* Prints to stdout, indented; nothing if the entry has no note that can be read. */
void disk_note_print(const struct entry *en);
/* To be json_decref'd or handed on; NULL if there is none. */
json_t *disk_note_object(const struct entry *en);

#endif
