/* SPDX-License-Identifier: GPL-2.0-or-later */
/* P, the primary mapping: which frame backs each page of a guest. */
#ifndef MM_BACKING_H
#define MM_BACKING_H

#include "mm/types.h"

/*
 * An entry is one word, so that a single load tells both which frame backs the page and whether
 * that is about to change: bits 51:12 the frame's address, P_PRESENT when there is one, P_MOVING
 * while an invalidation of the page is under way. Entries change only by the atomic accesses of
 * ept/order.h.
 */
#define P_PRESENT BIT(0)
#define P_MOVING BIT(1)
#define P_ADDRESS 0x000ffffffffff000ul

#define APIC_ACCESS_GPA 0xfee00000ul
#define APIC_ACCESS_GFN (APIC_ACCESS_GPA >> PAGE_SHIFT)

struct backing {
	u64 *entries; /* RAM from guest-physical 0, then the APIC-access page */
	u64 ram_pages;
	u64 first, run; /* the frames that hold the entries */
	u16 owner;
};

/* An empty map (nothing present) for RAM_PAGES of RAM and the APIC-access page. 0 or -ENOMEM. */
int backing_init(struct backing *b, u16 owner, u64 ram_pages);

/*
 * Frees every frame the map names, and the map. No CPU may have the guest's memory mapped any more.
 */
void backing_destroy(struct backing *b);

/* The entry of guest frame GFN, or NULL where the guest has no memory. */
static inline u64 *backing_entry(const struct backing *b, u64 gfn)
{
	if (gfn < b->ram_pages)
		return &b->entries[gfn];
	return gfn == APIC_ACCESS_GFN ? &b->entries[b->ram_pages] : NULL;
}

/* How many pages are present. For reports: it is exact only when nothing moves. */
u64 backing_resident(const struct backing *b);

#endif
