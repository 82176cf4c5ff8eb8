/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reclaim: which of a guest's pages give up their frames, and when. How they do is the protocol's
 * work: a batch of pages whose new place in P is no frame (ept/protocol.c).
 */
#ifndef EPT_RECLAIM_H
#define EPT_RECLAIM_H

#include "ept/protocol.h"

struct reclaim {
	struct ept *ept;
	struct lock busy;   /* one CPU reclaims for a guest at a time; taken by trylock only */
	struct batch batch; /* of who holds it */
	unsigned batch_max; /* pages of one run of the protocol, at most BATCH_MAX */
	u64 least;	    /* with no more left, faults find no frame */
	u64 low, high;	    /* background reclaim begins below low left, ends at high */
	bool wanted;	    /* background reclaim is at it */
	u64 dirty_at;	    /* the next word of the dirty log to look at */
	u64 collapse_at;    /* the next 2-MB page to look at */

	/* For reports. */
	u64 scanned, activated; /* looked at; found used, so to the active list */
	u64 reclaimed;		/* frames freed; by what their pages were: batch.sum */
	u64 offered;		/* pages that left their frames at the guest's word */
	u64 background, direct; /* protocol runs on the housekeeping CPU; by a faulting vCPU */
	u64 ticks;		/* of these runs */
	u64 collapses, compactions, copies_dropped;
};

/* What the account's reserve must be for runs of BATCH pages (0: the default). */
u64 reclaim_reserve(unsigned batch);

/* The least budget, in frames, with which NVCPUS vCPUs get on in a guest whose cold pages compress
 * well, with runs of BATCH pages (0: the default). */
u64 reclaim_least(unsigned nvcpus, unsigned batch);

/* For the guest that E belongs to, whose account is open. BATCH pages a run at most, 0 for the
 * default. */
void reclaim_init(struct reclaim *r, struct ept *e, unsigned batch);

/* No CPU reclaims for the guest any more, nor looks at its pages. On the housekeeping CPU. */
void reclaim_exit(struct reclaim *r);

/* What the housekeeping CPU does over and over: one batch, when less than high is left and it has
 * been below low since. Returns the frames freed. */
unsigned reclaim_background(struct reclaim *r);

/*
 * For a vCPU, OUTSIDE, whose fault found no frame: makes room, or waits for who is at it. -EBUSY:
 * try again. -ENOMEM: nothing more can go.
 */
int reclaim_direct(struct reclaim *r);

/*
 * For a vCPU, OUTSIDE, whose guest offers the frames of COUNT pages from GFN on. Takes them back, and
 * keeps what they hold, or, with DISCARD, has them come back as zeros; or, with SWAP, only puts the
 * pages into other frames.
 */
enum offer { OFFER_KEEP, OFFER_DISCARD, OFFER_SWAP, OFFERS };
void reclaim_offered(struct reclaim *r, u64 gfn, unsigned count, enum offer offer);

/* Between these two R's batch is the caller's. False: another CPU has it. */
bool reclaim_begin(struct reclaim *r);
void reclaim_end(struct reclaim *r);

/* Has cold pages go out until FRAMES are to be had. False: they are not. After reclaim_begin(). */
bool reclaim_make_room(struct reclaim *r, u64 frames);

/* The guest with that account, or NULL. On the housekeeping CPU. */
struct reclaim *reclaim_guest(unsigned account);

/* Looks at one 2-MB page: when all of it is resident, small and in use, moves it to 512 frames in a
 * row, so that the next fault maps it by one leaf. True when it did. Housekeeping CPU. */
bool reclaim_collapse(struct reclaim *r);

#endif
