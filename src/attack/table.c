/* SPDX-License-Identifier: Apache-2.0 */
/* All attacks, as the research page numbers them. */
#include "attack/families.h"

#include <string.h>

#define MISSING_DETECTION "needs ratings of snapshots, which this version does not have"

const struct attack attacks[] = {
    {"A1", "a machine's key: delete, overwrite, truncate, upload again over what is there", ATTACK_NEEDS_MACHINE, 1, attack_verbs, NULL},
    {"A2", "a machine's key: a flood of false snapshots, then a year of retention", ATTACK_NEEDS_SERVER, 4, attack_flood, NULL},
    {"A3", "a machine's key: a false newest snapshot", ATTACK_NEEDS_SERVER, 3, attack_latest, NULL},
    {"A4", "a machine's clock is off by 1 year, by 50, beyond 2038", ATTACK_NEEDS_MACHINE, 1, attack_client_clock, NULL},
    {"A5", "the server's clock jumps by years, creeps, goes back, is false at the start", ATTACK_NEEDS_SERVER, 13, attack_server_clock, NULL},
    {"A6", "a machine's key: read other machines, other tenants, its own history", ATTACK_NEEDS_MACHINE, 3, attack_peek, NULL},
    {"A7", "chunk poisoning: garbage under the id of a chunk that another machine needs", ATTACK_NEEDS_TWO, 3, attack_poison, NULL},
    {"A8", "noise: ten times the bytes and the snapshots while a neighbour backs up", ATTACK_NEEDS_TWO, 3, attack_noise, NULL},
    {"A9", "a tenant administrator's and an operator's certificate, stolen", ATTACK_NEEDS_SERVER, 13, attack_one_person, NULL},
    {"A10", "two people of the provider together, against a customer who holds a key", ATTACK_NEEDS_SERVER, 8, attack_two_people, NULL},
    {"A11", "root on the server: everything removed", ATTACK_NEEDS_SERVER, 3, attack_wiped, NULL},
    {"A12", "root on the server, patient: a bit here, a pack there", ATTACK_NEEDS_SERVER, 6, attack_rotten, NULL},
    {"A13", "the server lies: an older log, a log that was forked", ATTACK_NEEDS_SERVER, 5, attack_rollback, NULL},
    {"A14", "the server pushes code to machines", ATTACK_NEEDS_MORE, 0, NULL,
     "there is no such message; a hostile vault is restored in the tests (e2e/31, unit/target)"},
    {"A15", "an abandoned key; a revoked one", ATTACK_NEEDS_SERVER, 8, attack_abandoned, NULL},
    {"A16", "a customer who left: 179 days later", ATTACK_NEEDS_SERVER, 3, attack_leaver, NULL},
    {"A17", "all keys of machines and people are lost", ATTACK_NEEDS_SERVER, 4, attack_keys_lost, NULL},
    {"A18", "the server dies while it receives, forgets, collects", ATTACK_NEEDS_SERVER, 4, attack_crash, NULL},
    {"A19", "encryption so slow that the last clean snapshot ages out", ATTACK_NEEDS_MORE, 0, NULL, MISSING_DETECTION},
    {"A20", "backups stop, silently", ATTACK_NEEDS_SERVER, 3, attack_silence, NULL},
    {"A21", "the log is edited, cut, reordered, signed again", ATTACK_NEEDS_SERVER, 7, attack_log, NULL},
    {"A22", "a false update of the program", ATTACK_NEEDS_MORE, 0, NULL, "updates are the distribution's packages; the program fetches none"},
    {"A23", "a restore brings the implant back", ATTACK_NEEDS_MORE, 0, NULL, MISSING_DETECTION},
    {"A24", "root on the server: stored files encrypted in place", ATTACK_NEEDS_SERVER, 4, attack_ransom, NULL},
};
const size_t attack_count = sizeof attacks / sizeof *attacks;

const struct attack *attack_find(const char *id)
{
    for (size_t i = 0; i < attack_count; i++)
        if (strcasecmp(attacks[i].id, id) == 0)
            return &attacks[i];
    return NULL;
}
