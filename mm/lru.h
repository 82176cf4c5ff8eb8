/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of a guest's pages were used lately: an active and an inactive list. They are hints: what a
 * page is, P and E say. Pages are numbered as in P (backing_index()).
 */
#ifndef MM_LRU_H
#define MM_LRU_H

#include "mm/lock.h"

enum lru_list { LRU_INACTIVE, LRU_ACTIVE, LRU_LISTS };

/* What is remembered of a page besides its place. */
#define LRU_STUCK 1 /* its contents could not be put away: not worth a try until it is written */
#define LRU_EXEC 2  /* code was fetched from it: not for a large leaf */

struct lru_page {
	u32 next;			  /* towards the tail; number + 1, 0 none */
	u32 prev : 24, on : 2, flags : 6; /* on: 0 no list, else the list + 1 */
};
_Static_assert(sizeof(struct lru_page) == 8, "the lists cost 8 bytes a page");

struct lru {
	struct lock lock; /* held for a few steps; a leaf: no other lock is taken under it */
	struct lru_page *pages;
	u64 npages, stuck; /* of which LRU_STUCK; atomic */
	struct {
		u32 head, tail; /* number + 1, 0 none */
		u64 count;	/* atomic */
	} list[LRU_LISTS];
};

/* PAGES has room for NPAGES (below 2^24) and is zero. */
void lru_init(struct lru *l, struct lru_page *pages, u64 npages);

/* To the head of LIST, from wherever it was. */
void lru_add(struct lru *l, u64 page, enum lru_list list);

/* Takes up to MAX pages off LIST, from its tail, which was not used for longest. Returns how many. */
unsigned lru_take(struct lru *l, enum lru_list list, u32 *pages, unsigned max);

/* How many are on LIST: true when nobody else changes it. */
static inline u64 lru_count(const struct lru *l, enum lru_list list)
{
	return __atomic_load_n(&l->list[list].count, __ATOMIC_RELAXED);
}

/* Flags, LRU_STUCK and so on; lru_mark clears CLEAR, sets SET, and returns what they are then. */
unsigned lru_mark(struct lru *l, u64 page, unsigned set, unsigned clear);
unsigned lru_flags(struct lru *l, u64 page);

#endif
