/* SPDX-License-Identifier: GPL-2.0-or-later */
/* P, the primary mapping: what backs each page of a guest. */
#ifndef MM_BACKING_H
#define MM_BACKING_H

#include "mm/lru.h"
#include "mm/store.h"

/*
 * An entry is one word, so that a single load tells both what backs the page and whether that is
 * about to change. Without P_MOVING it is one of
 *
 *   absent      0: never touched; reads as zero
 *   resident    bits 51:12 the frame's address, P_PRESENT
 *   same        P_SAME: every word of the page is the one in kept[]
 *   packed      P_PACKED: kept[] is the store's handle of its compressed contents
 *
 * P_MOVING is set while the page is on its way from one of these to another, by who has claimed it
 * with a CAS. Entries and kept[] change only by the accesses of ept/order.h, kept[] only by who has
 * claimed the page. For a resident page kept[] is the handle of a compressed copy, which is good as
 * long as nothing was written to the page, or 0.
 */
#define P_PRESENT BIT(0)
#define P_MOVING BIT(1)
#define P_SAME BIT(2)
#define P_PACKED BIT(3)
#define P_ADDRESS 0x000ffffffffff000ul

#define APIC_ACCESS_GPA 0xfee00000ul
#define APIC_ACCESS_GFN (APIC_ACCESS_GPA >> PAGE_SHIFT)

/* What is found behind an entry, for counting. */
enum p_kind { P_KIND_RESIDENT, P_KIND_ABSENT, P_KIND_SAME, P_KIND_PACKED, P_KINDS };

struct backing {
	u64 *entries; /* RAM from guest-physical 0, then the APIC-access page */
	u64 *kept;    /* as many */
	u64 *dirty;   /* the dirty log, a bit for each; atomic */
	u64 ram_pages;
	u64 first, run; /* the frames that hold all that */
	u16 owner;
	struct lru lru;
	struct store store;
};

/* An empty map (nothing present) for RAM_PAGES of RAM and the APIC-access page. 0 or -ENOMEM. */
int backing_init(struct backing *b, u16 owner, u64 ram_pages);

/* The frames that a map for RAM_PAGES takes by itself, its store's working memory included. */
u64 backing_frames(u64 ram_pages);

/*
 * Frees every frame the map names, its store, and the map. No CPU may have the guest's memory mapped
 * any more.
 */
void backing_destroy(struct backing *b);

/* The number of guest frame GFN in P, or -1 where the guest has no memory; and back. */
static inline u64 backing_index(const struct backing *b, u64 gfn)
{
	if (gfn < b->ram_pages)
		return gfn;
	return gfn == APIC_ACCESS_GFN ? b->ram_pages : ~0ul;
}

static inline u64 backing_gfn(const struct backing *b, u64 index)
{
	return index == b->ram_pages ? APIC_ACCESS_GFN : index;
}

/* The entry of guest frame GFN, or NULL where the guest has no memory. */
static inline u64 *backing_entry(const struct backing *b, u64 gfn)
{
	u64 index = backing_index(b, gfn);

	return index == ~0ul ? NULL : &b->entries[index];
}

static inline u64 *backing_kept(const struct backing *b, u64 gfn)
{
	return &b->kept[backing_index(b, gfn)];
}

static inline enum p_kind backing_kind(u64 entry)
{
	return entry & P_PRESENT  ? P_KIND_RESIDENT
	       : entry & P_SAME	  ? P_KIND_SAME
	       : entry & P_PACKED ? P_KIND_PACKED
				  : P_KIND_ABSENT;
}

/* The guest has written to GFN, says the processor (page-modification logging). From any CPU. */
void backing_log_dirty(struct backing *b, u64 gfn);

/* How many pages are present. For reports: it is exact only when nothing moves. */
u64 backing_resident(const struct backing *b);

#endif
