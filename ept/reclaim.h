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
	struct lock busy;    /* one CPU reclaims for a guest at a time; taken by trylock only */
	struct batch batch;  /* of who holds it */
	unsigned batch_max;  /* pages of one run of the protocol, at most BATCH_MAX */
	u64 low, high;	     /* background reclaim begins below low left, ends at high */
	u64 collapse_at;     /* the next 2-MB page to look at */

	/* For reports. */
	u64 scanned, activated;	     /* looked at; found used, so to the active list */
	u64 reclaimed;		     /* frames freed, of which */
	u64 same_filled, compressed, clean; /* were one word; were compressed; had a good copy */
	u64 stuck;		     /* could not be put away, so stayed */
	u64 background, direct;	     /* protocol runs on the housekeeping CPU; by a faulting vCPU */
	u64 ticks;		     /* of these runs */
	u64 collapses, compactions, tables_freed, copies_dropped;
};

/* The least budget, in frames, with which NVCPUS vCPUs get on in a guest of RAM_PAGES whose cold
 * pages compress well; what is in it: see reclaim.c. */
u64 reclaim_least(unsigned nvcpus);

/* For the guest that E belongs to, whose account is open. BATCH pages a run at most, 0 for the
 * default. */
void reclaim_init(struct reclaim *r, struct ept *e, unsigned batch);

/* What the housekeeping CPU does over and over: one batch, when less than high is left and it has
 * been below low since. Returns the frames freed. */
unsigned reclaim_background(struct reclaim *r);

/*
 * For a vCPU, OUTSIDE, whose fault found no frame: makes room, or waits for who is at it. -EAGAIN:
 * try again. -ENOMEM: nothing more can go.
 */
int reclaim_direct(struct reclaim *r);

/* Looks at one 2-MB page: when all of it is resident, small and in use, moves it to 512 frames in a
 * row, so that the next fault maps it by one leaf. True when it did. Housekeeping CPU. */
bool reclaim_collapse(struct reclaim *r);

#endif
