/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions, snapshots that expire, crashes, a power cut, and collections, in all
 * their orders (docs/decisions/0011). Checked by spin for one property: what a
 * snapshot refers to is there.
 *
 * The vault begins with pack P, frames A and B, and snapshot 0 that needs both.
 * A session refers to A or B where it finds it, or stores it in a pack of its own.
 * A collection copies A alone into pack N if nobody needs B, and removes packs
 * that nobody needs. What is written as one object is one step here.
 *
 * Once, frame B of P rots, or frame A of N, and a repair sets the pack aside. What
 * is left of it is kept as long as nothing else has the frame. If a session stored B
 * again, a collection copies it, and A, into N: old references lead there.
 *
 * Each MUTANT_… takes away one step or turns two around: tests/model/run lets
 * spin find the snapshot that is then lost.
 */
#define SESSIONS 2
#define GC_RUNS  4

#define P 0
#define N 1
#define NOWHERE 3
#define OWN 2 /* a session's own pack: never condemned while its record is there */

#define IN_USE 0
#define SAID 1
#define WAITING 2
#define SWEPT 3

#define A 0
#define B 1

/* ---- on disk ---------------------------------------------------------------- */

bool present[2] = false;  /* P and N */
byte stage[2] = IN_USE;   /* their condemnations */
bool waits[4] = false;    /* pack * SESSIONS + session: whom the condemnation waits for */

bool rotten = false;       /* one pack, once */
bool set_aside[2] = false; /* as damaged: beside the stage above */
bool n_has_b = false;      /* healing put B into N, too */
bool n_was_alone = false;  /* when A rotted in N, P was gone */

/* Snapshots: 0 is the old one, 1 … are those of the sessions. */
bool exists[3] = false;
bool expired_unsynced = false; /* snapshot 0 was removed, its name not synced */
byte frame_of[3];              /* A or B; snapshot 0 needs both */
byte pack_of[3];

/* ---- in the kernel ----------------------------------------------------------- */

bool lease[SESSIONS] = false;
bool cut = false; /* the power went: everybody notices and begins anew */

/* ---- what snapshots need, as told by their records --------------------------- */

#define refers(s, f, p) (exists[s] && pack_of[s] == p && (frame_of[s] == f || s == 0))
#define any_refers(f, p) (refers(0, f, p) || refers(1, f, p) || refers(2, f, p))

/* A sound frame B of a later session. */
#define b_stored_again ((exists[1] && frame_of[1] == B && pack_of[1] == OWN) || \
                        (exists[2] && frame_of[2] == B && pack_of[2] == OWN))

/* Frame A of P is also in N, if N is there; it counts only if N stays and is sound. */
#ifdef MUTANT_MOVED_TO_A_CONDEMNED_PACK
#define moved(x) (present[N] && !set_aside[N])
#elif defined(MUTANT_CONDEMNS_BEFORE_COPYING)
#define moved(x) (true) /* whoever condemned it was going to copy */
#elif defined(MUTANT_MOVED_TO_A_DAMAGED_PACK)
#define moved(x) (present[N] && stage[N] == IN_USE)
#else
#define moved(x) (present[N] && stage[N] == IN_USE && !set_aside[N])
#endif
#ifdef MUTANT_CONDEMNS_BEFORE_HEALING
#define healed(x) (b_stored_again)
#else
#define healed(x) (moved(x) && n_has_b)
#endif
#define p_goes (!present[P] || stage[P] != IN_USE || set_aside[P])

/* The property. A damaged pack that alone has a frame counts: its bytes are kept. */
#define n_counts (present[N] && (!set_aside[N] || n_was_alone))
#define a_is_there(p) ((p == OWN) || present[p] || (p == P && n_counts))
#define b_is_there(p) ((p == OWN) || present[p] || (p == P && n_counts && n_has_b))
#define safe(s) (!exists[s] || \
    ((!(frame_of[s] == A || s == 0) || a_is_there(pack_of[s])) && \
     (!(frame_of[s] == B || s == 0) || b_is_there(pack_of[s]))))
#define all_safe (safe(0) && safe(1) && safe(2))

/* ---- a backup ------------------------------------------------------------------ */

proctype session(byte me)
{
    byte where, f;
    bool p_shunned, n_shunned, p_seen, n_seen;
    bool had_cut = cut;

    /* The lease, then what is condemned, then which packs there are. */
#ifdef MUTANT_LOOKS_BEFORE_THE_LEASE
    atomic { p_shunned = (stage[P] != IN_USE || set_aside[P]); n_shunned = (stage[N] != IN_USE || set_aside[N]); }
    lease[me] = true;
    atomic { p_seen = present[P]; n_seen = present[N]; }
#elif defined(MUTANT_AN_INDEX_OF_BEFORE_THE_LEASE)
    atomic { p_seen = present[P]; n_seen = present[N]; }
    lease[me] = true;
    atomic { p_shunned = (stage[P] != IN_USE || set_aside[P]); n_shunned = (stage[N] != IN_USE || set_aside[N]); }
#elif defined(MUTANT_LISTS_PACKS_FIRST)
    lease[me] = true;
    atomic { p_seen = present[P]; n_seen = present[N]; }
    atomic { p_shunned = (stage[P] != IN_USE || set_aside[P]); n_shunned = (stage[N] != IN_USE || set_aside[N]); }
#else
    lease[me] = true;
    atomic { p_shunned = (stage[P] != IN_USE || set_aside[P]); n_shunned = (stage[N] != IN_USE || set_aside[N]); }
    atomic { p_seen = present[P]; n_seen = present[N]; }
#endif
#ifdef MUTANT_USES_CONDEMNED_PACKS
    atomic { p_shunned = false; n_shunned = false; }
#endif
    if
    :: f = A
    :: f = B
    fi;
    /* The offer: a pack that is there and not shunned, else a pack of its own. */
    if
    :: (f == A || n_has_b) && n_seen && !n_shunned -> where = N
    :: p_seen && !p_shunned -> where = P
    :: else -> where = OWN
    fi;
#ifdef MUTANT_LEASE_ENDS_BEFORE_THE_COMMIT
    lease[me] = false;
#endif
    if
    :: skip /* it dies before its commit */
    :: atomic {
        if
        :: cut == had_cut ->
            frame_of[me + 1] = f;
            pack_of[me + 1] = where;
            exists[me + 1] = true;
            assert(all_safe)
        :: else -> skip
        fi
       }
    fi;
    lease[me] = false
}

/* ---- a collection ----------------------------------------------------------------- */

#define judge_p ((any_refers(B, P) && !healed(0)) || (any_refers(A, P) && !moved(0)))
#define n_holds_for_p (any_refers(A, P) || (n_has_b && any_refers(B, P)))
#ifdef MUTANT_ROWS_OF_DAMAGED_PACKS_DO_NOT_COUNT
#define n_has_the_rest (false)
#else
#define n_has_the_rest (set_aside[N] && !present[P] && n_holds_for_p)
#endif
#define judge_n (any_refers(A, N) || any_refers(B, N) || n_has_the_rest || \
                 (p_goes && stage[N] == IN_USE && !set_aside[N] && n_holds_for_p))

proctype collector()
{
    byte round = 0, k;
    bool alive[SESSIONS], p_needed, n_needed, b_needed, p_used, die;

    do
    :: round == GC_RUNS -> break
    :: else ->
        round++;
        /* What rots is set aside by a repair; it holds the lease of collections. */
        if
        :: !rotten && present[P] -> atomic { rotten = true; set_aside[P] = true }
        :: !rotten && present[N] && !n_has_b ->
            atomic { rotten = true; set_aside[N] = true; n_was_alone = !present[P] }
        :: skip
        fi;
        /* An expired snapshot goes, at some time. */
        if
        :: exists[0] -> exists[0] = false; expired_unsynced = true
        :: skip
        fi;
#ifndef MUTANT_EXPIRY_IS_NOT_SYNCED
        if
        :: expired_unsynced -> expired_unsynced = false
        :: else -> skip
        fi;
#endif
        /* The old condemnations: sessions first, then records. */
#ifdef MUTANT_RECORDS_BEFORE_LEASES
        atomic { p_needed = judge_p; n_needed = judge_n; }
        atomic { alive[0] = lease[0]; alive[1] = lease[1]; }
#else
        atomic { alive[0] = lease[0]; alive[1] = lease[1]; }
        atomic { p_needed = judge_p; n_needed = judge_n; }
#endif
#ifdef MUTANT_DOES_NOT_LOOK_AGAIN
        atomic { p_needed = false; n_needed = false; }
#endif
        k = P;
        do
        :: k > N -> break
        :: else ->
            if /* damaged ones wait for this; they stay damaged until they are gone */
            :: present[k] && set_aside[k] && stage[k] == IN_USE &&
               !((k == P && p_needed) || (k == N && n_needed)) -> stage[k] = SAID
            :: else -> skip
            fi;
            if
            :: stage[k] == SAID ->
                atomic {
                    waits[k * SESSIONS] = alive[0];
                    waits[k * SESSIONS + 1] = alive[1];
                    stage[k] = WAITING
                }
            :: else -> skip
            fi;
#ifdef MUTANT_DOES_NOT_WAIT
            if
            :: stage[k] == WAITING
#else
            if
            :: stage[k] == WAITING && !(waits[k * SESSIONS] && alive[0]) &&
               !(waits[k * SESSIONS + 1] && alive[1])
#endif
               ->
                if
                :: (k == P && p_needed) || (k == N && n_needed) -> stage[k] = IN_USE
                :: else -> stage[k] = SWEPT
                fi;
                atomic { waits[k * SESSIONS] = false; waits[k * SESSIONS + 1] = false }
            :: else -> skip
            fi;
            if /* its time is over, or not yet */
            :: stage[k] == SWEPT ->
                if
                :: (k == P && p_needed) || (k == N && n_needed) -> stage[k] = IN_USE
                :: else ->
                    atomic {
                        present[k] = false;
                        n_has_b = n_has_b && k != N;
                        n_was_alone = n_was_alone && k != N;
                        assert(all_safe)
                    };
                    atomic { stage[k] = IN_USE; set_aside[k] = false }
                fi
            :: skip
            fi;
            k++
        od;
        if
        :: skip
        :: goto next /* it dies, and a later one goes on */
        fi;
        /* A new condemnation, from what the records say. */
        atomic {
            p_used = any_refers(A, P) || any_refers(B, P);
            b_needed = any_refers(B, P);
            n_needed = judge_n
        };
        /* Healing: a sound copy of B, and A with it, durable before anything is judged. */
        if
        :: atomic {
            present[P] && set_aside[P] && any_refers(B, P) && b_stored_again &&
            !n_has_b && !(present[N] && (stage[N] != IN_USE || set_aside[N])) ->
            present[N] = true;
            n_has_b = true
           };
           goto next
        :: else -> skip
        fi;
        if
        /* An N that is condemned may be met again: the same frames, the same name. */
        :: present[P] && stage[P] == IN_USE && !set_aside[P] && p_used && !b_needed &&
           !present[N] ->
#ifdef MUTANT_CONDEMNS_BEFORE_COPYING
            stage[P] = SAID;
            if
            :: goto next
            :: skip
            fi;
            present[N] = true
#else
            present[N] = true; /* copied, durable */
            if
            :: goto next
            :: skip
            fi;
#ifdef MUTANT_LISTS_BEFORE_CONDEMNING
            atomic {
                waits[P * SESSIONS] = lease[0];
                waits[P * SESSIONS + 1] = lease[1]
            };
            stage[P] = WAITING
#else
            stage[P] = SAID
#endif
#endif
        :: present[P] && stage[P] == IN_USE && !set_aside[P] && !p_used ->
#ifdef MUTANT_LISTS_BEFORE_CONDEMNING
            atomic {
                waits[P * SESSIONS] = lease[0];
                waits[P * SESSIONS + 1] = lease[1]
            };
            stage[P] = WAITING
#else
            stage[P] = SAID
#endif
        :: present[N] && stage[N] == IN_USE && !set_aside[N] && !n_needed -> stage[N] = SAID
        :: else -> skip
        fi;
next:   atomic { /* what is not looked at again makes no states of its own */
            k = P;
            alive[0] = false;
            alive[1] = false;
            p_needed = false;
            n_needed = false;
            b_needed = false;
            p_used = false
        }
    od
}

/* ---- the power -------------------------------------------------------------------- */

/* Sessions die; a name that was removed and not synced is back. The collector
 * goes on between two of its steps, as the next one would. */
proctype power()
{
    if
    :: atomic {
        cut = true;
        lease[0] = false;
        lease[1] = false;
        if
        :: expired_unsynced -> exists[0] = true; expired_unsynced = false
        :: skip
        fi;
        assert(all_safe)
       }
    :: skip
    fi
}

init {
    atomic {
        present[P] = true;
        exists[0] = true;
        pack_of[0] = P;
        frame_of[0] = A;
        run collector();
        run session(0);
        run session(1);
        run power()
    }
}
