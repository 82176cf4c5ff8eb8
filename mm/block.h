/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The allocator's tables. Each range of memory has one of its frames and one of its blocks, the
 * 2-MB pages in which they lie. A block lists its free frames, and is itself in a pool that says
 * whom to give them to first: guests' own pages can be moved to other frames, nothing else can, so
 * the two keep to blocks of their own as long as there is room.
 */
#ifndef MM_BLOCK_H
#define MM_BLOCK_H

#include "mm/frame.h"

struct frame {
	u32 note; /* atomic, as is the owner: read without the lock */
	u16 owner;
	u16 next; /* listed as free: place of the next one in the block + 1, or LIST_END; else 0 */
};
_Static_assert(sizeof(struct frame) == 8, "the table costs 8 bytes a frame");
#define LIST_END (LARGE_PAGES + 1)

/* Blocks with free frames: nothing else is in them; or guests' own pages only; or other things. */
enum pool { POOL_WHOLE, POOL_MOVABLE, POOL_FIXED, POOLS, POOL_NONE = POOLS };

struct range;

struct block {
	struct block *next, **link; /* in its pool; *link points here */
	struct range *range;
	u64 first;	 /* frame number, a multiple of LARGE_PAGES */
	u16 list;	 /* of free frames: place of the first + 1, or LIST_END */
	u16 free, fixed; /* fixed: cannot be moved, or not in the range at all */
	u8 pool;
};

struct range {
	u64 first, count; /* frame numbers the range hands out */
	struct frame *table;
	struct block *blocks;
};

static inline bool is_guest_page(u16 owner)
{
	return owner != OWNER_HOST && !(owner & OWNER_STORE_BIT);
}

/* The bytes of the tables for a range of PAGES, which may begin and end within a block. */
static inline u64 range_tables(u64 pages)
{
	return pages * sizeof(struct frame) + (pages / LARGE_PAGES + 2) * sizeof(struct block);
}

static inline struct block *block_of(const struct range *r, u64 pfn)
{
	return &r->blocks[pfn / LARGE_PAGES - r->first / LARGE_PAGES];
}

static inline enum pool block_pool(const struct block *b)
{
	if (!b->free)
		return POOL_NONE;
	if (b->free == LARGE_PAGES)
		return POOL_WHOLE;
	return b->fixed ? POOL_FIXED : POOL_MOVABLE;
}

/* Takes the block out of the pool it is in, if any, and puts it into POOL. */
static inline void block_move(struct block *b, struct block **pools, enum pool pool)
{
	if (b->pool == pool)
		return;
	if (b->pool != POOL_NONE) {
		*b->link = b->next;
		if (b->next)
			b->next->link = b->link;
	}
	b->pool = pool;
	if (pool == POOL_NONE)
		return;
	b->link = &pools[pool];
	b->next = pools[pool];
	if (b->next)
		b->next->link = &b->next;
	pools[pool] = b;
}

/* Lists the frame, which was OWNER's, as free. */
static inline void block_put(struct block *b, u64 pfn, u16 owner)
{
	b->range->table[pfn - b->range->first].next = b->list;
	b->list = (u16)(pfn - b->first + 1);
	b->free++;
	b->fixed -= !is_guest_page(owner);
}

/* Takes the frame that *LINK names off the list. Returns its number. */
static inline u64 block_take(struct block *b, u16 *link, u16 owner)
{
	u64 pfn = b->first + *link - 1;
	struct frame *f = &b->range->table[pfn - b->range->first];

	*link = f->next;
	f->next = 0;
	__atomic_store_n(&f->note, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&f->owner, owner, __ATOMIC_RELAXED);
	b->free--;
	b->fixed += !is_guest_page(owner);
	return pfn;
}

/*
 * What keeps PAGES frames from PFN on from being taken: a frame that is not free, or the first one
 * asked for of a block that does not have as many or is in no pool. A row that fits begins after
 * it. The end of the row when nothing is in the way.
 */
static inline u64 range_obstacle(const struct range *r, u64 pfn, u64 pages)
{
	u64 end = pfn + pages;

	while (pfn < end) {
		const struct block *b = block_of(r, pfn);
		u64 stop = MIN(end, b->first + LARGE_PAGES);

		if (b->pool == POOL_NONE || b->free < stop - pfn)
			return pfn;
		for (; b->free < LARGE_PAGES && pfn < stop; pfn++)
			if (!r->table[pfn - r->first].next)
				return pfn;
		pfn = stop;
	}
	return end;
}

#endif
