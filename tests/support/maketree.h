/* SPDX-License-Identifier: Apache-2.0 */
/* The tree maker: what its files share. Everything is made through directory
 * descriptors; nothing is read. */
#ifndef ABRI_TESTS_SUPPORT_MAKETREE_H
#define ABRI_TESTS_SUPPORT_MAKETREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct maker {
    uint64_t seed; /* state of the generator */
    int root_fd;
    bool is_root;
    int size_class;   /* 0 small, 1 medium, 2 large */
    unsigned budget;  /* random entries still to make */
    unsigned serial;  /* makes names unique */
    unsigned pooled;  /* files in "pool" that links may point to */
    uint64_t refused; /* bit per thing that the system did not take */
};

enum refusal {
    NO_XATTR,
    NO_TRUSTED,
    NO_ACL,
    NO_CAPABILITY,
    NO_ATTRS,
    NO_DEVICE,
    NO_OWNER,
    NO_LINK
};

uint64_t pick(struct maker *m, uint64_t below);
bool chance(struct maker *m, unsigned percent);
/* The call failed: ends the program, unless it is a refusal that may be. */
void refused(struct maker *m, enum refusal what, const char *name);
_Noreturn void die(const char *what, const char *name);

/* maketree_name.c: a new name of any bytes, NUL-terminated, at most 255. */
void random_name(struct maker *m, char out[256]);

/* maketree_file.c */
void make_bytes(struct maker *m, int dirfd, const char *name, uint64_t len);
void make_sizes(struct maker *m, int dirfd);
void make_sparse(struct maker *m, int dirfd, bool huge);
void random_file(struct maker *m, int dirfd, const char *name);

/* maketree_meta.c: owner, mode, attributes and time, in this order, so that
 * nothing undoes another. */
void random_meta(struct maker *m, int dirfd, const char *name);
void set_time(struct maker *m, int dirfd, const char *name, int64_t s, long ns);
void make_xattrs(struct maker *m, int dirfd);
void make_modes(struct maker *m, int dirfd);
void make_times(struct maker *m, int dirfd);
void make_attrs(struct maker *m, int dirfd, bool locked);

/* maketree_special.c */
void make_links(struct maker *m, int dirfd);
void make_nodes(struct maker *m, int dirfd);
void random_special(struct maker *m, int dirfd, const char *name);

#endif
